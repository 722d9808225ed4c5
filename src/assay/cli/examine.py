"""``assay examine``: the main job."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace
from rich.console import Console

from assay.batch import Item, Options, Outputs, Result, run
from assay.cli.inputs import expand
from assay.cli.journal import Journal
from assay.cli.outputs import emit, not_over
from assay.cli.progress import Watch
from assay.errors import UsageError
from assay.evidence import Failure, Report
from assay.examine import environment, select
from assay.files import write_whole
from assay.media import Limits
from assay.report.index import render_index
from assay.report.record import encode
from assay.report.terminal import render_table
from assay.weigh import claims

DONE, CLAIM, FAILED = 0, 1, 3

HELP = """Examine pictures: is anything altered, and what speaks for or against it?

PATH is a picture, a folder of pictures, a glob in quotes, or - for standard input. Formats: JPEG, PNG, WebP, HEIC,
AVIF, TIFF, GIF, BMP; told by content, never by the file's name.

Exit code: 0 nothing that speaks for alteration; 1 something does, with moderate strength or more; 2 the request makes
no sense; 3 a file could not be examined (the others were).

[bold]Examples[/bold]

  assay examine photo.jpg

  assay examine photo.jpg --html report.html

  assay examine inbox/ --json out.jsonl --jobs 2   (stopped half-way? the same command goes on)

  assay examine photo.jpg --only jpeg_grid --maps maps/
"""


def command(  # noqa: PLR0917 (typer reads the options from the signature)
    paths: Annotated[list[str], typer.Argument(metavar="PATH…", help="Pictures, folders, globs, or - for stdin.")],
    json_file: Annotated[
        str | None,
        typer.Option(
            "--json", metavar="FILE|-", help="Write the record: one JSON object a line. - is standard output."
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write an HTML report; with several pictures, a folder of them."),
    ] = None,
    pdf: Annotated[
        Path | None,
        typer.Option("--pdf", metavar="FILE", help="Write a PDF report; with several pictures, a folder of them."),
    ] = None,
    maps: Annotated[
        Path | None,
        typer.Option("--maps", metavar="DIR", help="Write every map, full size, as PNG; a folder a picture."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="ID", help="Run this method only (repeat for more).")
    ] = None,
    skip: Annotated[
        list[str] | None, typer.Option("--skip", metavar="ID", help="Leave this method out (repeat for more).")
    ] = None,
    online: Annotated[
        bool, typer.Option("--online", help="Allow the network: ask the registers at URLs in registers.toml.")
    ] = False,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=0, metavar="N", help="Pictures examined at once; 0: one a core.")
    ] = 1,
    timeout: Annotated[
        float, typer.Option("--timeout", min=1, metavar="S", help="Seconds that one picture may take.")
    ] = 300,
    max_pixels: Annotated[
        int, typer.Option("--max-pixels", min=1, metavar="N", help="Refuse pictures of more pixels than this.")
    ] = Limits.max_pixels,
    max_bytes: Annotated[
        int, typer.Option("--max-bytes", min=1, metavar="N", help="Refuse files larger than this.")
    ] = Limits.max_bytes,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Examine again even what the --json file already holds.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No table, no progress: only files and exit code.")
    ] = False,
) -> None:
    """Examine pictures."""
    limits = Limits(max_pixels=max_pixels, max_bytes=max_bytes, max_seconds=timeout)
    options = Options(only=tuple(only or ()), skip=tuple(skip or ()), limits=limits, online=online)
    select(options.only, options.skip)
    items = plan(paths, limits, html=html, pdf=pdf, maps=maps)
    record = Path(json_file) if json_file and json_file != "-" else None
    reports = [path for item in items for path in (item.outputs.html, item.outputs.pdf)]
    not_over([p for p in (record, *reports) if p], [i.source for i in items if isinstance(i.source, Path)])
    asked = Asked(
        items=items, options=options, json_file=json_file,
        html=html, pdf=pdf, jobs=jobs or os.cpu_count() or 1, fresh=fresh, quiet=quiet,
    )  # fmt: skip
    raise typer.Exit(perform(asked))


@dataclass
class Asked:
    """All that one call of the command asks for."""

    items: list[Item]
    options: Options
    json_file: str | None
    html: Path | None
    pdf: Path | None
    jobs: int
    fresh: bool
    quiet: bool
    shown: list[tuple[Result, str | None]] = field(default_factory=list)

    def show(self, item: Item, result: Result) -> None:
        """Remember a result for the table and the index; of many, only what those show, so that memory stays small."""
        if isinstance(result, Report) and len(self.items) > 1:
            cards = next((r.methods for r, _ in self.shown if isinstance(r, Report)), result.methods)
            brief = tuple(replace(f, details={}, maps=(), regions=()) for f in result.findings if f.strength.rank)
            result = replace(result, methods=cards, findings=brief, seconds={})
        link = item.outputs.html.name if item.outputs.html and isinstance(result, Report) else None
        self.shown.append((result, link))


def perform(asked: Asked) -> int:
    """Do it, and return the exit code."""
    kept: dict[str, Result] = {}
    journal = None
    if asked.json_file and asked.json_file != "-":
        wanted = any(item.outputs.wanted() for item in asked.items)
        options = asked.options
        now = environment(options.only, options.skip, wanted, options.limits, online=options.online)
        journal = Journal(Path(asked.json_file), now, fresh=asked.fresh)
        reports = {item.name: report for item in asked.items if (report := journal.find(item))}
        journal.begin(list(reports.values()))
        kept.update(reports)
    code = DONE
    status = Console(stderr=True)
    todo = [item for item in asked.items if item.name not in kept]
    try:
        with Watch(status, total=len(asked.items), kept=len(kept), quiet=asked.quiet) as watch:
            for item, result in _in_order(asked, kept, todo, watch):
                code = max(code, exit_code(result))
                if journal and item.name not in kept:
                    journal.write(result)
                if asked.json_file == "-":
                    emit(encode(result) + b"\n")
                asked.show(item, result)
    finally:
        if journal:
            journal.close()
    _finish(asked, status)
    return code


def _in_order(
    asked: Asked, kept: dict[str, Result], todo: Sequence[Item], watch: Watch
) -> Iterator[tuple[Item, Result]]:
    """The results of all items in their order, kept or new."""
    jobs = max(1, min(asked.jobs, len(todo)))
    with closing(run(todo, asked.options, jobs=jobs, watch=watch.step if jobs == 1 else None)) as new:
        for item in asked.items:
            result = kept[item.name] if item.name in kept else next(new)[1]
            watch.done(item.name, result)
            yield item, result


def _finish(asked: Asked, status: Console) -> None:
    if asked.html and len(asked.items) > 1:
        write_whole(asked.html / "index.html", render_index(asked.shown).encode())
    if asked.quiet:
        return
    results = [result for result, _ in asked.shown]
    if asked.json_file == "-":
        for result in results:
            if isinstance(result, Failure):
                status.print(f"assay: {result.error}", markup=False, highlight=False, soft_wrap=True)
        return
    render_table(results, Console())
    written = [str(p) for p in (asked.html, asked.pdf, asked.json_file) if p]
    if written:
        status.print(f"Written: {', '.join(written)}", markup=False, highlight=False, soft_wrap=True)


def exit_code(result: Result) -> int:
    """3 for a file that could not be examined, 1 for a claim of alteration, else 0; a batch returns the highest."""
    if isinstance(result, Failure):
        return FAILED
    return CLAIM if claims(result.conclusion) else DONE


def plan(paths: Sequence[str], limits: Limits, *, html: Path | None, pdf: Path | None, maps: Path | None) -> list[Item]:
    """The items to examine, each with its own output files; with several, outputs are folders.

    Raises UsageError where an output is a folder that should be a file or the other way round.
    """
    names = expand(paths)
    many = len(names) > 1
    for path in (html, pdf):
        if path and many and path.exists() and not path.is_dir():
            raise UsageError(f"{path} is a file, but {len(names)} reports need a folder")
        if path and not many and path.is_dir():
            raise UsageError(f"{path} is a folder; name a file for the report in it")
    if maps and maps.exists() and not maps.is_dir():
        raise UsageError(f"{maps} is a file; --maps needs a folder")
    stems = _stems(names)
    items = []
    for name, stem in zip(names, stems, strict=True):
        outputs = Outputs(
            html=html / f"{stem}.html" if html and many else html,
            pdf=pdf / f"{stem}.pdf" if pdf and many else pdf,
            maps=maps / stem if maps and many else maps,
        )
        source = sys.stdin.buffer.read(limits.max_bytes + 1) if name == "-" else Path(name)
        items.append(Item(name="<stdin>" if name == "-" else name, source=source, outputs=outputs))
    return items


def _stems(names: Sequence[str]) -> list[str]:
    """A file name for each input, without extension, different from every other."""
    taken: set[str] = set()
    stems = []
    for name in names:
        base = stem = "stdin" if name == "-" else Path(name).name.replace(".", "_") or "picture"
        number = 2
        while stem.lower() in taken:
            stem, number = f"{base}-{number}", number + 1
        taken.add(stem.lower())
        stems.append(stem)
    return stems


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("examine", help=HELP)(command)
