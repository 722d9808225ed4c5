"""The method `metadata`: every rule on a case of its own, the weights kept in bounds, and whole pictures."""

import io
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from assay.analysis import NoMaps
from assay.evidence import Direction, Strength
from assay.forensics.structure.facts import Facts, date, shown
from assay.forensics.structure.metadata import ANALYSIS, METHOD, examine, judge
from assay.forensics.structure.rules import Rule, rules
from assay.media import Media

RULES = {rule.id: rule for rule in rules()}
PAGE = Path(__file__).resolve().parents[2] / "docs" / "methods" / "metadata.md"
# What speaks for alteration outright; the rest of the rules may say weak at most.
OUTRIGHT = {
    "source_trained", "source_composite_trained", "source_algorithmic", "source_synthetic_parts", "source_composite",
    "source_drawn", "gen_sd_parameters", "gen_comfyui", "gen_invokeai", "gen_novelai", "gen_prompt_fields",
    "gen_json_parameters", "gen_midjourney", "gen_openai", "gen_firefly", "gen_google", "edit_google", "gen_grok",
    "gen_signature_artist", "gen_microsoft", "gen_meta", "gen_named", "gen_label_china", "gen_iptc_fields",
    "gen_keyword", "editor_face", "editor_cutout", "done_ancestors", "done_ingredients", "done_text_layers",
    "done_retouch", "done_log_retouch", "done_words_composite",
}  # fmt: skip


# For every rule: facts on which it must fire, and facts close by on which it must not.
Case = tuple[dict[str, Any], dict[str, Any]]

SOURCE = "xmp:Iptc4xmpExt:DigitalSourceType"
TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SOFTWARE = "exif:Software"
TOOL = "xmp:xmp:CreatorTool"
AGENT = "xmp:xmpMM:History/stEvt:softwareAgent"
TAKEN, CHANGED, DIGITISED = "exif:DateTimeOriginal", "exif:DateTime", "exif:DateTimeDigitized"
WHEN = "xmp:xmpMM:History/stEvt:when"
REGIONS = "xmp:mwg-rs:Regions/mwg-rs:AppliedToDimensions/stDim:"

BASE: dict[str, Any] = {"file:format": "jpeg", "file:width": 4000, "file:height": 3000, "file:maker_note": 0}

CAMERA = {
    "exif:Make": "Maker", "exif:Model": "Model 1", "exif:ExposureTime": 0.01, TAKEN: "2020:01:02 03:04:05",
    "file:maker_note": 900, "thumbnail:JpegWidth": 160, "thumbnail:JpegHeight": 120,
    "exif:PixelXDimension": 4000, "exif:PixelYDimension": 3000,
}  # fmt: skip


def term(name: str) -> dict[str, Any]:
    return {SOURCE: TERMS + name}


CASES: dict[str, Case] = {
    "source_trained": (term("trainedAlgorithmicMedia"), term("compositeWithTrainedAlgorithmicMedia")),
    "source_composite_trained": (term("compositeWithTrainedAlgorithmicMedia"), term("trainedAlgorithmicMedia")),
    "source_algorithmic": (term("algorithmicMedia"), term("trainedAlgorithmicMedia")),
    "source_synthetic_parts": (term("compositeSynthetic"), term("composite")),
    "source_composite": (term("compositeCapture"), term("compositeSynthetic")),
    "source_drawn": (term("digitalArt"), term("digitalCapture")),
    "source_edited": (term("minorHumanEdits"), term("digitalCapture")),
    "source_screen": (term("screenCapture"), term("digitalCapture")),
    "source_computational": (term("computationalCapture"), term("digitalCapture")),
    "source_capture": (term("digitalCapture"), term("computationalCapture")),
    "gen_sd_parameters": (
        {"text:parameters": "a hill\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1"},
        {"text:Description": "Steps: 20 down to the river"},
    ),
    "gen_comfyui": (
        {"text:prompt": '{"3": {"class_type": "KSampler", "inputs": {}}}'},
        {"text:workflow": "scan, crop, publish"},
    ),
    "gen_invokeai": ({"text:invokeai_metadata": "{}"}, {"text:metadata": "{}"}),
    "gen_novelai": ({"text:Software": "NovelAI"}, {"text:Software": "Novel editor"}),
    "gen_prompt_fields": ({"text:negative_prompt": "blurry"}, {"text:Negative": "film 12"}),
    "gen_json_parameters": ({"text:Comment": '{"steps": 28, "sampler": "k_euler"}'}, {"text:Comment": '{"steps": 28}'}),
    "gen_midjourney": (
        {"text:Description": "a hill --ar 3:2 --v 6 Job ID: 01234567-89ab-cdef-0123-456789abcdef"},
        {"text:Description": "job 12 of our agency"},
    ),
    "gen_openai": ({TOOL: "OpenAI DALL-E 3"}, {TOOL: "Dalles Editor"}),
    "gen_firefly": ({AGENT: ("Adobe Firefly",)}, {"exif:Model": "Firefly 8S"}),
    "gen_google": ({"iptc:Credit": "Made with Google AI"}, {"iptc:Credit": "Google Street View"}),
    "edit_google": ({"xmp:photoshop:Credit": "Edited with Google AI"}, {"xmp:photoshop:Credit": "Google"}),
    "gen_grok": ({SOFTWARE: "Grok 2"}, {SOFTWARE: "Groklaw"}),
    "gen_signature_artist": (
        {"exif:ImageDescription": "Signature: " + "Ab3/" * 12, "exif:Artist": "01234567-89ab-cdef-0123-456789abcdef"},
        {"exif:ImageDescription": "Signature: " + "Ab3/" * 12, "exif:Artist": "A. Person"},
    ),
    "gen_microsoft": ({SOFTWARE: "Bing Image Creator"}, {SOFTWARE: "Microsoft Office"}),
    "gen_meta": ({"iptc:Credit": "Imagined with AI"}, {"exif:Make": "Meta AI", "exif:Model": "Smart glasses"}),
    "gen_named": ({SOFTWARE: "Leonardo.AI"}, {"iptc:Caption-Abstract": "A hall of Stability AI"}),
    "gen_label_china": (
        {"xmp:TC260:AIGC": '{"Label":"1","ContentProducer":"001"}'},
        {"exif:UserComment": '{"Label":"holiday"}'},
    ),
    "gen_iptc_fields": ({"xmp:Iptc4xmpExt:AISystemUsed": "X"}, {"xmp:Iptc4xmpExt:Event": "X"}),
    "gen_keyword": ({"iptc:Keywords": ("hill", "AI-generated")}, {"iptc:Keywords": ("generated power",)}),
    "gen_size": ({"file:width": 1024, "file:height": 1024}, {"file:width": 1024, "file:height": 683}),
    "editor_photoshop": ({SOFTWARE: "Adobe Photoshop CC 2014"}, {SOFTWARE: "Adobe Photoshop Lightroom 6"}),
    "editor_photoshop_family": ({SOFTWARE: "Adobe Photoshop Express"}, {SOFTWARE: "Adobe Photoshop 7.0"}),
    "editor_lightroom": ({TOOL: "Adobe Lightroom 5.3"}, {TOOL: "Adobe Photoshop 7.0"}),
    "editor_gimp": ({"text:Comment": "Created with GIMP"}, {"text:Comment": "gimpy"}),
    "editor_affinity": ({SOFTWARE: "Affinity Photo 2"}, {SOFTWARE: "Infinity"}),
    "editor_pixelmator": ({SOFTWARE: "Pixelmator Pro 3"}, {SOFTWARE: "Pixel 8"}),
    "editor_corel": ({SOFTWARE: "Corel PaintShop Pro"}, {SOFTWARE: "Shop camera"}),
    "editor_paintnet": ({SOFTWARE: "Paint.NET v3.36"}, {SOFTWARE: "Paintings"}),
    "editor_snapseed": ({SOFTWARE: "Snapseed 2.0"}, {SOFTWARE: "Snap"}),
    "editor_mobile": ({SOFTWARE: "PicsArt"}, {SOFTWARE: "Pics 1.0"}),
    "editor_filter": ({SOFTWARE: "VSCOcam"}, {SOFTWARE: "VS 1"}),
    "editor_beauty": ({SOFTWARE: "Facetune2"}, {SOFTWARE: "Tune 2"}),
    "editor_face": ({SOFTWARE: "FaceApp"}, {SOFTWARE: "Face detection 1.0"}),
    "editor_cutout": ({SOFTWARE: "remove.bg"}, {SOFTWARE: "remover"}),
    "editor_layout": ({TOOL: "Canva"}, {TOOL: "Canvas camera"}),
    "editor_online": ({SOFTWARE: "Pixlr"}, {SOFTWARE: "Pixel"}),
    "editor_luminar": ({SOFTWARE: "Luminar 4"}, {SOFTWARE: "Lumia 800"}),
    "editor_upscaler": ({SOFTWARE: "Topaz Photo AI 2"}, {SOFTWARE: "Top 1"}),
    "editor_drawing": ({SOFTWARE: "Procreate"}, {SOFTWARE: "Process 1"}),
    "editor_converter": ({SOFTWARE: "Digital Photo Professional"}, {SOFTWARE: "Ver 1.0"}),
    "editor_apple": ({SOFTWARE: "Photos 7.0"}, {SOFTWARE: "17.2.1"}),
    "editor_windows": ({SOFTWARE: "Microsoft Windows Photo Viewer 6.1"}, {SOFTWARE: "Windows Phone"}),
    "editor_picasa": ({SOFTWARE: "Picasa"}, {SOFTWARE: "HDR+ 1.0 Google camera"}),
    "editor_viewer": ({SOFTWARE: "IrfanView"}, {SOFTWARE: "View 1"}),
    "editor_library": ({"text:Comment": "CREATOR: gd-jpeg v1.0"}, {"text:Comment": "good jpeg"}),
    "editor_optimiser": ({"text:Comment": "Optimized by JPEGmini 3.9"}, {"text:Comment": "mini"}),
    "editor_video": ({"text:Comment": "Lavc58.54.100"}, {"text:Comment": "lava"}),
    "editor_metadata_tool": (
        {"file:xmp": '<x:xmpmeta x:xmptk="Image::ExifTool 12.1">'},
        {"file:xmp": '<x:xmpmeta x:xmptk="Adobe XMP Core 5.6">'},
    ),
    "editor_computer": ({"exif:HostComputer": "Mac OS X 10.5"}, {"exif:HostComputer": "iPhone 12"}),
    "editor_padding": ({"exif:0xEA1C": "00"}, {"exif:0xEA1D": "00"}),
    "screen_shot": ({"exif:UserComment": "Screenshot"}, {"exif:UserComment": "A man takes a screenshot"}),
    "screen_profile": ({"file:icc": "Color LCD"}, {"file:icc": "Display P3"}),
    "scanner": ({"exif:Model": "CanoScan 9000F"}, {"exif:Model": "Canon EOS 5D"}),
    "scanner_source": ({"exif:FileSource": "02"}, {"exif:FileSource": "03"}),
    "network_facebook": ({"iptc:SpecialInstructions": "FBMD01000abc0d"}, {"iptc:SpecialInstructions": "No FBMD"}),
    "network_facebook_reference": (
        {"iptc:OriginalTransmissionReference": "Qk7xZmPq2LwYv9TnBd0s"},
        {"iptc:OriginalTransmissionReference": "REUTERS-2020-14"},
    ),
    "network_profile": ({"file:icc": "c2"}, {"file:icc": "sRGB IEC61966-2.1"}),
    "network_named": ({SOFTWARE: "Instagram"}, {SOFTWARE: "Instant camera"}),
    "desk_caption": ({"iptc:Headline": "Bridge"}, {"iptc:CodedCharacterSet": "UTF-8"}),
    "desk_digest": ({"photoshop_info:CaptionDigestMatches": 0}, {"photoshop_info:CaptionDigestMatches": 1}),
    "credentials": ({"file:parts": ("APP0 JFIF", "APP11 C2PA (JUMBF)")}, {"file:parts": ("APP0 JFIF",)}),
    "done_ancestors": ({"xmp:photoshop:DocumentAncestors": ("did:1",)}, {"xmp:photoshop:ColorMode": "3"}),
    "done_ingredients": (
        {"xmp:xmpMM:Ingredients/stRef:documentID": ("did:1",)},
        {"xmp:xmpMM:DocumentID": "did:1"},
    ),
    "done_text_layers": (
        {"xmp:photoshop:TextLayers/photoshop:LayerName": ("logo",)},
        {"xmp:photoshop:Headline": "logo"},
    ),
    "done_retouch": ({"xmp:crs:RetouchInfo": ("centerX = 0.5",)}, {"xmp:crs:Sharpness": "40"}),
    "done_log_retouch": ({"xmp:photoshop:History": "Open\nClone Stamp"}, {"xmp:photoshop:History": "Open\nCrop"}),
    "done_words_composite": (
        {"iptc:Caption-Abstract": "A photo illustration of a bridge"},
        {"iptc:Caption-Abstract": "This photo montage was not digitally altered"},
    ),
    "done_local": (
        {"xmp:crs:PaintBasedCorrections/crs:What": ("Correction",)},
        {"xmp:crs:PostCropVignetteAmount": "0"},
    ),
    "done_lens_blur": ({"xmp:crs:LensBlur/crs:Active": "true"}, {"xmp:crs:LensBlur/crs:Active": "false"}),
    "done_crop": ({"xmp:crs:HasCrop": "True"}, {"xmp:crs:HasCrop": "False"}),
    "done_perspective": ({"xmp:crs:PerspectiveVertical": "+11"}, {"xmp:crs:PerspectiveVertical": "0"}),
    "done_developed": ({"xmp:crs:HasSettings": "True"}, {"xmp:crs:HasSettings": "False"}),
    "done_history": (
        {"xmp:xmpMM:History/stEvt:action": ("created", "saved")},
        {"xmp:xmpMM:History/stEvt:action": ("created",)},
    ),
    "done_from_layers": (
        {"xmp:xmpMM:History/stEvt:parameters": ("from application/vnd.adobe.photoshop to image/jpeg",)},
        {"xmp:xmpMM:History/stEvt:parameters": ("from image/x-panasonic-raw to image/jpeg",)},
    ),
    "done_derived": ({"xmp:xmpMM:DerivedFrom/stRef:documentID": "did:1"}, {"xmp:xmpMM:DocumentID": "did:1"}),
    "done_photoshop_blocks": ({"photoshop:ids": (0x0404, 0x0421)}, {"photoshop:ids": (0x0404, 0x03ED)}),
    "done_path": ({"photoshop:ids": (2000,)}, {"photoshop:ids": (2999,)}),
    "done_save_for_web": ({"file:parts": ("APP12 Ducky",)}, {"file:parts": ("APP12",)}),
    "done_profile": ({"file:icc": "GIMP built-in sRGB"}, {"file:icc": "Adobe RGB (1998)"}),
    "done_profile_contradicts": (
        {"file:icc": "Adobe RGB (1998)", "exif:ColorSpace": 1},
        {"file:icc": "Adobe RGB (1998)", "exif:ColorSpace": 65535},
    ),
    "date_modified": (
        {TAKEN: "2020:01:02 03:04:05", CHANGED: "2020:01:02 03:06:05"},
        {TAKEN: "2020:01:02 03:04:05", CHANGED: "2020:01:02 03:04:06"},
    ),
    "date_original_later": (
        {TAKEN: "2020:01:03 00:00:00", CHANGED: "2020:01:02 00:00:00"},
        {TAKEN: "2020:01:02 00:00:00", CHANGED: "2020:01:03 00:00:00"},
    ),
    "date_digitised": (
        {TAKEN: "2020:01:02 03:04:05", DIGITISED: "2020:01:02 04:04:05"},
        {TAKEN: "1950:01:02 03:04:05", DIGITISED: "2020:01:02 04:04:05", "exif:FileSource": "02"},
    ),
    "date_impossible": ({TAKEN: "2020:13:02 03:04:05"}, {TAKEN: "0000:00:00 00:00:00"}),
    "date_unset": ({TAKEN: "0000:00:00 00:00:00"}, {TAKEN: "2020:13:02 03:04:05"}),
    "date_too_early": ({TAKEN: "1970:01:01 00:00:00"}, {TAKEN: "1999:01:01 00:00:00"}),
    "date_exif_version": (
        {TAKEN: "2004:01:01 00:00:00", "exif:ExifVersion": "0232"},
        {TAKEN: "2004:01:01 00:00:00", "exif:ExifVersion": "0220"},
    ),
    "date_gps": (
        {TAKEN: "2020:01:02 23:00:00", "gps:DateStamp": "2020:01:05"},
        {TAKEN: "2020:01:02 23:00:00", "gps:DateStamp": "2020:01:03"},
    ),
    "date_xmp": (
        {TAKEN: "2020:01:02 03:04:05", "xmp:xmp:CreateDate": "2020-03-02T03:04:05Z"},
        {TAKEN: "2020:01:02 03:04:05", "xmp:xmp:CreateDate": "2020-01-02T13:04:05+10:00"},
    ),
    "date_iptc": (
        {TAKEN: "2020:01:02 03:04:05", "iptc:DateCreated": "20200202"},
        {TAKEN: "2020:01:02 03:04:05", "iptc:DateCreated": "20200102"},
    ),
    "date_xmp_order": (
        {"xmp:xmp:CreateDate": "2020-03-02T00:00:00", "xmp:xmp:ModifyDate": "2020-01-02T00:00:00"},
        {"xmp:xmp:CreateDate": "2020-01-02T00:00:00", "xmp:xmp:ModifyDate": "2020-03-02T00:00:00"},
    ),
    "date_history": (
        {TAKEN: "2020:01:02 03:04:05", WHEN: ("2019-12-01T00:00:00Z",)},
        {TAKEN: "2020:01:02 03:04:05", WHEN: ("2020-02-01T00:00:00Z",)},
    ),
    "date_offset": ({"exif:OffsetTime": "+25:00"}, {"exif:OffsetTime": "+05:45"}),
    "size_exif": (
        {"exif:PixelXDimension": 6000, "exif:PixelYDimension": 4000},
        {"exif:PixelXDimension": 3000, "exif:PixelYDimension": 4000},
    ),
    "size_tiff": (
        {"exif:ImageWidth": 6000, "exif:ImageLength": 4000},
        {"exif:ImageWidth": 4000, "exif:ImageLength": 3004},
    ),
    "size_xmp": (
        {"xmp:tiff:ImageWidth": "6000", "xmp:tiff:ImageLength": "4000"},
        {"xmp:tiff:ImageWidth": "4000", "xmp:tiff:ImageLength": "3000"},
    ),
    "size_xmp_exif": (
        {"xmp:exif:PixelXDimension": "6000", "xmp:exif:PixelYDimension": "4000"},
        {"xmp:exif:PixelXDimension": "4000"},
    ),
    "size_regions": ({REGIONS + "w": "6000", REGIONS + "h": "4000"}, {REGIONS + "w": "4000", REGIONS + "h": "3000"}),
    "size_interop": (
        {"interop:RelatedImageWidth": 6000, "interop:RelatedImageLength": 4000},
        {"interop:RelatedImageWidth": 4000, "interop:RelatedImageLength": 3000},
    ),
    "size_turned": (
        {"exif:PixelXDimension": 3000, "exif:PixelYDimension": 4000},
        {"exif:PixelXDimension": 4000, "exif:PixelYDimension": 3000},
    ),
    "thumb_aspect": (
        {"thumbnail:JpegWidth": 256, "thumbnail:JpegHeight": 144},
        {"thumbnail:JpegWidth": 192, "thumbnail:JpegHeight": 256},
    ),
    "thumb_missing": (
        {"exif:Make": "Maker", "exif:FNumber": 4.0},
        {"exif:Make": "Maker", "exif:FNumber": 4.0, "thumbnail:JpegIFOffset": 800},
    ),
    "gps_latitude": ({"gps:Latitude": -91.0}, {"gps:Latitude": -90.0}),
    "gps_longitude": ({"gps:Longitude": 181.0}, {"gps:Longitude": 180.0}),
    "gps_null": ({"gps:Latitude": 0.0, "gps:Longitude": 0.0}, {"gps:Latitude": 0.0, "gps:Longitude": 12.0}),
    "gps_reference_missing": ({"gps:Latitude": 5.0}, {"gps:Latitude": 5.0, "gps:LatitudeRef": "N"}),
    "gps_reference_invalid": ({"gps:LatitudeRef": "Q"}, {"gps:LatitudeRef": "South"}),
    "gps_altitude": ({"gps:Altitude": 90000.0}, {"gps:Altitude": 11000.0}),
    "gps_speed": ({"gps:Speed": 5000.0}, {"gps:Speed": 900.0}),
    "gps_direction": ({"gps:ImgDirection": 400.0}, {"gps:ImgDirection": 359.9}),
    "gps_time": ({"gps:TimeStamp": (75.0, 0.0, 0.0)}, {"gps:TimeStamp": (23.0, 59.0, 60.0)}),
    "gps_date": ({"gps:DateStamp": "2020:02:31"}, {"gps:DateStamp": "2020:02:29"}),
    "gps_added": ({"gps:Latitude": 5.0}, {"gps:Latitude": 5.0, "exif:Make": "Maker"}),
    "camera_make_alone": ({"exif:Make": "Maker"}, {"exif:Make": "Maker", "exif:Model": "Model 1"}),
    "camera_model_alone": ({"exif:Model": "Model 1"}, {"exif:Make": "Maker", "exif:Model": "Model 1"}),
    "camera_aperture": ({"exif:FNumber": -4.0}, {"exif:FNumber": 0.0}),
    "camera_exposure": ({"exif:ExposureTime": 1e6}, {"exif:ExposureTime": 30.0}),
    "camera_iso": ({"exif:ISOSpeedRatings": 99_999_999}, {"exif:ISOSpeedRatings": 3_280_000}),
    "camera_focal": ({"exif:FocalLength": -5.0}, {"exif:FocalLength": 0.0}),
    "camera_make_differs": (
        {"exif:Make": "Canon", "xmp:tiff:Make": "SONY"},
        {"exif:Make": "NIKON CORPORATION", "xmp:tiff:Make": "Nikon"},
    ),
    "camera_model_differs": (
        {"exif:Model": "Canon EOS 5D", "xmp:tiff:Model": "iPhone 12"},
        {"exif:Model": "Canon EOS 5D", "xmp:tiff:Model": "EOS 5D"},
    ),
    "camera_lens_phone": (
        {"exif:Model": "iPhone 12", "exif:LensModel": "EF50mm f/1.8"},
        {"exif:Model": "iPhone 12", "exif:LensModel": "iPhone 12 back camera 4.2mm f/1.6"},
    ),
    "camera_note_missing": (
        {"exif:Make": "Canon", "exif:FNumber": 4.0},
        {"exif:Make": "Canon", "exif:FNumber": 4.0, "file:maker_note": 800},
    ),
    "camera_thin": ({"exif:Make": "Maker"}, {"exif:Make": "Maker", "exif:FNumber": 4.0}),
    "camera_format": ({"file:format": "png", "exif:Make": "Maker"}, {"file:format": "heic", "exif:Make": "Maker"}),
    "camera_orientation": ({"exif:Orientation": 9}, {"exif:Orientation": 8}),
    "camera_exif_version": ({"exif:ExifVersion": "9999"}, {"exif:ExifVersion": "0231"}),
    "camera_jfif": ({"file:parts": ("APP0 JFIF",), "exif:Make": "Maker"}, {"file:parts": ("APP0 JFIF",)}),
    "camera_whole": (CAMERA, {**CAMERA, SOFTWARE: "Adobe Photoshop 7.0"}),
    "computed_depth": ({"xmp:GDepth:Format": "RangeInverse"}, {"xmp:GCamera:MotionPhoto": "1"}),
    "computed_motion": ({"xmp:GCamera:MotionPhoto": "1"}, {"xmp:GCamera:MotionPhoto": "0"}),
    "computed_hdr": ({"xmp:hdrgm:Version": "1.0"}, {"xmp:crs:Version": "1.0"}),
    "computed_panorama": ({"xmp:GPano:ProjectionType": "equirectangular"}, {"xmp:GCamera:BurstID": "1"}),
    "computed_creation": ({"xmp:GCreations:CameraBurstID": "1"}, {"xmp:GCamera:BurstID": "1"}),
    "computed_rendered": ({"exif:CustomRendered": 7}, {"exif:CustomRendered": 0}),
    "block_broken": ({"file:remarks": ("EXIF: no TIFF header",)}, {"file:remarks": ()}),
    "block_no_exif": ({"iptc:Headline": "Bridge"}, {"iptc:Headline": "Bridge", "exif:Make": "Maker"}),
    "block_stripped": ({}, {"text:Title": "Bridge"}),
}


def test_every_rule_has_a_case_and_every_case_a_rule() -> None:
    assert set(CASES) == set(RULES)
    assert len(RULES) == len(rules()) >= 60


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_rule(rule: Rule) -> None:
    fires, quiet = CASES[rule.id]
    value = rule.fires(Facts(BASE | fires))
    assert value
    assert len(value) <= 200
    assert rule.fires(Facts(BASE | quiet)) is None


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_rule_is_well_put(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z_]+", rule.id)
    assert rule.title[0].isupper()
    assert not rule.title.endswith(".")
    assert rule.reason.endswith(".")
    assert 40 <= len(rule.reason) <= 300
    assert (rule.direction is Direction.NEUTRAL) == (rule.strength is Strength.NONE)
    known = {"exif", "gps", "thumbnail", "interop", "xmp", "iptc", "text", "photoshop_info", "file", "photoshop"}
    fields = [field for condition in (*rule.when, *rule.unless) for field in condition.fields]
    assert {field.split(":")[0] for field in fields} <= known


def test_weights_are_kept_in_bounds() -> None:
    assert {rule.id for rule in rules() if rule.strength.rank >= Strength.MODERATE.rank} == OUTRIGHT
    against = [rule for rule in rules() if rule.direction is Direction.AGAINST]
    assert all(rule.strength is Strength.WEAK for rule in against)


def test_an_empty_picture_is_neutral() -> None:
    finding = judge(Facts(BASE))
    assert (finding.direction, finding.strength) == (Direction.NEUTRAL, Strength.NONE)
    assert [fired["id"] for fired in finding.details["fired"]] == ["block_stripped"]
    assert finding.says == "No metadata at all, which speaks neither for nor against alteration."
    assert finding.details["rules_checked"] == len(RULES)


def test_several_remarks_that_weigh_nothing_do_not_lead() -> None:
    finding = judge(Facts(BASE | CASES["gen_size"][0]))
    assert finding.direction is Direction.NEUTRAL
    assert len(finding.details["fired"]) > 1
    assert finding.says.startswith("Nothing in the metadata speaks for or against alteration; 2 of ")


def test_the_strongest_is_cited_first() -> None:
    facts = CASES["camera_whole"][0] | CASES["gps_speed"][0] | CASES["source_trained"][0]
    finding = judge(Facts(BASE | facts))
    assert (finding.direction, finding.strength) == (Direction.FOR, Strength.STRONG)
    ids = [fired["id"] for fired in finding.details["fired"]]
    assert ids[:2] == ["source_trained", "gps_speed"]
    assert ids.index("gps_speed") < ids.index("camera_whole")
    assert "trainedAlgorithmicMedia" in finding.says
    assert "strong for alteration" in finding.says
    assert [fired["severity"] for fired in finding.details["fired"][:2]] == ["high", "low"]


def test_against_alone_is_against() -> None:
    finding = judge(Facts(BASE | CASES["camera_whole"][0]))
    assert (finding.direction, finding.strength) == (Direction.AGAINST, Strength.WEAK)


def test_values_are_fit_to_print() -> None:
    finding = judge(Facts(BASE | {"exif:Software": "Adobe Photoshop\x1b[31m\n\x00" + "x" * 5000}))
    value = finding.details["fired"][0]["value"]
    assert value == "exif:Software: Adobe Photoshop" or "\x1b" not in value
    assert len(value) <= 200
    assert shown("a\r\n\tb\x07 c") == "a b c"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("2020:01:02 03:04:05", (2020, 1, 2, 3, 4, 5)), ("2020-01-02T03:04:05.5+01:00", (2020, 1, 2, 3, 4, 5)),
        ("2020-01-02T03:04Z", (2020, 1, 2, 3, 4, 0)), ("20200102", (2020, 1, 2, 0, 0, 0)),
        ("2020:13:01 00:00:00", None), ("0000:00:00 00:00:00", None), ("soon", None), ("", None),
    ],
)  # fmt: skip
def test_dates(text: str, parts: tuple[int, ...] | None) -> None:
    moment = date(text)
    assert (tuple(moment.timetuple()[:6]) if moment else None) == parts


@settings(deadline=2000, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from([name for case in CASES.values() for facts in case for name in facts]),
        st.one_of(
            st.text(max_size=60), st.floats(), st.integers(), st.just(()),
            st.lists(st.text(max_size=20), max_size=4).map(tuple),
        ),
        max_size=8,
    )
)  # fmt: skip
def test_no_facts_upset_a_rule(values: dict[str, object]) -> None:
    judge(Facts(values))


def test_a_flood_of_text_is_searched_in_part() -> None:
    flood = {f"text:k{i}": "steps: 1 " * 11_000 for i in range(30)}
    started = time.perf_counter()
    assert judge(Facts(BASE | flood)).strength is Strength.NONE
    assert time.perf_counter() - started < 10


def encoded(format_: str, size: tuple[int, int] = (64, 48), mode: str = "RGB", **options: object) -> bytes:
    stream = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).convert(mode).save(stream, format_, **options)
    return stream.getvalue()


def test_a_generators_text_in_a_png() -> None:
    text = PngInfo()
    text.add_text("parameters", "a hill\nNegative prompt: fog\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1")
    finding = examine(Media.open(encoded("PNG", pnginfo=text)), NoMaps())
    assert (finding.direction, finding.strength) == (Direction.FOR, Strength.STRONG)
    assert finding.details["fired"][0]["id"] == "gen_sd_parameters"


def test_an_editor_in_a_jpeg() -> None:
    block = Image.Exif()
    block[0x0131], block[0x010F] = "GIMP 2.10", "Maker"
    finding = examine(Media.open(encoded("JPEG", exif=block)), NoMaps())
    assert (finding.direction, finding.strength) == (Direction.FOR, Strength.WEAK)
    assert {"editor_gimp", "camera_make_alone"} <= {fired["id"] for fired in finding.details["fired"]}


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF"])
@pytest.mark.parametrize(("size", "mode"), [((1, 1), "RGB"), ((9, 7), "L")])
def test_odd_pictures(format_: str, size: tuple[int, int], mode: str) -> None:
    finding = examine(Media.open(encoded(format_, size, mode)), NoMaps())
    assert finding.method == METHOD.id == ANALYSIS.id
    assert finding.strength is Strength.NONE


def test_cmyk() -> None:
    assert examine(Media.open(encoded("JPEG", mode="CMYK")), NoMaps()).strength is Strength.NONE


def test_the_page_lists_every_rule_as_it_is() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for rule in rules():
        weight = "neutral" if rule.direction is Direction.NEUTRAL else f"{rule.strength.words}, {rule.direction.value}"
        assert f"| `{rule.id}` | {rule.title} | {weight} |" in page
    assert page.count("\n| `") == len(rules())


@pytest.mark.shared_data
def test_no_camera_original_is_accused(shared_data: Path) -> None:
    findings = [examine(Media.open(path), NoMaps()) for path in sorted((shared_data / "camera").glob("*.jpg"))]
    accused = [f for f in findings if f.direction is Direction.FOR and f.strength.rank >= Strength.MODERATE.rank]
    assert len(findings) == 72
    assert accused == []
