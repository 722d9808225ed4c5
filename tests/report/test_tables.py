import pytest

from assay.report.tables import MAX_ROWS, MAX_TEXT, tables


def test_details_become_tables() -> None:
    found = tables(
        {
            "plain": 1, "flags": [True, False], "rules": [{"a": 1}, {"a": 2, "b": ""}], "matrix": [[1, 2], [3, 4]],
            "inner": {"k": 0.123456, "deep": {"x": None}}, "empty": {}, "long": list(range(13)),
        }
    )  # fmt: skip
    by_title = {t.title: t for t in found}
    assert by_title[""].rows == (("plain", "1"), ("flags", "yes, no"), ("empty", "none"))
    assert by_title["rules"].columns == ("a", "b")
    assert by_title["rules"].rows == (("1", "–"), ("2", "–"))
    assert by_title["matrix"].rows == (("1", "2"), ("3", "4"))
    assert by_title["inner"].rows == (("k", "0.1235"),)
    assert by_title["inner, deep"].rows == (("x", "–"),)
    assert by_title["long"].rows[0][1].startswith("0, 1, 2")


def test_a_table_within_a_row_gets_a_table_of_its_own() -> None:
    found = tables({"parts": [{"quality": 92, "steps": [[1, 2], [3, 4]]}, {"quality": 90, "steps": [[5, 6], [7, 8]]}]})
    assert [t.title for t in found] == ["parts", "parts 1, steps", "parts 2, steps"]
    assert found[0].rows == (("92",), ("90",))
    assert found[2].rows == (("5", "6"), ("7", "8"))


@pytest.mark.parametrize("odd", [[[[1]], 2], [{"a": 1}, 2], [[], {}], {"": {"": []}}, [None] * 20])
def test_no_shape_of_details_is_too_odd(odd: object) -> None:
    assert tables({"odd": odd})


def test_long_tables_and_texts_are_cut_with_a_word() -> None:
    (table,) = tables({"rows": [{"n": i} for i in range(MAX_ROWS + 5)]})
    assert (len(table.rows), table.more) == (MAX_ROWS, 5)
    (table,) = tables({"text": "x" * (MAX_TEXT + 1)})
    assert table.rows[0][1].endswith("… (1,201 characters in all)")
