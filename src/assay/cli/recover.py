"""``assay recover``: find the credentials that a picture has lost."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from assay.cli.inputs import expand
from assay.cli.outputs import emit, write
from assay.errors import UsageError
from assay.provenance.recovery import Recovery, Unrecovered, Verdict
from assay.provenance.recovery.many import SECONDS, Answer, Ask, each_recovered
from assay.provenance.shelves import is_url
from assay.provenance.trust import chosen
from assay.report.record import line
from assay.report.recovery import render_recoveries, why
from assay.report.recovery_page import render_recovery
from assay.report.words import plain

DONE, NOT_CONFIRMED, FAILED, NOT_FOUND = 0, 1, 3, 4

HELP = """Recover the Content Credentials (C2PA) that a picture has lost, and tell whether they are this picture's.

A watermark in the picture or its fingerprint leads to a manifest in a store: a folder that assay sign --durable filled,
or a Soft Binding Resolution service. The manifest's own fingerprint is then compared with the picture, so that a
watermark moved to another picture is noticed.

A service is told the watermark and nothing else. With --send it is sent the picture, where no watermark leads anywhere.

Exit code: 0 found, and of this picture; 1 found, but the picture was edited, is another one, or cannot be compared;
2 the request makes no sense, or the store cannot be asked; 3 a file could not be read; 4 nothing found.

[bold]Examples[/bold]

  assay recover photo.jpg --from manifests/

  assay recover photo.jpg --from https://credentials.example.org/v1 --html found.html

  assay recover photo.jpg --from manifests/ -o found.jpg      (and the manifest beside it, found.c2pa)

  assay recover inbox/ --from manifests/ --json found.jsonl
"""


def command(  # noqa: PLR0917 (typer reads the options from the signature)
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="Pictures, folders, or globs.")],
    source: Annotated[
        str, typer.Option("--from", metavar="STORE|URL", help="The folder of a store, or the URL of a service.")
    ],
    trust: Annotated[
        list[str] | None,
        typer.Option("--trust", metavar="PEM|NAME", help="Trust this list too (repeat); 'none' leaves out the others."),
    ] = None,
    send: Annotated[
        bool, typer.Option("--send", help="Let the service be sent the picture where no watermark leads anywhere.")
    ] = False,
    json_file: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE|-", help="Write the record, one object a line. - is standard output."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="OUT", help="Copy the picture, and put the manifest beside it as OUT.c2pa."
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write a page; with several pictures, a folder of them."),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, metavar="N", help="Pictures looked at at once.")] = 1,
    timeout: Annotated[
        float, typer.Option("--timeout", min=1, metavar="S", help="Seconds that one picture may take.")
    ] = SECONDS,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing: only files and exit code.")] = False,
) -> None:
    """Recover Content Credentials."""
    if "-" in files:
        raise UsageError("Standard input cannot be recovered from: name a file")
    paths = expand(files)
    if out and len(paths) > 1:
        raise UsageError(f"--out goes with one picture, and there are {len(paths)}")
    if out and out.suffix.lower() == ".c2pa":
        raise UsageError(f"--out {out}: name the picture; the manifest gets that name with .c2pa")
    if send and not is_url(source):
        raise UsageError("--send goes with a service; a store on this machine is searched anyway")
    pages = _pages(html, paths)
    ask = Ask(source=source, trust=chosen(trust or ()), send=send, show=html is not None)
    status = Console(stderr=True)
    answers: list[Recovery | Unrecovered] = []
    lines: list[bytes] = []
    written: list[str] = []
    for number, (_, answer) in enumerate(each_recovered(paths, ask, jobs=min(jobs, len(paths)), seconds=timeout)):
        record = answer.record
        told = line(record)
        if json_file == "-":
            emit(told)
        elif json_file:
            lines.append(told)
        if pages and isinstance(record, Recovery):
            page = render_recovery(record, answer.picture, answer.comparison)
            written.append(write(pages[number], page.encode(), "--html"))
        if out:
            written += _restore(out, paths[0], answer, status)
        answers.append(record)
    if json_file and json_file != "-":
        written.append(write(Path(json_file), b"".join(lines), "--json"))
    if not quiet and json_file != "-":
        render_recoveries(answers, Console())
    if not quiet:
        for record in answers:
            if json_file == "-" and isinstance(record, Unrecovered):
                status.print(Text(f"assay: {plain(record.path)}: {why(record)}"), soft_wrap=True)
        if written and json_file != "-":
            status.print(Text(f"\nWritten: {', '.join(map(plain, written))}"), soft_wrap=True)
    raise typer.Exit(exit_code(answers))


def exit_code(answers: list[Recovery | Unrecovered]) -> int:
    """Of several pictures: 3 before 1 before 4 before 0."""
    if any(isinstance(a, Unrecovered) for a in answers):
        return FAILED
    verdicts = {a.verdict for a in answers if isinstance(a, Recovery)}
    if any(not v.confirmed and v is not Verdict.NOT_FOUND for v in verdicts):
        return NOT_CONFIRMED
    return NOT_FOUND if Verdict.NOT_FOUND in verdicts else DONE


def _restore(out: Path, path: str, answer: Answer, status: Console) -> list[str]:
    """The picture, and the manifest beside it, where it is this picture's."""
    record = answer.record
    if isinstance(record, Unrecovered) or answer.manifest is None or record.verdict.rank > Verdict.EDITED.rank:
        status.print(Text(f"Nothing was written to {plain(str(out))}: no credentials of this picture were found."))
        return []
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read again ({error.strerror})") from None
    made = []
    if not (out.exists() and out.samefile(path)):
        made.append(write(out, data, "--out"))
    return [*made, write(out.with_suffix(".c2pa"), answer.manifest, "--out")]


def _pages(html: Path | None, paths: list[str]) -> list[Path]:
    """A page for each picture: the file named, or one of its own name in the folder named."""
    if html is None:
        return []
    if len(paths) == 1:
        if html.is_dir():
            raise UsageError(f"--html {html} is a folder; name a file for the page in it")
        return [html]
    if html.exists() and not html.is_dir():
        raise UsageError(f"--html {html} is a file, but {len(paths)} pages need a folder")
    taken: set[str] = set()
    pages = []
    for path in paths:
        base = stem = Path(path).name.replace(".", "_") or "picture"
        number = 2
        while stem.lower() in taken:
            stem, number = f"{base}-{number}", number + 1
        taken.add(stem.lower())
        pages.append(html / f"{stem}.html")
    return pages


def register(app: typer.Typer) -> None:
    """Add the command to an app."""
    app.command("recover", help=HELP)(command)
