"""``assay verify``: who signed this file, is it as it was signed, and who vouches for the signer?"""

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from assay.cli.inputs import can_be_signed, expand, moment
from assay.cli.outputs import emit, not_over, write
from assay.errors import UsageError
from assay.provenance.many import SECONDS, Answer, Ask, each_verified
from assay.provenance.model import State, Unverified, Verification
from assay.provenance.trust import chosen
from assay.report.credentials import render_verification_html, render_verifications, why
from assay.report.record import line
from assay.report.words import plain

DONE, BELOW, FAILED, NONE = 0, 1, 3, 4

POLICIES = {"valid": State.VALID, "retired": State.TRUSTED_RETIRED, "trusted": State.TRUSTED}

MAX_SIDECAR = 256 * 1024 * 1024

HELP = """Verify Content Credentials (C2PA): who signed a file, is it as it was signed, who vouches for the signer?

FILE is a picture, video, sound file or PDF, a folder of them, or a glob in quotes. Nothing is fetched unless you say
--online. What a signature does not say: that what a file shows is true.

Exit code: 0 every file reaches the policy, and so does nothing broken hide in its history; 1 one is broken or below
the policy; 2 the request makes no sense; 3 a file could not be processed; 4 no credentials, and nothing worse.

[bold]Examples[/bold]

  assay verify photo.jpg

  assay verify photo.jpg --trust our-root.pem      (adds your list to the shipped ones)

  assay verify photo.jpg --trust none --trust our-root.pem      (your list alone)

  assay verify inbox/ --policy valid --json out.jsonl

  assay verify old.jpg --at 2024-05-01      (certificates as of that day, where no timestamp tells)
"""


def command(  # noqa: PLR0917 (typer reads the options from the signature)
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="Files, folders, or globs.")],
    trust: Annotated[
        list[str] | None,
        typer.Option(
            "--trust", metavar="PEM|NAME", help="Trust this list too (repeat for more); 'none' leaves out the others."
        ),
    ] = None,
    sidecar: Annotated[
        Path | None,
        typer.Option("--sidecar", metavar="FILE", help="Take the credentials from this file (.c2pa)."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="Judge certificates as of this time (ISO 8601)."),
    ] = None,
    online: Annotated[
        bool, typer.Option("--online", help="Allow the network: credentials kept elsewhere, revocation.")
    ] = False,
    policy: Annotated[
        str, typer.Option("--policy", metavar="valid|retired|trusted", help="What a file must reach for exit code 0.")
    ] = "trusted",
    json_file: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE|-", help="Write the record, one object a line. - is standard output."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page about one file, to keep or to send.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, metavar="N", help="Files verified at once.")] = 1,
    timeout: Annotated[
        float, typer.Option("--timeout", min=1, metavar="S", help="Seconds that one file may take.")
    ] = SECONDS,
    details: Annotated[bool, typer.Option("--details", help="Show every check and every statement.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing: only files and exit code.")] = False,
) -> None:
    """Verify Content Credentials."""
    if policy not in POLICIES:
        raise UsageError(f"--policy {policy}: choose one of {', '.join(POLICIES)}")
    if "-" in files:
        raise UsageError("Standard input cannot be verified: name a file")
    paths = expand(files, wanted=can_be_signed, what="file that can carry credentials")
    if sidecar and len(paths) > 1:
        raise UsageError(f"--sidecar goes with one file, and there are {len(paths)}")
    if html and len(paths) > 1:
        raise UsageError(f"--html goes with one file, and there are {len(paths)}")
    record = Path(json_file) if json_file and json_file != "-" else None
    read = [Path(name) for name in (*paths, *(trust or ()))]
    not_over([path for path in (html, record) if path], [*read, *([sidecar] if sidecar else [])])
    ask = Ask(
        trust=chosen(trust or ()), sidecar=_read(sidecar) if sidecar else None,
        sidecar_name=str(sidecar) if sidecar else None, at=moment(at) if at else None, online=online,
    )  # fmt: skip
    answers: list[Answer] = []
    lines: list[bytes] = []
    for _, answer in each_verified(paths, ask, jobs=min(jobs, len(paths)), seconds=timeout):
        if json_file == "-":
            emit(line(answer))
        elif record:
            lines.append(line(answer))
        answers.append(_brief(answer) if len(paths) > 200 else answer)
    if record:
        write(record, b"".join(lines), "--json")
    if html and isinstance(answers[0], Verification):
        write(html, render_verification_html(answers[0]).encode(), "--html")
    status = Console(stderr=True)
    if not quiet and json_file != "-":
        render_verifications(answers, Console(), details=details)
    for answer in answers:
        if json_file == "-" and isinstance(answer, Unverified) and not quiet:
            status.print(Text(f"assay: {plain(answer.path)}: {why(answer)}"), soft_wrap=True)
    if not quiet:
        for hint in hints(answers, policy, sidecar):
            status.print(Text(f"\n{hint}" if json_file != "-" else f"assay: {hint}"), soft_wrap=True)
    raise typer.Exit(exit_code(answers, POLICIES[policy]))


def exit_code(answers: list[Answer], policy: State) -> int:
    """Of several files: 3 before 1 before 4 before 0."""
    if any(isinstance(a, Unverified) for a in answers):
        return FAILED
    found = [a for a in answers if isinstance(a, Verification)]
    if any(below(a, policy) for a in found):
        return BELOW
    return NONE if any(a.state is State.NONE for a in found) else DONE


def below(found: Verification, policy: State) -> bool:
    """Whether credentials are broken, or less than the policy asks; a file without any is another matter."""
    if found.state is State.NONE:
        return False
    return found.chain is State.BROKEN or found.state.rank < policy.rank


def hints(answers: list[Answer], policy: str, sidecar: Path | None) -> list[str]:
    """What to do next, where there is something to do."""
    found = [a for a in answers if isinstance(a, Verification)]
    weak = [a for a in found if below(a, POLICIES[policy]) and a.chain is not State.BROKEN]
    said = []
    if weak:
        lowest = min((a.state for a in weak), key=lambda s: s.rank)
        word = next(name for name, state in POLICIES.items() if state is lowest)
        what = "1 file" if len(weak) == 1 else f"{len(weak)} files"
        said.append(
            f"Exit code 1: {what} below the policy “{policy}”. If you know the signer, add the root certificate with "
            f"--trust ROOT.pem; --policy {word} accepts {lowest.words}."
        )
    beside = [
        a.path for a in found if a.state is State.NONE and not sidecar and Path(a.path).with_suffix(".c2pa").is_file()
    ]
    if beside:
        path = Path(beside[0])
        name = plain(str(path.with_suffix(".c2pa")))
        said.append(f"There is a sidecar beside {plain(path.name)}; --sidecar {name} verifies with it.")
    return said


def _brief(answer: Answer) -> Answer:
    """Of many files, only what a row shows, so that memory stays small."""
    return msgspec.structs.replace(answer, manifests=()) if isinstance(answer, Verification) else answer


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_SIDECAR + 1)
    except OSError as error:
        raise UsageError(f"--sidecar {path}: cannot be read ({error.strerror})") from None
    if len(data) > MAX_SIDECAR:
        raise UsageError(f"--sidecar {path}: larger than {MAX_SIDECAR // 1024**2} MB")
    return data


def register(app: typer.Typer) -> None:
    """Add the command to an app."""
    app.command("verify", help=HELP)(command)
