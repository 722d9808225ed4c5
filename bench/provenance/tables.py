"""The figures as tables to read: docs/figures/provenance.md."""

from collections.abc import Iterable, Sequence

from bench.provenance.figures import FIGURES, Format, Speed, Store

HEAD = """# Figures of provenance

Measured by `python -m bench.provenance`; written by it, not by hand. The numbers stand in `provenance.json`. The
commands of the same bench, with what they printed, are on [a page of their own](provenance-cases.md).
"""

SPEED = """## Speed

Signing and verifying in one process, by Assay and by c2pa-python alone, turn by turn on the same picture: a generated
JPEG of quality 90 with a camera's grain, in memory. Medians of {rounds} turns. *Ratio* is the median over the turns of
ours divided by bare; the quartiles are those of processor time, which others on the machine disturb least.

- **sign**: bare is `Builder.sign`, then a `Reader` that checks what was made: Assay hands out nothing that it did not
  verify. Assay also looks whether the file has a history, so as not to drop it.
- **verify**: bare is `Reader` and its `json()`. Assay adds the verdict over the chain, the words, and the SHA-256 of
  the file, which a second thread computes: it costs processor time and, where a core is free, little of the clock's.
- **verify, digest known**: the same, where the caller has the SHA-256 already. This is like with like.

Thumbnails are off, keys are ES256, nothing opens a connection. The target is a ratio of 1.10 or less. {measured}

{table}"""

FORMATS = """## Kinds of file

One small file of each kind, made by code, signed by Assay with a timestamp of an authority on the same machine, and
verified by three verifiers that were given the same two roots. *One bit changed* is Assay's verdict on the same file
with a bit of its content flipped. *Adds* is what signing adds to the file in bytes, without and with a timestamp;
*c2pa-python adds* what it adds alone with a key in memory, without a timestamp. {measured}

{table}"""

FILES = """## Every file of the public test sets

The files of `c2pa-org/public-testfiles`, each by four verdicts: Assay's (of the file itself, and over its chain),
c2pa-python's with the same lists, encypher-c2pa's with the same authorities, and that of the report that came with the
file, made when it was new. Beside the word stand the C2PA codes of what failed, other than that nobody knows the
signer. They are compared by one thing only: are there credentials, and are they intact? On **{differing} of {count}**
files somebody differs; why is said below, found out by looking at the file. {measured}

{table}
### Why they differ

{why}"""


def write(store: Store) -> None:
    """Write the page."""
    (FIGURES / "provenance.md").write_text(text(store), encoding="utf-8")


def text(store: Store) -> str:
    """The page: the tables of all parts that have figures."""
    parts = [section(store) for section in (_speed, _formats, _files)]
    page = "\n".join([HEAD, *filter(None, parts)])
    libraries = ", ".join(f"{name} {version}" for name, version in store.libraries.items())
    return f"{page}\nLibraries: {libraries}.\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int = 0) -> str:
    """Markdown; the last ``numbers`` columns stand to the right."""
    rule = ["---"] * (len(header) - numbers) + ["--:"] * numbers
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, rule, *rows)) + "\n"


def _measured(store: Store, part: str) -> str:
    stamp = store.stamps[part]
    return f"Measured {stamp.date}, Assay {stamp.assay}, on: {stamp.machine}."


def _speed(store: Store) -> str:
    if not store.speed:
        return ""

    def row(s: Speed) -> list[str]:
        return [
            s.job, s.size, f"{s.ours_wall:.2f}", f"{s.bare_wall:.2f}", f"{s.ratio_wall:.2f}", f"{s.ours_cpu:.2f}",
            f"{s.bare_cpu:.2f}", f"{s.ratio_cpu:.2f} ({s.low:.2f}–{s.high:.2f})",
        ]  # fmt: skip

    header = [
        "job", "picture", "ours, ms", "bare, ms", "ratio", "ours, processor ms", "bare, processor ms",
        "ratio (quartiles)",
    ]  # fmt: skip
    return SPEED.format(
        rounds=" or ".join(str(n) for n in sorted({s.rounds for s in store.speed}, reverse=True)),
        measured=_measured(store, "speed"), table=table(header, map(row, store.speed), numbers=6),
    )  # fmt: skip


def _formats(store: Store) -> str:
    if not store.formats:
        return ""

    def row(f: Format) -> list[str]:
        sizes = [f"{n:,}" for n in (f.bytes, f.stamped, f.bare)]
        return [f"{f.name}", f.ours, f.library, f.encypher, f.tampered, *sizes]

    header = [
        "kind", "Assay", "c2pa-python", "encypher-c2pa", "one bit changed", "adds", "adds, stamped", "c2pa-python adds",
    ]  # fmt: skip
    return FORMATS.format(measured=_measured(store, "formats"), table=table(header, map(row, store.formats), numbers=3))


def _files(store: Store) -> str:
    if not store.files:
        return ""
    rows = [
        [f"{f.name}{' **≠**' if f.differs else ''}", f.ours, f.chain, f.bare, f.encypher, f.shipped]
        for f in store.files
    ]
    reasons: dict[str, list[str]] = {}
    for f in store.files:
        if f.differs:
            reasons.setdefault(f.why, []).append(f.name)
    return FILES.format(
        differing=sum(f.differs for f in store.files), count=len(store.files), measured=_measured(store, "files"),
        table=table(["file", "Assay", "chain", "c2pa-python", "encypher-c2pa", "shipped report"], rows),
        why="\n".join(f"- **{', '.join(names)}**: {why}" for why, names in reasons.items()) + "\n",
    )  # fmt: skip


__all__ = ["table", "text", "write"]
