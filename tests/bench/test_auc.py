"""The bench's own sums: an AUC that is wrong would make every figure wrong."""

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from bench.examine import cards, samples, tables
from bench.examine.auc import on_pixels, pixel_auc
from bench.examine.child import cost
from bench.examine.figures import Figure, Store
from bench.examine.tally import ABSTAINED, AUC_ALL, AUC_MEAN, CLAIMS, WEAK, Case, Tally, tally

from assay.analysis import Analysis, Maps, MemoryMaps, abstain, heat, view
from assay.evidence import Direction, Finding, Method, Outcome, Reason, Strength
from assay.media import Media
from assay.testing import authentic

CARD = Method(id="toy", version="1", title="Toy", group="toys", looks_at="-", fooled_by="-", ignore="-", source="-")


def half(rows: int = 16, columns: int = 32) -> npt.NDArray[np.bool_]:
    mask = np.zeros((rows, columns), bool)
    mask[:, : columns // 2] = True
    return mask


def test_a_map_that_is_the_mask_scores_one_and_its_inverse_zero() -> None:
    mask = half()
    assert pixel_auc(mask.astype(np.float32), mask) == 1
    assert pixel_auc(-mask.astype(np.float32), mask) == 0
    assert pixel_auc(np.ones(mask.shape, np.float32), mask) == 0.5


def test_the_auc_is_the_share_of_pairs_ties_counted_half() -> None:
    rng = np.random.default_rng(0)
    values, mask = rng.integers(0, 6, (9, 11)).astype(np.float32), rng.random((9, 11)) < 0.3
    inside, outside = values[mask][:, None], values[~mask][None, :]
    expected = np.mean((inside > outside) + 0.5 * (inside == outside))
    assert pixel_auc(values, mask) == pytest.approx(float(expected))


def test_pixels_without_a_value_take_the_median() -> None:
    mask = np.array([[True, True, False, False, False]])
    values = np.array([[np.nan, 5, 1, 3, 4]], np.float32)
    # The median of 5, 1, 3, 4 is 3.5: it beats two of the three others, and 5 beats all.
    assert pixel_auc(values, mask) == pytest.approx(5 / 6)


@pytest.mark.parametrize("mask", [np.zeros((4, 4), bool), np.ones((4, 4), bool)])
def test_a_mask_of_one_thing_cannot_be_scored(mask: npt.NDArray[np.bool_]) -> None:
    assert pixel_auc(np.zeros((4, 4), np.float32), mask) is None


def test_a_map_without_any_value_is_not_scored() -> None:
    assert pixel_auc(np.full((16, 32), np.nan, np.float32), half()) is None


def test_each_cell_covers_its_square() -> None:
    laid = on_pixels(np.array([[1, 2], [3, 4]], np.float32), 8, (0, 0), (16, 16))
    assert np.array_equal(laid, np.kron([[1, 2], [3, 4]], np.ones((8, 8))))


def test_the_origin_moves_the_cells_and_what_they_miss_has_no_value() -> None:
    laid = on_pixels(np.array([[1, 2]], np.float32), 4, (3, 2), (8, 13))
    assert np.isnan(laid[:2]).all()
    assert np.isnan(laid[6:]).all()
    assert np.isnan(laid[:, :3]).all()
    assert np.isnan(laid[:, 11:]).all()
    assert (laid[2:6, 3:7] == 1).all()
    assert (laid[2:6, 7:11] == 2).all()


def test_an_origin_before_the_picture_cuts_the_first_cells() -> None:
    laid = on_pixels(np.array([[1, 2, 3]], np.float32), 8, (-5, 0), (8, 16))
    assert laid[0].tolist() == [1] * 3 + [2] * 8 + [3] * 5


def test_cells_need_not_be_whole_pixels() -> None:
    laid = on_pixels(np.array([[1, 2]], np.float32), 2.5, (0, 0), (1, 5))
    # A pixel belongs to the cell that its centre lies in: the third centre, 2.5, begins the second cell.
    assert laid[0].tolist() == [1, 1, 2, 2, 2]


def test_an_empty_map_has_no_values() -> None:
    assert np.isnan(on_pixels(np.empty((0, 0), np.float32), 8, (0, 0), (4, 4))).all()


def toy(strengths: dict[str, Strength | None]) -> Analysis:
    """A method that finds the left half suspicious, with a strength by the picture's name; None abstains."""

    def run(media: Media, maps: Maps) -> Outcome:
        strength = strengths[media.name]
        if strength is None:
            return abstain(CARD, Reason.TOO_FLAT, "flat")
        cells = np.zeros((media.height // 8, media.width // 8), np.float32)
        cells[:, : media.width // 16] = 1
        records = (
            heat(maps, "toy", "left", cells, "the left", low=0, high=1),
            view(maps, "toy", "look", np.zeros((2, 2), np.uint8), "nothing"),
        )
        return Finding(method="toy", says="toy", direction=Direction.FOR, strength=strength, maps=records)

    return Analysis(CARD, run)


def test_a_tally_counts_claims_abstentions_and_areas() -> None:
    data = authentic(1, width=64, height=32).data
    strengths = {"a": Strength.STRONG, "b": Strength.WEAK, "c": None, "d": Strength.MODERATE}
    cases = [Case("left", data, half(32, 64), name) for name in strengths]
    got = {f.what: f for f in tally("samples", [toy(strengths)], cases, 4)}
    assert got[CLAIMS].value == 0.5
    assert got[WEAK].value == 0.25
    assert got[ABSTAINED].value == 0.25
    assert (got[AUC_MEAN].value, got[AUC_MEAN].n, got[AUC_MEAN].map) == (1, 3, "left")
    assert (got[AUC_ALL].value, got[AUC_ALL].n) == (0.875, 4)
    assert {f.map for f in got.values()} == {"", "left"}, "a view is not scored"


def test_a_method_that_fails_is_told_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    case = Case("left", authentic(1, width=64, height=32).data, None, "unknown")
    got = {f.what: f.value for f in tally("samples", [toy({})], [case], 1)}
    assert got[ABSTAINED] == 1
    assert "unknown: toy failed: KeyError" in capsys.readouterr().err


def test_only_a_claim_for_alteration_counts() -> None:
    count = Tally()
    count.add(Finding(method="toy", says="-", direction=Direction.AGAINST, strength=Strength.STRONG))
    count.add(Finding(method="toy", says="-", direction=Direction.NEUTRAL, strength=Strength.NONE))
    assert (count.n, count.claims, count.weak) == (2, 0, 0)


def figure(part: str, what: str, value: float, on: str, map_: str = "") -> Figure:
    told = {"part": part, "what": what, "value": value, "on": on, "map": map_}
    return msgspec.convert({**told, "method": "toy", "version": "3", "n": 20, "date": "2020-01-01"}, Figure)


def test_a_card_shows_false_alarms_always_and_areas_where_the_method_sees() -> None:
    rates = cards.error_rates([
        figure("camera", CLAIMS, 0, "camera originals"),
        figure("camera", WEAK, 0.5, "camera originals"),
        figure("samples", CLAIMS, 0, "authentic"),
        figure("samples", CLAIMS, 0, "clone"),
        figure("samples", CLAIMS, 0.25, "splice"),
        figure("samples", AUC_ALL, 0.9, "splice", "left"),
        figure("samples", AUC_ALL, 0.55, "clone", "left"),
    ])  # fmt: skip
    told = [(r.what, r.value, r.on.split(":")[0]) for r in rates["toy"]]
    assert told == [
        ("false alarms, moderate or stronger", 0, "camera originals"),
        ("false alarms, moderate or stronger", 0, "made samples, authentic"),
        ("found, moderate or stronger", 0.25, "made samples, splice"),
        ("mean pixel AUC of the map left", 0.9, "made samples, splice"),
    ]
    assert all((r.n, r.version) == (20, "3") for r in rates["toy"])


def test_the_tables_show_every_part(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("tables") / "examine.md"
    figures = [
        figure("camera", CLAIMS, 0.05, "camera originals"),
        figure("samples", AUC_ALL, 0.91, "splice", "left"),
        figure("samples", CLAIMS, 0.25, "splice"),
        figure("local", AUC_MEAN, 0.61, "casia1 forged", "left"),
        figure("local", CLAIMS, 0.2, "casia1 authentic"),
        figure("speed", "seconds", 1.234, "12 MP"),
    ]
    tables.write(Store(libraries={"numpy": "2"}, figures=figures), path)
    text = path.read_text(encoding="utf-8")
    for expected in ("| `toy` | 1 | – | – |", "0.910", "25 %", "0.610", "20 %", "1.23", "numpy 2", "2020-01-01"):
        assert expected in text
    assert "{" not in text


def test_every_kind_of_sample_is_explained_and_drawn() -> None:
    assert set(samples.SAYS) == set(samples.MAKERS)
    assert {case.on for case in samples.cases(1)} == set(samples.MAKERS)


def test_the_cost_of_an_examination_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.examine.child.ANALYSES", (toy({"<bytes>": Strength.NONE}),))
    small, large = authentic(1, width=64, height=32).data, authentic(1, width=640, height=480).data
    spent = cost("toy", small, large, 2)
    assert spent.seconds > 0
    assert spent.decode > 0
    assert spent.peak >= spent.start > 10
    assert MemoryMaps().wanted
