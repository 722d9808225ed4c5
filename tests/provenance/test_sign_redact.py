"""Metadata taken out before signing: gone from the bytes, gone from the history, and nothing else changed."""

import io
import json
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from c2pa import Builder, C2paBuilderIntent, C2paDigitalSourceType, C2paSignerInfo, Reader, Signer
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from tests.provenance.pki import pki
from tests.provenance.samples import landscape, picture, sample
from tests.provenance.signed import store

from assay.errors import AssayError, MediaError, ProvenanceError, UsageError
from assay.provenance import engine, redact
from assay.provenance.identity import from_pem
from assay.provenance.model import State
from assay.provenance.redact import packets
from assay.provenance.redact.directories import blank
from assay.provenance.sign import Options, sign
from assay.provenance.verify import verify

ORIENTATION, MAKER, NOTE, SERIAL = 0x0112, 0x010F, 0x927C, 0xA431
LATITUDE = struct.pack("<6I", 52, 1, 22, 1, 13777, 1000)
PIXELS = landscape(96, 64)
EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"


def exif_block(thumbnail: bytes = b"") -> bytes:
    """A TIFF structure: maker, orientation, EXIF with serial number and maker's note, GPS, a thumbnail."""

    def entry(tag: int, kind: int, count: int, value: int | bytes) -> bytes:
        held = value.ljust(4, b"\0") if isinstance(value, bytes) else struct.pack("<I", value)
        return struct.pack("<HHI", tag, kind, count) + held

    def directory(entries: list[bytes], following: int = 0) -> bytes:
        return struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", following)

    exif_at, gps_at, first_at, values = 200, 300, 400, 500
    block = bytearray(values + 200 + len(thumbnail))
    block[:8] = b"II*\0" + struct.pack("<I", 8)

    def put(at: int, data: bytes) -> None:
        block[at : at + len(data)] = data

    put(values, b"MAKER-OF-CAMERAS\0")
    put(values + 32, b"SERIAL-12345678\0")
    put(values + 64, b"NOTE-OF-THE-MAKER-0123456789")
    put(values + 100, LATITUDE)
    put(values + 130, b"2026:05:05\0")
    put(values + 200, thumbnail)
    put(8, directory([
        entry(MAKER, 2, 17, values), entry(ORIENTATION, 3, 1, b"\x06\0"), entry(0x8769, 4, 1, exif_at),
        entry(0x8825, 4, 1, gps_at),
    ], first_at if thumbnail else 0))  # fmt: skip
    put(exif_at, directory([entry(NOTE, 7, 28, values + 64), entry(SERIAL, 2, 16, values + 32)]))
    put(gps_at, directory([entry(1, 2, 2, b"N\0"), entry(2, 5, 3, values + 100), entry(29, 2, 11, values + 130)]))
    if thumbnail:
        put(first_at, directory([entry(0x0201, 4, 1, values + 200), entry(0x0202, 4, 1, len(thumbnail))]))
    return bytes(block)


def xmp_packet(padding: int = 600) -> bytes:
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        'xmlns:e="http://ns.adobe.com/exif/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
        'xmlns:aux="http://ns.adobe.com/exif/1.0/aux/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        'e:GPSLatitude="52,22.2N" photoshop:City="Amsterdam" aux:SerialNumber="XMP-SERIAL" xmp:Rating="4">'
        "<e:GPSLongitude>4,53.7E</e:GPSLongitude></rdf:Description></rdf:RDF></x:xmpmeta>"
        + " " * padding
        + '<?xpacket end="w"?>'
    ).encode()


def photoshop_block() -> bytes:
    sets = b"".join(
        b"\x1c\x02" + bytes([number]) + struct.pack(">H", len(value)) + value
        for number, value in ((90, b"Rotterdam"), (120, b"A caption"), (101, b"Netherlands"))
    )
    sets += b"\0" * (len(sets) & 1)

    def resource(number: int, data: bytes) -> bytes:
        return b"8BIM" + struct.pack(">HH", number, 0) + struct.pack(">I", len(data)) + data + b"\0" * (len(data) & 1)

    return resource(0x0404, sets) + resource(0x040C, b"SMALL-PICTURE-OF-PHOTOSHOP")


def segment(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload


def jpeg(*extra: bytes, thumbnail: bytes = b"", tail: bytes = b"") -> bytes:
    plain = picture("image/jpeg", PIXELS)
    parts = [
        segment(0xE1, b"Exif\0\0" + exif_block(thumbnail)),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp_packet()),
        segment(0xED, b"Photoshop 3.0\0" + photoshop_block()), *extra,
    ]  # fmt: skip
    return plain[:2] + b"".join(parts) + plain[2:] + tail


def png(compressed: bool = False) -> bytes:
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp_packet().decode(), zip=compressed)
    info.add_text("exif:GPSLatitude", "52/1, 22/1")
    info.add_text("Raw profile type exif", "\nexif\n 4\n52222222\n")
    info.add_text("Title", "Hills")
    return picture("image/png", PIXELS, exif=exif_block(), pnginfo=info)


def tiff() -> bytes:
    """A TIFF whose first directory points to the EXIF and GPS ones, at the file's end."""
    plain = picture("image/tiff", PIXELS, tiffinfo={700: xmp_packet(), 33723: b"\x1c\x02\x5a\x00\x09Rotterdam"})
    base = len(plain) + (len(plain) & 1)
    block = exif_block()
    out = bytearray(plain.ljust(base, b"\0") + block)
    for at, entries in ((200, (NOTE, SERIAL)), (300, (2, 29))):
        for number in range(struct.unpack_from("<H", block, at)[0]):
            where = at + 2 + 12 * number
            if struct.unpack_from("<H", block, where)[0] in entries:
                struct.pack_into("<I", out, base + where + 8, base + struct.unpack_from("<I", block, where + 8)[0])
    (first,) = struct.unpack_from("<I", out, 4)
    (count,) = struct.unpack_from("<H", out, first)
    slots = bytes(out[first + 2 : first + 2 + 12 * count])
    added = struct.pack("<HHII", 0x8769, 4, 1, base + 200) + struct.pack("<HHII", 0x8825, 4, 1, base + 300)
    table = struct.pack("<H", count + 2) + slots + added + bytes(4)
    struct.pack_into("<I", out, 4, len(out))
    return bytes(out) + table


def webp() -> bytes:
    return picture("image/webp", PIXELS, lossless=True, exif=exif_block(), xmp=xmp_packet())


MADE: dict[str, Callable[[], bytes]] = {"image/jpeg": jpeg, "image/png": png, "image/webp": webp, "image/tiff": tiff}


def pixels(data: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def exif(data: bytes) -> dict[int, Any]:
    found = Image.open(io.BytesIO(data)).getexif()
    return {**found, **found.get_ifd(0x8769), **{100000 + k: v for k, v in found.get_ifd(0x8825).items()}}


@pytest.mark.parametrize("mime", MADE)
class TestOutOfTheBytes:
    def test_the_place_is_gone_and_nothing_else(self, mime: str) -> None:
        source = MADE[mime]()
        assert LATITUDE in source
        assert b"52,22.2N" in source
        out = redact.from_bytes(source, mime, ["GPS"])
        for trace in (LATITUDE, b"52,22.2N", b"4,53.7E", b"2026:05:05\0", b"exif:GPSLatitude"):
            assert trace not in out
        assert b"Amsterdam" in out, "the name of a place is another kind"
        assert np.array_equal(pixels(out), pixels(source))
        before, after = exif(source), exif(out)
        rewritten = {0x8825, 700}
        assert {k: v for k, v in before.items() if k < 100000 and k not in rewritten} == {
            k: v for k, v in after.items() if k not in rewritten
        }
        assert any(k > 100000 for k in before)

    def test_names_of_places_too(self, mime: str) -> None:
        out = redact.from_bytes(MADE[mime](), mime, ["location"])
        for trace in (LATITUDE, b"52,22.2N", b"Amsterdam", b"Rotterdam", b"Netherlands"):
            assert trace not in out
        assert b"XMP-SERIAL" in out

    def test_serial_numbers_and_makers_notes(self, mime: str) -> None:
        source = MADE[mime]()
        out = redact.from_bytes(source, mime, ["serial"])
        for trace in (b"SERIAL-12345678", b"XMP-SERIAL", b"NOTE-OF-THE-MAKER"):
            assert trace in source
            assert trace not in out
        assert LATITUDE in out
        assert exif(out).get(ORIENTATION) == exif(source).get(ORIENTATION)

    def test_all_of_exif_but_what_the_picture_needs(self, mime: str) -> None:
        source = MADE[mime]()
        out = redact.from_bytes(source, mime, ["EXIF"])
        for trace in (
            LATITUDE,
            b"SERIAL-12345678",
            b"NOTE-OF",
            b"52,22.2N",
            *([] if mime == "image/tiff" else [b"MAKER"]),
        ):
            assert trace not in out
        assert np.array_equal(pixels(out), pixels(source))
        assert exif(out).get(ORIENTATION) == exif(source).get(ORIENTATION)
        assert set(exif(out)) <= set(exif(source))
        assert b"xmp:Rating" in out

    def test_all_of_xmp(self, mime: str) -> None:
        out = redact.from_bytes(MADE[mime](), mime, ["XMP"])
        assert b"Rating" not in out
        assert b"Amsterdam" not in out
        assert LATITUDE in out
        assert np.array_equal(pixels(out), PIXELS if mime != "image/jpeg" else pixels(jpeg()))

    def test_a_file_without_any_stays_as_it_is(self, mime: str) -> None:
        plain = picture(mime, PIXELS)
        assert redact.from_bytes(plain, mime, ["GPS", "location", "serial"]) == plain


class TestJpeg:
    def test_the_thumbnail_of_exif_and_of_photoshop(self) -> None:
        small = picture("image/jpeg", PIXELS[::4, ::4])
        source = jpeg(thumbnail=small)
        assert small[-60:] in source
        out = redact.from_bytes(source, "image/jpeg", ["thumbnail"])
        assert small[-60:] not in out
        assert b"SMALL-PICTURE" not in out
        assert np.array_equal(pixels(out), pixels(source))
        assert LATITUDE in out

    def test_iptc_goes_whole(self) -> None:
        out = redact.from_bytes(jpeg(), "image/jpeg", ["IPTC"])
        assert b"A caption" not in out
        assert b"Rotterdam" not in out
        assert b"Amsterdam" in out

    def test_a_second_picture_in_the_tail_is_cleaned_as_well(self) -> None:
        out = redact.from_bytes(jpeg(tail=b"\0\0" + jpeg()), "image/jpeg", ["GPS"])
        assert LATITUDE not in out
        assert len(out) == len(jpeg(tail=b"\0\0" + jpeg()))

    def test_a_film_in_the_tail_is_refused(self) -> None:
        with pytest.raises(ProvenanceError, match="in its tail") as caught:
            redact.from_bytes(jpeg(tail=sample("video/mp4")), "image/jpeg", ["GPS"])
        assert caught.value.reason == "unsupported"

    def test_extended_xmp_goes_only_as_a_whole(self) -> None:
        source = jpeg(segment(0xE1, EXTENSION + b"A" * 32 + bytes(8) + b"<GPSLatitude>52,99N</GPSLatitude>"))
        with pytest.raises(ProvenanceError, match="add XMP to --redact"):
            redact.from_bytes(source, "image/jpeg", ["GPS"])
        assert b"52,99N" not in redact.from_bytes(source, "image/jpeg", ["GPS", "XMP"])

    def test_an_xmp_that_is_no_xml_goes_only_as_a_whole(self) -> None:
        source = jpeg().replace(b"</rdf:RDF>", b"</rdf:RDG>")
        with pytest.raises(ProvenanceError, match="--redact XMP takes all"):
            redact.from_bytes(source, "image/jpeg", ["GPS"])
        assert b"52,22.2N" not in redact.from_bytes(source, "image/jpeg", ["XMP"])

    def test_an_xmp_without_room_is_refused_rather_than_cut(self) -> None:
        packet = xmp_packet(0).replace(b"<?xpacket", b"").replace(b"e:GPSLatitude", b"a:GPSLatitude")
        short = b'<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://ns.adobe.com/exif/1.0/">'
        short += b'<r:Description e:GPSX="1"/></r:RDF>'
        for text in (packet, short):
            try:
                out = packets.xmp(text, frozenset(["GPS"]))
            except ProvenanceError:
                continue
            assert len(out) == len(text)

    def test_bytes_past_the_end_of_a_dataset_do_no_harm(self) -> None:
        cut = b"\x1c\x02\x5a\x40\x00Rotter"
        assert packets.iptc(cut, frozenset(["location"])) == cut[:5] + b" " * 6


@pytest.mark.parametrize(
    "held",
    [
        'xmlns:d="http://www.dji.com/drone-dji/1.0/" d:GpsLatitude="52.1TRACE" d:GpsLongtitude="4.1TRACE"',
        'xmlns:d="http://www.dji.com/drone-dji/1.0/" d:Latitude="52.1TRACE" d:RelativeAltitude="+9TRACE"',
        'xmlns:geo="http://www.w3.org/2003/01/geo/wgs84_pos#" geo:lat="52.1TRACE" geo:long="4.1TRACE"',
    ],
)
@pytest.mark.parametrize("kind", ["GPS", "location"])
def test_the_place_in_other_vocabularies_goes_too(held: str, kind: str) -> None:
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description {held} rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"/></rdf:RDF>'
        "</x:xmpmeta>" + " " * 200
    ).encode()
    out = packets.xmp(packet, frozenset([kind]))
    assert b"TRACE" in packet
    assert b"TRACE" not in out
    assert b"Rating" in out


def test_what_nothing_leads_to_in_exif_goes_with_the_rest() -> None:
    block = bytearray(exif_block() + b"PLACE-OF-BEFORE")
    block[180:190] = b"ORPHANED 1"
    assert b"MAKER-OF-CAMERAS" in block
    blank(block, frozenset(["GPS"]))
    assert not any(trace in block for trace in (b"PLACE-OF-BEFORE", b"ORPHANED", LATITUDE))
    assert b"MAKER-OF-CAMERAS" in block
    assert b"NOTE-OF-THE-MAKER-0123456789" in block


@pytest.mark.parametrize("chunk", [b"tEXt", b"zTXt"])
def test_a_packet_of_png_where_it_does_not_belong(chunk: bytes) -> None:
    packed = zlib.compress(xmp_packet(), 0)
    body = chunk + b"XML:com.adobe.xmp\0" + (b"\0" + packed if chunk == b"zTXt" else xmp_packet())
    plain = picture("image/png", PIXELS)
    made = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    source = plain[:33] + made + plain[33:]
    assert b"52,22.2N" in source
    assert redact.from_bytes(source, "image/png", ["GPS"]) == plain


@pytest.mark.parametrize("mime", ["image/png", "image/webp"])
def test_what_follows_the_picture_is_refused(mime: str) -> None:
    plain = picture(mime, PIXELS)
    assert redact.from_bytes(plain + bytes(7), mime, ["GPS"]) == plain + bytes(7)
    with pytest.raises(ProvenanceError, match="past the end of its picture"):
        redact.from_bytes(plain + jpeg(), mime, ["GPS"])


def test_a_compressed_packet_of_png() -> None:
    out = redact.from_bytes(png(compressed=True), "image/png", ["GPS"])
    held = Image.open(io.BytesIO(out)).info["xmp"]
    assert b"GPSL" not in held
    assert b"Amsterdam" in held


@pytest.mark.parametrize("mime", ["image/heic", "image/gif", "video/mp4", "application/pdf"])
def test_kinds_that_cannot_be_cleaned_are_refused(mime: str) -> None:
    with pytest.raises(ProvenanceError, match="JPEG, PNG, WebP and TIFF files only") as caught:
        redact.from_bytes(sample(mime), mime, ["GPS"])
    assert caught.value.reason == "unsupported"


def test_a_value_that_lies_over_the_picture_is_refused() -> None:
    source = bytearray(tiff())
    (offset,) = struct.unpack_from("<I", source, 4)
    (count,) = struct.unpack_from("<H", source, offset)
    entries = {struct.unpack_from("<H", source, offset + 2 + 12 * n)[0]: offset + 2 + 12 * n for n in range(count)}
    (strip,) = struct.unpack_from("<I", source, entries[273] + 8)
    if struct.unpack_from("<I", source, entries[273] + 4)[0] > 1:
        (strip,) = struct.unpack_from("<I", source, strip)
    (gps,) = struct.unpack_from("<I", source, entries[0x8825] + 8)
    struct.pack_into("<I", source, gps + 2 + 12 + 8, strip + 8)
    with pytest.raises(ProvenanceError, match="tangled") as caught:
        redact.from_bytes(bytes(source), "image/tiff", ["GPS"])
    assert caught.value.reason == "unsupported"


def test_a_field_that_leads_beyond_the_block_does_not_make_it_grow() -> None:
    block = bytearray(exif_block(b"\xff\xd8\xff\xd9"))
    order = "<" if block[:2] == b"II" else ">"
    (first,) = struct.unpack_from(order + "I", block, 4)
    (count,) = struct.unpack_from(order + "H", block, first)
    for i in range(count):
        _, kind, n = struct.unpack_from(order + "HHI", block, first + 2 + 12 * i)
        if kind == 2 and n > 4:
            struct.pack_into(order + "I", block, first + 2 + 12 * i + 8, 65_000)
            break
    else:
        pytest.fail("the block has no text to lead astray")
    size = len(block)
    with suppress(AssayError):
        blank(block, frozenset({"GPS"}))
    assert len(block) == size


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_metadata_is_cleaned_or_refused_and_never_grows(data: st.DataObject) -> None:
    block = bytearray(exif_block(b"\xff\xd8\xff\xd9"))
    for _ in range(data.draw(st.integers(1, 6))):
        block[data.draw(st.integers(0, len(block) - 1))] = data.draw(st.integers(0, 255))
    size = len(block)
    try:
        blank(block, frozenset(data.draw(st.sets(st.sampled_from(sorted(redact.KINDS)), min_size=1))))
    except AssayError:
        return
    assert len(block) == size


def test_names_are_taken_in_any_case_and_misspelt_ones_are_told() -> None:
    assert redact.names(["gps,Serial", "thumbnail"]) == ("GPS", "serial", "thumbnail")
    with pytest.raises(UsageError, match="Did you mean GPS"):
        redact.names(["gsp"])


class TestSigned:
    def test_signed_without_the_place_and_says_so(self) -> None:
        who = from_pem(pki().chain_pem, pki().key_pem)
        made = sign(jpeg(), who, Options(source_type="digitalCapture", redact=("GPS",)))
        assert made.data is not None
        assert LATITUDE not in made.data
        found = verify(made.data, trust=store())
        assert found.state is State.TRUSTED
        assert [a.action for a in found.manifests[0].actions] == ["c2pa.created", "c2pa.edited.metadata"]

    def test_does_not_claim_to_have_removed_what_was_not_there(self) -> None:
        who = from_pem(pki().chain_pem, pki().key_pem)
        made = sign(picture("image/jpeg", PIXELS), who, Options(source_type="print", redact=("GPS",)))
        assert "no such metadata" in made.remarks[0]
        assert made.data is not None
        assert [a.action for a in verify(made.data, trust=store()).manifests[0].actions] == ["c2pa.created"]

    def test_out_of_the_history_too(self) -> None:
        """A camera's manifest says where it was: the assertion goes, and the record says that it went."""
        context = engine.context(store().anchors())
        about = {
            "claim_generator_info": [{"name": "Camera"}],
            "assertions": [
                {"label": "stds.exif", "data": {"@context": {"exif": "http://ns.adobe.com/exif/1.0/"},
                                                "exif:GPSLatitude": "39,21.102N"}},
                {"label": "c2pa.metadata", "data": {"@context": {"dc": "http://purl.org/dc/elements/1.1/"},
                                                    "dc:title": "Kept"}},
            ],
        }  # fmt: skip
        builder = Builder(json.dumps(about), context=context)
        builder.set_intent(C2paBuilderIntent.CREATE, C2paDigitalSourceType.DIGITAL_CAPTURE)
        taken = io.BytesIO()
        signer = Signer.from_info(C2paSignerInfo(b"es256", pki().chain_pem, pki().key_pem, None))
        builder.sign(signer, "image/jpeg", io.BytesIO(jpeg()), taken)
        assert b"39,21.102N" in taken.getvalue()

        made = sign(taken.getvalue(), from_pem(pki().chain_pem, pki().key_pem), Options(redact=("GPS",)))
        assert made.data is not None
        assert b"39,21.102N" not in made.data
        assert LATITUDE not in made.data
        assert b"Kept" in made.data
        found = verify(made.data, trust=store())
        assert found.chain is State.TRUSTED
        assert "c2pa.redacted" in [a.action for a in found.manifests[0].actions]
        assert any("stds.exif" in uri for uri in found.manifests[0].redacted)

    def test_thumbnails_out_of_the_history(self) -> None:
        who = from_pem(pki().chain_pem, pki().key_pem)
        first = sign(sample("image/jpeg"), who, Options(source_type="digitalCapture", thumbnail=True))
        made = sign(first.data or b"", who, Options(redact=("thumbnail",)))
        assert made.data is not None
        assert len(made.data) < len(first.data or b"") + 6000
        assert verify(made.data, trust=store()).chain is State.TRUSTED
        with Reader("image/jpeg", io.BytesIO(made.data), context=engine.context(store().anchors())) as reader:
            held = json.loads(reader.detailed_json())["manifests"]
        assert not [label for m in held.values() for label in m["assertion_store"] if "thumbnail" in label]

    def test_a_broken_file_is_a_media_error(self) -> None:
        with pytest.raises(MediaError):
            redact.from_bytes(jpeg()[:300], "image/jpeg", ["GPS"])
