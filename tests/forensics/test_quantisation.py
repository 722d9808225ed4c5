import io

import numpy as np
import pytest
from PIL import Image, JpegPresets
from tests.forensics.jpeg_files import after_jfif, as_camera, encode, exif, segment

from assay.analysis import NoMaps
from assay.evidence import Abstention, Direction, Finding, Reason, Strength
from assay.forensics import signatures as known
from assay.forensics.compression.quantisation import compare, examine
from assay.forensics.compression.tables import BASES, STANDARD, digest, fit, scaled
from assay.media import Media

PICTURE = np.random.default_rng(3).integers(0, 255, (48, 64, 3), dtype=np.uint8)


def found(data: bytes) -> Finding:
    outcome = examine(Media.open(data), NoMaps())
    assert isinstance(outcome, Finding)
    return outcome


def signature(**changes: object) -> known.Signature:
    media = Media.open(encode(PICTURE, 90))
    assert media.jpeg is not None
    made = known.describe(media.jpeg, make="Maker", model="One")
    fields = {name: getattr(made, name) for name in made.__struct_fields__}
    return known.Signature(**{**fields, **changes})


@pytest.mark.parametrize("quality", [5, 10, 50, 75, 92, 100])
def test_quality_of_libjpeg_is_read_exactly(quality: int) -> None:
    finding = found(encode(PICTURE, quality))
    assert (finding.details["quality"], finding.details["quality_chroma"]) == (quality, quality)
    assert finding.details["encoder"] == "standard"
    assert f"quality {quality}" in finding.says
    assert finding.direction is Direction.NEUTRAL


@pytest.mark.parametrize("luma", [True, False])
def test_every_quality_of_every_base_table_is_inverted(luma: bool) -> None:
    name = "luma" if luma else "chroma"
    base = next(table for family, component, table in BASES if family == STANDARD and component == name)
    for quality in range(1, 101):
        result = fit(scaled(base, quality), luma=luma)
        assert (result.family, result.error, result.turned) == (STANDARD, 0, False)
        # At the lowest qualities every entry of several is 255.
        assert result.quality == quality or np.array_equal(scaled(base, result.quality), scaled(base, quality))


def test_sixteen_bit_tables_are_inverted_too() -> None:
    base = BASES[0][2]
    result = fit(scaled(base, 5, limit=32767), luma=True)
    assert (result.quality, result.exact) == (5, True)


def test_tables_of_mozjpeg_are_named() -> None:
    base = next(table for family, _, table in BASES if family.startswith("Robidoux"))
    table = [int(v) for v in scaled(base, 80).ravel()]
    finding = found(encode(PICTURE, qtables=[table, table]))
    assert finding.details["encoder"].startswith("Robidoux")
    assert finding.details["quality"] == 80
    assert "luma and chroma share one table" in finding.details["oddities"]


def test_other_rounding_is_told_from_libjpeg() -> None:
    tables = [np.maximum(scaled(base, 85).astype(int) - (scaled(base, 85) > 20), 1) for _, _, base in BASES[:2]]
    finding = found(encode(PICTURE, qtables=[[int(v) for v in t.ravel()] for t in tables]))
    assert finding.details["encoder"] == "standard, other rounding"
    assert finding.details["quality"] == 85


def test_a_turned_table_shows_the_turn() -> None:
    tables = [[int(v) for v in scaled(base, 80).T.ravel()] for _, _, base in BASES[:2]]
    finding = found(encode(PICTURE, qtables=tables))
    assert finding.details["components"][0]["turned"] is True
    assert "by 90 degrees" in finding.says
    assert finding.details["quality"] == 80


def test_custom_tables_give_the_nearest_quality_and_its_error() -> None:
    table = [int(v) for v in np.clip(np.arange(64) // 2 + 3, 1, 255)]
    finding = found(encode(PICTURE, qtables=[table, table]))
    assert finding.details["encoder"] == "custom"
    assert finding.details["components"][0]["largest_difference"] > 1


def test_adobe_tables_that_nothing_owns_up_to_weigh_more_than_declared_ones() -> None:
    data = encode(PICTURE, qtables=JpegPresets.presets["high"]["quantization"])
    hidden = found(as_camera(data, exif("Canon", "Canon EOS 7D")))
    assert (hidden.details["claim"], hidden.direction, hidden.strength) == (
        "hidden_editor", Direction.FOR, Strength.MODERATE,
    )  # fmt: skip
    declared = found(as_camera(data, exif("Canon", "Canon EOS 7D", "Adobe Photoshop CS2 Windows")))
    assert (declared.details["claim"], declared.strength) == ("resaved", Strength.WEAK)
    unclaimed = found(data)
    assert (unclaimed.details["encoder"], unclaimed.direction) == ("Adobe Photoshop", Direction.NEUTRAL)


def test_standard_tables_in_a_file_of_a_make_that_has_its_own() -> None:
    finding = found(as_camera(encode(PICTURE, 88), exif("Panasonic", "DMC-FZ5")))
    assert (finding.details["claim"], finding.direction, finding.strength) == ("resaved", Direction.FOR, Strength.WEAK)


def test_unknown_and_absent_cameras_say_nothing() -> None:
    assert found(encode(PICTURE)).details["claim"] == "unclaimed"
    finding = found(as_camera(encode(PICTURE), exif("Nobody's", "Camera")))
    assert (finding.details["claim"], finding.strength) == ("unknown", Strength.NONE)


def test_a_known_original_speaks_against_only_where_its_tables_are_its_own() -> None:
    own = signature(tables=("aa", "bb", "bb"), fits=(0, 0, 0), coding="DQT(2) SOF0 DHT(4) SOS")
    table = known.Signatures(cameras=(own,))
    same = compare(own, table, adobe_named=False)
    assert (same.status, same.direction, same.strength) == ("same", Direction.AGAINST, Strength.WEAK)
    rewritten = signature(tables=("aa", "bb", "bb"), fits=(0, 0, 0))
    assert compare(rewritten, known.Signatures(cameras=(rewritten,)), adobe_named=False).status == "same_generic"
    standard = signature()
    assert compare(standard, known.Signatures(cameras=(standard,)), adobe_named=False).status == "same_generic"
    other = signature(tables=("cc", "dd", "dd"), fits=(0, 0, 0))
    claim = compare(other, table, adobe_named=False)
    assert (claim.status, claim.direction) == ("other", Direction.NEUTRAL)


def test_a_make_is_held_to_its_habits_only_when_well_known() -> None:
    def of(model: str) -> known.Signature:
        return signature(model=model, tables=(model, "x", "x"), fits=(0, 0, 0))

    few, many = (known.Signatures(cameras=tuple(of(f"M{i}") for i in range(n))) for n in (2, 3))
    assert compare(signature(model="New"), few, adobe_named=False).status == "unknown"
    assert compare(signature(model="New"), many, adobe_named=False).status == "resaved"


def test_oddities_of_the_tables() -> None:
    extra = segment(0xDB, b"\x02" + bytes([7] * 64))
    wide = segment(0xDB, b"\x13" + b"\x00\x09" * 64)
    odd = found(after_jfif(encode(PICTURE), extra, wide)).details["oddities"]
    assert any("16-bit" in o for o in odd)
    assert any("4 tables" in o for o in odd)
    assert any("2, 3 is defined and never used" in o for o in odd)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_are_judged(mode: str) -> None:
    stream = io.BytesIO()
    Image.fromarray(PICTURE).convert(mode).save(stream, "JPEG", quality=80)
    assert found(stream.getvalue()).details["quality"] == 80


@pytest.mark.parametrize("options", [{"progressive": True}, {"subsampling": "4:4:4"}, {"subsampling": "4:1:1"}])
def test_variants_and_one_pixel(options: dict[str, object]) -> None:
    assert found(encode(PICTURE[:1, :1], 70, **options)).details["quality"] == 70


def test_other_formats_abstain() -> None:
    stream = io.BytesIO()
    Image.fromarray(PICTURE).save(stream, "PNG")
    outcome = examine(Media.open(stream.getvalue()), NoMaps())
    assert isinstance(outcome, Abstention)
    assert outcome.reason is Reason.NOT_APPLICABLE


def test_digests_depend_on_every_entry() -> None:
    table = BASES[0][2]
    changed = table.copy()
    changed[7, 7] += 1
    assert len({digest(table), digest(table.T), digest(changed)}) == 3


def test_the_shipped_table_holds_no_pictures_and_loads() -> None:
    table = known.load()
    assert len(table.cameras) >= 60
    tables: list[list[int]] = JpegPresets.presets["maximum"]["quantization"]  # type: ignore[assignment]
    assert table.encoder(digest(np.array(tables[0], np.uint16).reshape(8, 8)))
    assert all(len(d) == 16 for camera in table.cameras for d in camera.tables)


def test_camera_names_say_the_make_once() -> None:
    assert known.camera_name("Canon", "Canon EOS 5D") == "Canon EOS 5D"
    assert known.camera_name("NIKON", "E775") == "NIKON E775"


@pytest.mark.shared_data
def test_camera_originals_raise_no_moderate_alarm(shared_data) -> None:  # type: ignore[no-untyped-def]
    loud = []
    for path in sorted((shared_data / "camera").glob("*.jpg")):
        outcome = examine(Media.open(path), NoMaps())
        if isinstance(outcome, Finding) and outcome.direction is Direction.FOR and outcome.strength.rank >= 2:
            loud.append(path.name)
    assert loud == []
