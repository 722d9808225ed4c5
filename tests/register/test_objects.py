import errno
from pathlib import Path

import pytest
from tests.register.simulated import ROOT, SimDisk

from assay.errors import RegisterError
from assay.register.objects import FolderObjects


def test_what_is_put_is_there(tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path)
    objects.put("tile/0/x001/234", b"one")
    objects.put("checkpoint", b"two")
    objects.put("checkpoint", b"three")
    assert objects.get("tile/0/x001/234") == b"one"
    assert objects.get("checkpoint") == b"three"
    assert list(objects.list("")) == ["checkpoint", "tile/0/x001/234"]
    assert list(objects.list("tile/")) == ["tile/0/x001/234"]
    assert list(objects.list("nothing/")) == []
    objects.sync()
    objects.delete("tile/0/x001/234")
    objects.delete("tile/0/x001/234")
    with pytest.raises(RegisterError) as caught:
        objects.get("tile/0/x001/234")
    assert caught.value.reason == "missing"
    objects.sync()


@pytest.mark.parametrize("count", [1, 40])
def test_many_are_made_durable_at_once(tmp_path: Path, count: int) -> None:
    objects = FolderObjects(tmp_path)
    for number in range(count):
        objects.put(f"tile/0/{number:03d}", b"x")
    objects.sync()
    assert len(list(objects.list("tile/"))) == count


def test_created_once(tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path)
    objects.create("anchors/1", b"one")
    objects.create("anchors/1", b"one")
    with pytest.raises(RegisterError) as caught:
        objects.create("anchors/1", b"two")
    assert caught.value.reason == "conflict"
    assert objects.get("anchors/1") == b"one"


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/.b", "a/", "a\0b", "a b", "ä"])
def test_other_paths_are_refused(tmp_path: Path, path: str) -> None:
    for call in (FolderObjects(tmp_path).get, FolderObjects(tmp_path).delete):
        with pytest.raises(RegisterError) as caught:
            call(path)
        assert caught.value.reason == "malformed"


@pytest.mark.parametrize(
    ("code", "reason"), [(errno.ENOSPC, "full"), (errno.EDQUOT, "full"), (errno.EROFS, "unwritable")]
)
@pytest.mark.parametrize("what", ["write", "rename", "datasync"])
def test_a_failed_write_leaves_what_was_there(code: int, reason: str, what: str) -> None:
    disk = SimDisk()
    objects = FolderObjects(ROOT, disk)
    objects.put("checkpoint", b"old")

    def fail(step: int, done: str) -> None:
        if done.startswith(what):
            raise OSError(code, "as told")

    disk.fail = fail
    with pytest.raises(RegisterError) as caught:
        objects.put("checkpoint", b"new")
    assert caught.value.reason == reason
    assert objects.get("checkpoint") == b"old"
    assert objects.unfinished() == []


def test_a_failed_sync_is_made_up_for_by_the_next() -> None:
    disk = SimDisk()
    objects = FolderObjects(ROOT, disk)
    objects.put("tile/0/000", b"kept")

    def fail(step: int, done: str) -> None:
        raise OSError(errno.EIO, "as told")

    disk.fail = fail
    with pytest.raises(RegisterError):
        objects.sync()
    disk.fail = lambda step, done: None
    objects.sync()
    import random

    assert disk.restarted(random.Random(1)).read(ROOT / "tile/0/000") == b"kept"
