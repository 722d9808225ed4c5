import re
from pathlib import Path

import pytest

from assay.errors import RegisterError
from assay.register.settings import Settings, parse, read, render


def test_what_is_written_is_read() -> None:
    given = Settings(
        origin='example.org/"log"', database="$ASSAY_DATABASE", objects="s3://bucket/a", operator="ab" * 32, batch=2048,
        interval=0.5, pool=5000, wait=3.0,
    )  # fmt: skip
    assert parse(render(given).encode()) == given
    assert given.operator_key == b"\xab" * 32
    assert parse(b'origin = "example.org/log"') == Settings(origin="example.org/log")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("intervall = 3", "did you mean 'interval'"),
        ("zzz = 3", "known are origin"),
        ("batch = 10", "batch"),
        ("wait = -1", "wait"),
        ("pool = 'many'", "pool"),
        ("objects = 'gs://bucket'", "objects is neither"),
        ("operator = 'AB'", "64 hexadecimal digits"),
        ("database = 'postgresql://me:secret-word@host/x'", "has a password in it"),
        ("database = 'postgresql://host/x?password=secret-word'", "has a password in it"),
        ("origin = 'a b'", "key name"),
        ("= 3", "not TOML"),
    ],
)
def test_wrong_settings_are_named(line: str, says: str) -> None:
    text = line if line.startswith("origin") else f'origin = "example.org/log"\n{line}'
    with pytest.raises(RegisterError, match=re.escape(says)) as caught:
        parse(text.encode())
    assert caught.value.reason == "malformed"
    assert "secret-word" not in str(caught.value)


def test_a_database_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(origin="x", database="$ASSAY_TEST_DATABASE")
    monkeypatch.setenv("ASSAY_TEST_DATABASE", "postgresql://me:secret-word@host/x")
    assert settings.database_url == "postgresql://me:secret-word@host/x"
    assert "secret-word" not in repr(settings)
    monkeypatch.delenv("ASSAY_TEST_DATABASE")
    with pytest.raises(RegisterError, match="ASSAY_TEST_DATABASE") as caught:
        assert settings.database_url
    assert caught.value.reason == "missing"


def test_no_log_there(tmp_path: Path) -> None:
    with pytest.raises(RegisterError, match="assay register init") as caught:
        read(tmp_path)
    assert caught.value.reason == "missing"
