"""The main job, on methods made for the test and on the real ones."""

import dataclasses
import io
import sys
from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from PIL import Image

import assay.examine as subject
from assay.analysis import Analysis, Maps, MemoryMaps
from assay.errors import MediaError, UsageError
from assay.evidence import Finding, Method, Outcome, Reason
from assay.examine import ANALYSES, examine, select
from assay.media import Limits, Media
from assay.testing import authentic

Methods = Callable[..., None]


def analysis(name: str, run: Callable[[Media, Maps], Outcome] | None = None, needs_maps: bool = False) -> Analysis:
    card = Method(id=name, version="1", title=name, group="test", looks_at="", fooled_by="", ignore="", source="")
    return Analysis(card, run or (lambda _media, _maps: Finding(method=name, says="Seen.")), needs_maps)


@pytest.fixture
def methods(monkeypatch: pytest.MonkeyPatch) -> Methods:
    return lambda *chosen: monkeypatch.setattr(subject, "ANALYSES", chosen)


@pytest.fixture(scope="module")
def picture() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (40, 60, 3), dtype=np.uint8)).save(stream, "JPEG")
    return stream.getvalue()


def test_a_report_names_its_subject_and_the_card_of_every_method(methods: Methods, picture: bytes) -> None:
    methods(analysis("one"), analysis("two"))
    report = examine(picture)
    assert (report.subject.format, report.subject.width, report.subject.height) == ("jpeg", 60, 40)
    assert report.subject.sha256 == report.digests.sha256
    assert [m.id for m in report.methods] == ["one", "two"] == [f.method for f in report.findings]
    assert set(report.seconds) == {"open", "one", "two"}


def test_the_failure_of_one_method_does_not_cost_the_others(methods: Methods, picture: bytes) -> None:
    def broken(_media: Media, _maps: Maps) -> Outcome:
        raise ZeroDivisionError("by nought")

    methods(analysis("broken", broken), analysis("sound"))
    report = examine(picture)
    assert [f.method for f in report.findings] == ["sound"]
    assert report.abstentions[0].reason is Reason.FAILED
    assert "ZeroDivisionError: by nought" in report.abstentions[0].says


def test_running_out_of_memory_is_an_error_of_the_file(methods: Methods, picture: bytes) -> None:
    def hungry(_media: Media, _maps: Maps) -> Outcome:
        raise MemoryError

    methods(analysis("hungry", hungry))
    with pytest.raises(MediaError, match="hungry ran out of memory") as caught:
        examine(picture)
    assert caught.value.reason == "out_of_memory"


def test_no_method_is_begun_when_the_time_is_spent(methods: Methods, picture: bytes) -> None:
    methods(analysis("late"))
    report = examine(picture, limits=dataclasses.replace(Limits(), max_seconds=0.0))
    assert report.findings == ()
    assert report.abstentions[0].reason is Reason.TIME_BUDGET


def test_lenses_run_only_where_somebody_looks(methods: Methods, picture: bytes) -> None:
    methods(analysis("lens", needs_maps=True))
    assert examine(picture).abstentions[0].reason is Reason.NOT_ASKED
    assert [f.method for f in examine(picture, maps=MemoryMaps()).findings] == ["lens"]


def test_progress_names_each_method_before_it_runs(methods: Methods, picture: bytes) -> None:
    methods(analysis("one"), analysis("two"))
    told: list[tuple[int, int, str]] = []
    examine(picture, progress=lambda *step: told.append(step))
    assert told == [(0, 2, "one"), (1, 2, "two")]


def test_only_and_skip(methods: Methods) -> None:
    methods(analysis("one"), analysis("two"), analysis("three"))
    assert [a.id for a in select()] == ["one", "two", "three"]
    assert [a.id for a in select(only=["three", "one"])] == ["one", "three"]
    assert [a.id for a in select(skip=["two"])] == ["one", "three"]


def test_an_unknown_method_is_answered_with_the_nearest(methods: Methods) -> None:
    methods(analysis("jpeg_grid"))
    with pytest.raises(UsageError, match="did you mean jpeg_grid"):
        select(only=["jpg_grid"])
    with pytest.raises(UsageError, match="assay methods"):
        select(skip=["zzz"])
    with pytest.raises(UsageError, match="nothing to do"):
        select(skip=["jpeg_grid"])


def test_what_is_no_picture_is_an_error_not_a_report() -> None:
    with pytest.raises(MediaError) as caught:
        examine(b"just text")
    assert caught.value.reason == "unsupported"


def test_method_ids_are_unique() -> None:
    ids = [a.id for a in ANALYSES]
    assert len(ids) == len(set(ids)) > 0


def test_every_method_gives_an_outcome_of_its_own_and_the_same_twice() -> None:
    data = authentic(seed=3, quality=90).data
    first, second = (examine(data, maps=MemoryMaps()) for _ in range(2))
    assert {f.method for f in first.findings} | {a.method for a in first.abstentions} == {a.id for a in ANALYSES}
    assert not [a for a in first.abstentions if a.reason is Reason.FAILED]
    blank = {"examined_at": "", "seconds": {}}
    assert msgspec.structs.replace(first, **blank) == msgspec.structs.replace(second, **blank)
    assert first.environment.python == ".".join(map(str, sys.version_info[:3]))
