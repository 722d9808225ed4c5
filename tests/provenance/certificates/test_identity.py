"""The folder of an identity: whole or not at all, secrets closed, nothing of others' replaced."""

import errno
import stat
import tomllib
from pathlib import Path

import pytest
from tests.provenance.pki import pki

from assay.errors import ProvenanceError, UsageError
from assay.provenance.certificates import create, development_files, request, request_files, timestamp_files
from assay.provenance.certificates import identity as module
from assay.provenance.certificates.identity import KNOWN, Files, write_folder


@pytest.fixture(scope="module")
def files() -> Files:
    return development_files(create('Say "cheese" \\ Ж', organisation="Org"))


def names(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_all_is_there_and_secrets_are_closed(files: Files, tmp_path: Path) -> None:
    write_folder(tmp_path / "deep" / "me", files)
    folder = tmp_path / "deep" / "me"
    assert names(folder) == set(files) <= KNOWN
    for name, (content, _) in files.items():
        mode = stat.S_IMODE((folder / name).stat().st_mode)
        assert mode == (0o600 if b"PRIVATE KEY" in content else 0o644), name
    assert stat.S_IMODE((folder / "ca").stat().st_mode) == 0o700
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["me"]


def test_the_description_is_toml_whatever_the_name(files: Files) -> None:
    about = tomllib.loads(files["identity.toml"][0].decode())
    assert about == {"name": 'Say "cheese" \\ Ж', "certificate": "chain.pem", "key": "key.pem"}
    stamped = tomllib.loads(timestamp_files(pki().tsa, "1.2.3")["tsa.toml"][0].decode())
    assert stamped == {"name": "Test Time", "certificate": "chain.pem", "key": "key.pem", "policy": "1.2.3"}
    asked = request_files("Maker", *request("Maker", organisation="Org"))
    assert set(asked) == {"request.csr", "key.pem", "identity.toml"} <= KNOWN
    assert set(timestamp_files(pki().tsa, "1.2.3")) <= KNOWN


def test_an_identity_is_replaced_only_when_asked(files: Files, tmp_path: Path) -> None:
    folder = tmp_path / "me"
    write_folder(folder, files)
    other = development_files(create("Other", organisation="Org"))
    with pytest.raises(UsageError, match="--force"):
        write_folder(folder, other)
    assert (folder / "key.pem").read_bytes() == files["key.pem"][0]
    write_folder(folder, other, force=True)
    assert (folder / "key.pem").read_bytes() == other["key.pem"][0]
    assert [p.name for p in tmp_path.iterdir()] == ["me"]


def test_other_files_are_never_replaced(files: Files, tmp_path: Path) -> None:
    folder = tmp_path / "me"
    write_folder(folder, files)
    (folder / "holiday.jpg").write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"holiday\.jpg"):
        write_folder(folder, files, force=True)
    assert (folder / "holiday.jpg").read_bytes() == b"mine"


def test_a_link_is_not_followed_out_of_the_folder(files: Files, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "me").mkdir()
    (tmp_path / "me" / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="link"):
        write_folder(tmp_path / "me", files, force=True)


def test_an_empty_folder_and_a_file_in_the_way(files: Files, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write_folder(tmp_path / "empty", files)
    assert names(tmp_path / "empty") == set(files)
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(UsageError, match="is a file"):
        write_folder(tmp_path / "file", files, force=True)


@pytest.mark.parametrize(
    ("number", "reason"), [(errno.ENOSPC, "full"), (errno.EACCES, "unwritable"), (errno.EIO, "unwritable")]
)
def test_nothing_is_left_of_a_write_that_fails_half_way(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    folder = tmp_path / "me"
    write_folder(folder, files)
    real, count = module._write, iter(range(99))

    def failing(path: Path, content: bytes, mode: int) -> None:
        if next(count) == 3:
            raise OSError(number, "no")
        real(path, content, mode)

    monkeypatch.setattr(module, "_write", failing)
    with pytest.raises(ProvenanceError) as caught:
        write_folder(folder, development_files(create("Other", organisation="Org")), force=True)
    assert caught.value.reason == reason
    assert (folder / "key.pem").read_bytes() == files["key.pem"][0]
    assert [p.name for p in tmp_path.iterdir()] == ["me"]


def test_the_old_folder_is_back_where_the_last_step_fails(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "me"
    write_folder(folder, files)
    real, calls = Path.rename, []

    def failing(self: Path, target: Path) -> Path:
        calls.append(self)
        if len(calls) == 2:
            raise OSError(errno.EIO, "no")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(ProvenanceError):
        write_folder(folder, files, force=True)
    monkeypatch.undo()
    assert (folder / "key.pem").read_bytes() == files["key.pem"][0]
    assert [p.name for p in tmp_path.iterdir()] == ["me"]
