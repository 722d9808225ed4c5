"""Maps made by hand, with boxes known beforehand."""

import numpy as np

from assay.forensics.regions import blobs, regions


def heat() -> np.ndarray:
    array = np.zeros((20, 30), dtype=np.float32)
    array[2:6, 3:10] = 5
    array[12:18, 20:30] = 3
    array[0, 29] = 9
    return array


def test_boxes_in_pixels_the_largest_first() -> None:
    found = regions(heat(), 2, "odd", width=236, height=160, cell=8, min_cells=4)
    assert [(r.x, r.y, r.width, r.height) for r in found] == [(160, 96, 76, 48), (24, 16, 56, 32)]
    assert {r.says for r in found} == {"odd"}


def test_threshold_and_size_decide() -> None:
    assert len(regions(heat(), 2, "odd", width=240, height=160, min_cells=1)) == 3
    assert len(regions(heat(), 4, "odd", width=240, height=160, min_cells=4)) == 1
    assert regions(heat(), 10, "odd", width=240, height=160) == ()
    assert len(regions(heat(), 2, "odd", width=240, height=160, min_cells=1, most=2)) == 2


def test_nan_is_never_inside() -> None:
    array = heat()
    array[12:18, 20:30] = np.nan
    assert regions(array, -1, "odd", width=240, height=160, min_cells=4)[0].y == 0
    assert len(regions(array, 2, "odd", width=240, height=160, min_cells=4)) == 1
    assert regions(np.full((4, 4), np.nan), 0, "odd", width=32, height=32) == ()


def test_join_makes_one_of_neighbours_and_counts_only_the_mask() -> None:
    mask = np.zeros((12, 20), dtype=bool)
    mask[3:8, 2:6] = mask[3:8, 8:12] = True
    assert len(blobs(mask)[0]) == 2
    (joined,), labels = blobs(mask, join=2)
    assert joined.box == (2, 3, 10, 5)
    assert joined.cells == 40 == np.count_nonzero(labels == joined.label)


def test_opening_drops_specks_and_lines() -> None:
    mask = np.zeros((20, 20), dtype=bool)
    mask[4:10, 4:10] = True
    mask[:, 15] = True
    found, _ = blobs(mask, open_=1, min_cells=4)
    assert [b.box for b in found] == [(4, 4, 6, 6)]


def test_mean_and_peak_leave_nan_out() -> None:
    values = np.full((6, 6), 2.0)
    values[2, 2], values[3, 3] = np.nan, 8
    (blob,), _ = blobs(np.ones((6, 6), dtype=bool), values)
    assert blob.peak == 8
    assert blob.mean == np.nanmean(values)


def test_says_may_be_made_from_the_blob_and_origin_moves_the_box() -> None:
    found = regions(
        heat(), 4, lambda b: f"{b.cells} cells", width=240, height=160, cell=4, origin=(-20, 2), min_cells=4
    )
    assert [(r.x, r.y, r.width, r.height, r.says) for r in found] == [(0, 10, 20, 16, "28 cells")]
