"""The figures as tables to read: docs/figures/examine.md."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bench.examine import auc, camera, local, samples, speed
from bench.examine.figures import Figure, Store
from bench.examine.tally import ABSTAINED, AUC_ALL, AUC_MEAN, AUC_MEDIAN, CLAIMS, WEAK

HEAD = """# Figures of the methods

Measured by `python -m bench.examine`; written by it, not by hand. The numbers with their dates, versions and machine
are in `examine.json`. A method that was not measured again keeps its older figures, with their version.
"""

CAMERA = """## False alarms on camera originals

{n} unedited files of 29 makes: each claim of alteration is a false alarm. Files on which any method made one, moderate
or stronger: **{whole} of {n}**. {measured}

{table}"""

SAMPLES = """## Samples of our own making

Scenes drawn by `assay.testing`, seeds from {seeds} on, 768 x 512, half of them 4:2:0 and half 4:4:4:

{kinds}

Mean pixel AUC of each heat map; a picture of which the method drew no map counts as 0.5. {measured}

{aucs}
Share of pictures of which the method claims alteration, moderate or stronger. On `authentic`, and on `resave` and
`resize`, which are innocent handling, a claim is a false alarm.

{claims}"""

LOCAL = """## Public sets with masks

Small development splits, research use: measured on only. Forged and authentic files of such sets differ in their
headers (header leakage), so only masks are scored; the shares of claims are given for what they are, and are no measure
of telling the two apart. {measured}

{sets}
### How pixel AUC is measured

{protocol}
"""

LOCAL_SET = """### {name}: {forged} forged, {authentic} authentic

{aucs}
Claims of alteration, moderate or stronger, and abstentions:

{claims}"""

SPEED = """## Seconds and peak memory

A JPEG at quality 90, 4:2:0; each method alone in a fresh process, decoding included, compiling and importing not; the
median of three runs, one at 50 MP. *Decodes*: times a plain decode of the same file by Pillow in the same process; no
permissively licensed library offers these analyses, so a decode is the unit. *MiB*: the process's peak. `examine` is
the whole examination without maps. {measured}

{table}"""


def write(store: Store, path: Path) -> None:
    """Write the tables of all parts that have figures."""
    parts = [section(store.figures) for section in (_camera, _samples, _local, _speed)]
    text = "\n".join([HEAD, *filter(None, parts)])
    libraries = ", ".join(f"{name} {version}" for name, version in store.libraries.items())
    path.write_text(f"{text}\nLibraries of the last run: {libraries}.\n", encoding="utf-8")


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---", *("--:" for _ in header[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _measured(figures: list[Figure]) -> str:
    dates, machines = sorted({f.date for f in figures}), sorted({f.machine for f in figures})
    span = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    return f"Measured {span} on: {'; '.join(machines)}."


def _pick(figures: Iterable[Figure], part: str) -> list[Figure]:
    return [f for f in figures if f.part == part]


def _value(
    figures: Iterable[Figure], show: Callable[[Figure], str], *, method: str, what: str, on: str, map_: str = ""
) -> str:
    for f in figures:
        if (f.method, f.what, f.on, f.map) == (method, what, on, map_):
            return show(f)
    return "–"


def _methods(figures: Iterable[Figure]) -> list[str]:
    return sorted({f.method for f in figures} - {camera.WHOLE})


def _count(f: Figure) -> str:
    return f"{round(f.value * f.n)}"


def _percent(f: Figure) -> str:
    return f"{100 * f.value:.0f} %"


def _number(f: Figure) -> str:
    return f"{f.value:.3f}"


def _camera(all_figures: list[Figure]) -> str:
    figures = _pick(all_figures, camera.PART)
    if not figures:
        return ""

    def row(method: str) -> list[str]:
        told = (_value(figures, _count, method=method, what=what, on=camera.ON) for what in (CLAIMS, WEAK, ABSTAINED))
        return [f"`{method}`", *told]

    return CAMERA.format(
        n=max(f.n for f in figures),
        whole=_value(figures, _count, method=camera.WHOLE, what=CLAIMS, on=camera.ON),
        measured=_measured(figures),
        table=_table(["method", "moderate or stronger", "weak", "abstained"], map(row, _methods(figures))),
    )


def _maps(figures: list[Figure]) -> list[tuple[str, str]]:
    return sorted({(f.method, f.map) for f in figures if f.map})


def _samples(all_figures: list[Figure]) -> str:
    figures = _pick(all_figures, samples.PART)
    if not figures:
        return ""
    masked = [k for k in samples.MAKERS if any(f.on == k and f.what == AUC_ALL for f in figures)]
    aucs = [
        [f"`{m}`", name, *(_value(figures, _number, method=m, what=AUC_ALL, on=k, map_=name) for k in masked)]
        for m, name in _maps(figures)
    ]
    claims = [
        [f"`{m}`", *(_value(figures, _percent, method=m, what=CLAIMS, on=k) for k in samples.MAKERS)]
        for m in _methods(figures)
    ]
    return SAMPLES.format(
        seeds=samples.HELD_OUT,
        kinds="\n".join(f"- `{kind}`: {says}" for kind, says in samples.SAYS.items()),
        measured=_measured(figures),
        aucs=_table(["method", "map", *masked], aucs),
        claims=_table(["method", *samples.MAKERS], claims),
    )


def _local(all_figures: list[Figure]) -> str:
    figures = _pick(all_figures, local.PART)
    if not figures:
        return ""
    names = sorted({f.on.split()[0] for f in figures})
    return LOCAL.format(
        measured=_measured(figures),
        sets="\n".join(_local_set(figures, name) for name in names),
        protocol=(auc.__doc__ or "").split("\n", 1)[1].strip(),
    )


def _local_set(figures: list[Figure], name: str) -> str:
    forged, authentic = f"{name} forged", f"{name} authentic"
    aucs = [
        [
            f"`{m}`", heat,
            *(_value(figures, _number, method=m, what=w, on=forged, map_=heat) for w in (AUC_MEAN, AUC_MEDIAN)),
            _value(figures, lambda f: str(f.n), method=m, what=AUC_MEAN, on=forged, map_=heat),
            _value(figures, _number, method=m, what=AUC_ALL, on=forged, map_=heat),
        ]
        for m, heat in _maps(figures)
    ]  # fmt: skip
    columns = [(on, what) for on in (forged, authentic) for what in (CLAIMS, ABSTAINED)]
    claims = [
        [f"`{m}`", *(_value(figures, _percent, method=m, what=what, on=on) for on, what in columns)]
        for m in _methods(figures)
    ]
    return LOCAL_SET.format(
        name=name,
        forged=max((f.n for f in figures if f.on == forged), default=0),
        authentic=max((f.n for f in figures if f.on == authentic), default=0),
        aucs=_table(["method", "map", "mean AUC", "median AUC", "maps", "mean, no map as 0.5"], aucs),
        claims=_table(["method", "forged: claims", "abstained", "authentic: claims", "abstained"], claims),
    )


def _speed(all_figures: list[Figure]) -> str:
    figures = _pick(all_figures, speed.PART)
    if not figures:
        return ""
    shown = {speed.SECONDS: 2, speed.RATIO: 1, speed.MEMORY: 0}

    def cell(method: str, size: str, what: str) -> str:
        return _value(figures, lambda f: f"{f.value:.{shown[what]}f}", method=method, what=what, on=size)

    rows = [
        [f"`{method}`", *(cell(method, size, what) for size in speed.SIZES for what in shown)]
        for method in [*_methods(figures), camera.WHOLE]
    ]
    header = ["method", *(f"{size}: {unit}" for size in speed.SIZES for unit in ("s", "decodes", "MiB"))]
    return SPEED.format(measured=_measured(figures), table=_table(header, rows))


__all__ = ["write"]
