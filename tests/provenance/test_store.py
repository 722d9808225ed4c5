import base64
import errno
import hashlib
import multiprocessing
import os
import resource
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import event
from tests.provenance.resolution.manifests import FINGERPRINT, ONE, THREE, TWO, WATERMARK, manifest, simple, store

from assay.errors import MediaError, ProvenanceError, UsageError
from assay.provenance import store as module
from assay.provenance.model import SoftBinding
from assay.provenance.shelves import open_shelf
from assay.provenance.store import Entry, ManifestStore, Match, Stats


def record(algorithm: str, value: bytes) -> SoftBinding:
    return SoftBinding(algorithm=algorithm, value=base64.b64encode(value).decode())


def ids(matches: list[Match]) -> list[str]:
    return [match.manifest_id for match in matches]


def files(path: Path) -> list[str]:
    return sorted(file.name for file in (path / "manifests").rglob("*") if file.is_file())


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[ManifestStore]:
    with ManifestStore.open(tmp_path / "store", create=True) as made:
        yield made


class TestPutAndGet:
    def test_what_was_put_comes_back_by_id_and_by_declared_binding(self, kept: ManifestStore) -> None:
        data = simple(bindings=[(WATERMARK, b"12345678"), (FINGERPRINT, b"print")])
        assert kept.put(data) == ONE
        assert kept.get(ONE) == data
        assert kept.by_binding(WATERMARK, b"12345678") == [Match(ONE, WATERMARK, 100)]
        assert kept.by_binding(FINGERPRINT, b"print") == [Match(ONE, FINGERPRINT, 100)]
        assert kept.by_binding(WATERMARK, b"print") == []
        assert kept.by_binding(WATERMARK, b"1234567") == []
        assert kept.get(TWO) is None

    def test_lies_in_a_file_named_by_its_digest(self, kept: ManifestStore) -> None:
        kept.put(simple())
        assert files(kept.path) == [f"{hashlib.sha256(simple()).hexdigest()}.c2pa"]

    def test_the_same_bytes_may_come_again(self, kept: ManifestStore) -> None:
        data = simple(bindings=[(WATERMARK, b"1")])
        assert kept.put(data) == kept.put(data) == ONE
        assert kept.stats() == Stats(1, len(data), {WATERMARK: 1})

    def test_other_bytes_under_an_id_that_is_taken_are_a_conflict(self, kept: ManifestStore) -> None:
        first = simple(bindings=[(WATERMARK, b"1")])
        kept.put(first)
        with pytest.raises(ProvenanceError, match="not replaced") as caught:
            kept.put(simple(bindings=[(WATERMARK, b"2")]))
        assert caught.value.reason == "conflict"
        assert kept.get(ONE) == first
        assert kept.by_binding(WATERMARK, b"2") == []
        assert len(files(kept.path)) == 1

    def test_what_is_no_manifest_is_refused_and_leaves_nothing(self, kept: ManifestStore) -> None:
        for data in (b"", b"\xff\xd8\xff", simple()[:-1], store()):
            with pytest.raises(MediaError):
                kept.put(data)
        assert kept.stats() == Stats(0, 0, {})
        assert files(kept.path) == []

    def test_a_damaged_or_lost_file_is_told(self, kept: ManifestStore) -> None:
        kept.put(simple())
        (file,) = list((kept.path / "manifests").rglob("*.c2pa"))
        file.write_bytes(simple()[:-1] + b"?")
        with pytest.raises(ProvenanceError, match="damaged") as caught:
            kept.get(ONE)
        assert caught.value.reason == "rejected"
        file.unlink()
        with pytest.raises(ProvenanceError, match="gone") as caught:
            kept.get(ONE)
        assert caught.value.reason == "missing"
        kept.put(simple())
        assert kept.get(ONE) == simple(), "put again, it is whole again"

    def test_ids_are_no_paths(self, kept: ManifestStore) -> None:
        kept.put(simple())
        for hostile in ("../store.sqlite", "..", "/etc/passwd", "", "%", "' OR 1=1 --", "a\0b", files(kept.path)[0]):
            assert kept.get(hostile) is None
            assert kept.delete(hostile) is False


class TestBindings:
    def test_rivals_are_all_found_first_registered_first(self, kept: ManifestStore) -> None:
        """Who copies a watermark's id into a manifest of his own stands behind the one it was taken from."""
        kept.put(simple(ONE, [(WATERMARK, b"id")]))
        kept.put(simple(TWO, [(WATERMARK, b"id")]))
        kept.put(simple(THREE), [record(WATERMARK, b"id")])
        found = kept.by_binding(WATERMARK, b"id")
        assert ids(found) == [ONE, TWO, THREE]
        assert [match.claimed for match in found] == [False, False, True]
        assert ids(kept.by_binding(WATERMARK, b"id", limit=2)) == [ONE, TWO]
        assert kept.by_binding(WATERMARK, b"id", limit=0) == []

    def test_a_declared_binding_is_not_made_a_claim(self, kept: ManifestStore) -> None:
        kept.put(simple(ONE, [(WATERMARK, b"id")]), [record(WATERMARK, b"id")])
        assert kept.by_binding(WATERMARK, b"id") == [Match(ONE, WATERMARK, 100, claimed=False)]

    def test_bind_adds_and_replace_takes_only_claims_away(self, kept: ManifestStore) -> None:
        kept.put(simple(ONE, [(WATERMARK, b"id")]))
        kept.put(simple(TWO))
        kept.put(simple(THREE))
        kept.bind(TWO, [record(WATERMARK, b"id")])
        kept.bind(THREE, [record(WATERMARK, b"id")], replace=True)
        assert ids(kept.by_binding(WATERMARK, b"id")) == [ONE, THREE]

    def test_bind_wants_a_manifest_that_is_there_and_bindings_that_make_sense(self, kept: ManifestStore) -> None:
        with pytest.raises(ProvenanceError) as caught:
            kept.bind(ONE, [record(WATERMARK, b"id")])
        assert caught.value.reason == "missing"
        kept.put(simple())
        for bad in (SoftBinding(algorithm="a b", value="AAAA"), SoftBinding(algorithm="a", value="?")):
            with pytest.raises(ProvenanceError) as caught:
                kept.bind(ONE, [bad])
            assert caught.value.reason == "rejected"
            with pytest.raises(ProvenanceError) as caught:
                kept.put(simple(TWO), [bad])
            assert caught.value.reason == "rejected"
        assert kept.get(TWO) is None

    def test_fingerprints_come_in_order_over_more_than_a_portion(self, kept: ManifestStore) -> None:
        kept.put(simple(ONE))
        values = [n.to_bytes(2, "big") for n in range(2500)]
        kept.bind(ONE, [record(FINGERPRINT, value) for value in values])
        assert list(kept.fingerprints(FINGERPRINT)) == [(ONE, value) for value in values]
        assert list(kept.fingerprints(WATERMARK)) == []

    def test_a_write_while_fingerprints_are_read_waits_for_nothing(self, kept: ManifestStore) -> None:
        kept.put(simple(ONE, [(FINGERPRINT, b"1"), (FINGERPRINT, b"2")]))
        reading = kept.fingerprints(FINGERPRINT)
        assert next(reading) == (ONE, b"1")
        kept.put(simple(TWO, [(FINGERPRINT, b"3")]))
        assert next(reading) == (ONE, b"2")


class TestDelete:
    def test_a_manifest_that_is_forgotten_leaves_nothing(self, kept: ManifestStore) -> None:
        kept.put(simple(ONE, [(WATERMARK, b"id")]))
        kept.put(simple(TWO, [(WATERMARK, b"id")]))
        assert kept.delete(ONE) is True
        assert kept.delete(ONE) is False
        assert kept.get(ONE) is None
        assert ids(kept.by_binding(WATERMARK, b"id")) == [TWO]
        assert len(files(kept.path)) == 1
        assert kept.stats().manifests == 1

    def test_it_may_come_again_and_is_then_the_last(self, kept: ManifestStore) -> None:
        kept.put(simple(ONE, [(WATERMARK, b"id")]))
        kept.put(simple(TWO, [(WATERMARK, b"id")]))
        kept.delete(ONE)
        kept.put(simple(ONE, [(WATERMARK, b"id")]))
        assert ids(kept.by_binding(WATERMARK, b"id")) == [TWO, ONE]


class TestEntries:
    def test_list_what_is_kept_in_order(self, kept: ManifestStore, monkeypatch: pytest.MonkeyPatch) -> None:
        data = {label: simple(label, [(WATERMARK, label.encode())]) for label in (TWO, ONE, THREE)}
        for one in data.values():
            kept.put(one)
        expected = [Entry(label, hashlib.sha256(one).hexdigest(), len(one), 1) for label, one in data.items()]
        assert list(kept.entries()) == expected
        assert kept.get_entry(ONE) == expected[1]
        assert kept.get_entry("x") is None


class TestOpen:
    def test_a_store_opens_again_with_all_in_it(self, tmp_path: Path) -> None:
        with ManifestStore.open(tmp_path / "s", create=True) as first:
            first.put(simple())
        with ManifestStore.open(str(tmp_path / "s")) as again:
            assert again.get(ONE) == simple()
        with ManifestStore.open(tmp_path / "s", create=True) as again:
            assert again.stats().manifests == 1

    def test_a_path_with_odd_characters_is_a_path(self, tmp_path: Path) -> None:
        with ManifestStore.open(tmp_path / "a?b#c %41", create=True) as made:
            made.put(simple())
        assert (tmp_path / "a?b#c %41" / "store.sqlite").is_file()

    @pytest.mark.parametrize("create", [True, False])
    def test_what_is_no_store_is_refused(self, tmp_path: Path, create: bool) -> None:
        (tmp_path / "photo.jpg").write_bytes(b"mine")
        for path in (tmp_path, tmp_path / "photo.jpg"):
            with pytest.raises(ProvenanceError) as caught:
                ManifestStore.open(path, create=create)
            assert caught.value.reason == ("unsupported" if create else "missing")
        assert [file.name for file in tmp_path.iterdir()] == ["photo.jpg"]

    def test_a_store_of_another_version_is_refused(self, tmp_path: Path) -> None:
        ManifestStore.open(tmp_path / "s", create=True).close()
        with sqlite3.connect(tmp_path / "s" / "store.sqlite") as index:
            index.execute("UPDATE settings SET value = '99' WHERE name = 'schema'")
        index.close()
        with pytest.raises(ProvenanceError, match="another version") as caught:
            ManifestStore.open(tmp_path / "s")
        assert caught.value.reason == "unsupported"

    def test_a_damaged_index_is_told(self, tmp_path: Path) -> None:
        ManifestStore.open(tmp_path / "s", create=True).close()
        (tmp_path / "s" / "store.sqlite").write_bytes(b"not a database, and long enough to be taken for one" * 100)
        with pytest.raises(ProvenanceError):
            ManifestStore.open(tmp_path / "s")


def put_many(path: str, start: int, barrier: object) -> None:
    with ManifestStore.open(path) as kept:
        for n in range(start, start + 15):
            kept.put(simple(f"urn:c2pa:{n}", [(WATERMARK, b"shared"), (FINGERPRINT, str(n).encode())]))
            assert kept.get(f"urn:c2pa:{n}")


class TestTogether:
    def test_processes_write_and_read_one_store_at_once(self, kept: ManifestStore) -> None:
        context = multiprocessing.get_context("spawn")
        # Two begin at the same number: the same manifests from both.
        workers = [context.Process(target=put_many, args=(str(kept.path), start, None)) for start in (0, 0, 15)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
        assert [worker.exitcode for worker in workers] == [0, 0, 0]
        assert kept.stats().manifests == 30
        assert len(kept.by_binding(WATERMARK, b"shared", limit=100)) == 30
        assert len(files(kept.path)) == 30

    def test_threads_put_and_delete_the_same_manifest_and_never_lose_a_file(self, kept: ManifestStore) -> None:
        data = simple(bindings=[(WATERMARK, b"id")])
        failures: list[BaseException] = []

        def work() -> None:
            try:
                for _ in range(10):
                    kept.put(data)
                    assert kept.get(ONE) in (data, None)
                    kept.delete(ONE)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failures == []
        kept.put(data)
        assert kept.get(ONE) == data
        assert len(files(kept.path)) == 1

    def test_two_that_make_the_store_at_once_make_one(self, tmp_path: Path) -> None:
        made: list[ManifestStore] = []
        threads = [
            threading.Thread(target=lambda: made.append(ManifestStore.open(tmp_path / "s", create=True)))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(made) == 4
        made[0].put(simple())
        assert all(one.get(ONE) == simple() for one in made)
        for one in made:
            one.close()


def test_an_address_that_is_misspelt_makes_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack, pytest.raises(UsageError, match="neither a folder nor the address of a service"):
        open_shelf("htps://example.org/v1", stack, create=True)
    assert list(tmp_path.iterdir()) == []


class TestTrouble:
    def test_killed_between_file_and_row_it_leaves_a_file_that_the_next_writer_sweeps(self, tmp_path: Path) -> None:
        path = tmp_path / "s"
        ManifestStore.open(path, create=True).close()
        script = (
            "import os, sys\n"
            "from assay.provenance import store\n"
            "from tests.provenance.resolution.manifests import simple\n"
            "def die(*_, **__): os.kill(os.getpid(), 9)\n"
            "store._bind = die\n"
            "store.ManifestStore.open(sys.argv[1]).put(simple())\n"
        )
        root = Path(__file__).resolve().parents[2]
        done = subprocess.run([sys.executable, "-c", script, str(path)], cwd=root, check=False, timeout=60)
        assert done.returncode == -9
        assert len(files(path)) == 1, "the file came first"
        with ManifestStore.open(path) as again:
            assert again.get(ONE) is None
            assert again.stats() == Stats(0, 0, {})
            assert len(files(path)) == 1, "reading sweeps nothing"
            again.put(simple(TWO))
            assert files(path) == [f"{hashlib.sha256(simple(TWO)).hexdigest()}.c2pa"]

    @pytest.mark.parametrize("left", [None, b""])
    def test_without_its_index_a_store_is_not_begun_anew_over_its_manifests(
        self, tmp_path: Path, left: bytes | None
    ) -> None:
        path = tmp_path / "s"
        with ManifestStore.open(path, create=True) as kept:
            kept.put(simple())
        before = files(path)
        for name in ("store.sqlite", "store.sqlite-wal", "store.sqlite-shm"):
            (path / name).unlink(missing_ok=True)
        if left is not None:
            (path / "store.sqlite").write_bytes(left)
        for _ in range(2):
            with pytest.raises(ProvenanceError, match=r"index of the manifest store in .* is gone") as caught:
                ManifestStore.open(path, create=True)
            assert caught.value.reason == "missing"
        assert files(path) == before

    def test_no_space_for_the_file_leaves_the_store_as_it_was(
        self, kept: ManifestStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept.put(simple(ONE))
        before = files(kept.path)

        def full(path: Path, data: bytes) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(module, "write_whole", full)
        with pytest.raises(ProvenanceError, match="No space") as caught:
            kept.put(simple(TWO, [(WATERMARK, b"id")]))
        assert caught.value.reason == "full"
        assert files(kept.path) == before
        assert kept.by_binding(WATERMARK, b"id") == []

    def test_a_limit_of_the_system_on_file_sizes_is_no_space_either(self, tmp_path: Path) -> None:
        path = tmp_path / "s"
        ManifestStore.open(path, create=True).close()
        script = (
            "import resource, sys\n"
            "from assay.errors import ProvenanceError\n"
            "from assay.provenance.store import ManifestStore\n"
            "from tests.provenance.resolution.manifests import simple\n"
            "kept = ManifestStore.open(sys.argv[1])\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))\n"
            "try:\n"
            "    kept.put(simple(pad=b'x' * 200_000))\n"
            "except ProvenanceError as error:\n"
            "    print(error.reason)\n"
        )
        root = Path(__file__).resolve().parents[2]
        done = subprocess.run(
            [sys.executable, "-c", script, str(path)], cwd=root, check=False, timeout=60, capture_output=True, text=True
        )
        assert done.stdout == "full\n", done.stderr
        assert files(path) == []
        assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 100_000

    def test_no_space_for_the_index_leaves_the_store_as_it_was(self, kept: ManifestStore) -> None:
        kept.put(simple(ONE))
        with kept._engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        kept.close()

        def limit(connection: sqlite3.Connection, _: object) -> None:
            connection.execute(f"PRAGMA max_page_count = {pages}")

        event.listen(kept._engine, "connect", limit)
        with pytest.raises(ProvenanceError) as caught:
            kept.put(simple(TWO), [record(FINGERPRINT, os.urandom(60_000))])
        assert caught.value.reason == "full"
        assert kept.get(TWO) is None
        assert kept.get(ONE) == simple(ONE)

    def test_a_folder_that_may_not_be_written_is_told(
        self, kept: ManifestStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(path: Path, data: bytes) -> None:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

        monkeypatch.setattr(module, "write_whole", refuse)
        with pytest.raises(ProvenanceError, match="Permission denied") as caught:
            kept.put(simple())
        assert caught.value.reason == "unwritable"

    def test_a_large_store_is_swept_and_listed(self, kept: ManifestStore) -> None:
        big = store(*(manifest(f"urn:c2pa:{n}") for n in range(1000)))
        assert kept.put(big) == "urn:c2pa:999"
        assert kept.get("urn:c2pa:999") == big
        assert kept.get("urn:c2pa:1") is None, "only the active manifest's label is an id"


def test_what_is_deleted_is_not_left_in_the_file(tmp_path: Path) -> None:
    with ManifestStore.open(tmp_path / "s", create=True) as store, store._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 1
