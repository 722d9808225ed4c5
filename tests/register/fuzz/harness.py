"""A coverage-guided run over all parsers, by atheris: the first byte of the input chooses the parser.

``python tests/register/fuzz/harness.py CORPUS [libFuzzer options]`` from the root of the project. It ends in a crash
where a parser raises anything but a RegisterError, or accepts what it does not write.
"""

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[3]))
with atheris.instrument_imports(include=["assay.register"]):
    from tests.register.fuzz.parsers import PARSERS

from assay.errors import RegisterError

NAMES = sorted(PARSERS)


def one(data: bytes) -> None:
    """One input."""
    if not data:
        return
    name = NAMES[data[0] % len(NAMES)]
    try:
        again = PARSERS[name].again(data[1:])
    except RegisterError:
        return
    if again != data[1:]:
        raise AssertionError(f"{name} accepts {data[1:]!r} and writes {again!r}")


if __name__ == "__main__":
    corpus = Path(sys.argv[1])
    for number, parser in enumerate(NAMES):
        for i, seed in enumerate(PARSERS[parser].seeds):
            (corpus / f"{parser}-{i}").write_bytes(bytes((number,)) + seed)
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
