"""``assay register verify`` and ``prove``: what a receipt proves, and a receipt that proves more."""

import contextlib
import itertools
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from assay.cli.outputs import not_over, write
from assay.cli.register.common import (
    BAD,
    DONE,
    FAILED,
    Json,
    Key,
    Log,
    PolicyFile,
    Quiet,
    ended,
    own_key,
    place,
    say,
    show,
)
from assay.cli.register.measure import SECONDS, Measured, Task, measure
from assay.cli.register.posts import claim_of, found_for, keep, read_receipt, save
from assay.cli.register.records import Proven, Verified
from assay.cli.register.shown import render_verified
from assay.errors import RegisterError, UsageError
from assay.register.cose import check_cose_receipt
from assay.register.model import Query
from assay.register.policy import Policy
from assay.register.ports import Register
from assay.register.receipt import MAX_RECEIPT, Receipt, issue, upgrade
from assay.register.registers import block_of, clocks, known, load_policy, read_small
from assay.register.submission import Submitter
from assay.register.verify import judge, verify
from assay.workers import Lost, each

if TYPE_CHECKING:
    from assay.register.anchors import Trust
    from assay.register.anchors.headers import Headers

MOST_BLOCKS = 64
"""Headers that are asked for."""
HeaderFile = Annotated[
    Path | None,
    typer.Option("--headers", metavar="FILE", help="Block headers of Bitcoin, for anchors by OpenTimestamps."),
]
HeadersFrom = Annotated[
    str | None,
    typer.Option(
        "--headers-from",
        metavar="URL",
        help="Ask this explorer (Esplora's API) for the headers that the anchors need: opens a connection.",
    ),
]
Block = Annotated[
    str | None,
    typer.Option("--block", metavar="HEIGHT:HASH", help="With headers: a block that you know is Bitcoin's."),
]
Authority = Annotated[
    list[Path] | None,
    typer.Option("--authority", metavar="PEM", help="Root of a time-stamping authority you believe (repeat for more)."),
]
Node = Annotated[
    str | None,
    typer.Option("--node", metavar="URL", help="Ask this EVM node about anchors in its chain: opens a connection."),
]


def verify_command(  # noqa: PLR0917 (typer reads the options from the signature)
    receipt: Annotated[Path, typer.Argument(metavar="RECEIPT", help="The receipt: FILE.tlog-proof.")],
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="The file in hand.")] = None,
    policy: PolicyFile = None,
    headers: HeaderFile = None,
    headers_from: HeadersFrom = None,
    block: Block = None,
    authority: Authority = None,
    node: Node = None,
    json_file: Json = None,
    quiet: Quiet = False,
) -> None:
    """Check a receipt against a file, offline: what it proves, step by step, and whether a policy accepts it.

    Without --policy the register's own in your settings counts, where there is one for this log. Opens no connection,
    unless --headers-from or --node is given. An explorer is told the blocks, and believed as to which chain is
    Bitcoin's; a header must still have the work that it states.

    Exit code: 0 the receipt holds for the file, and the policy, where there is one, accepts it: without one nobody
    vouches for the log; 1 it does not hold, is about another file, or is not accepted; 2 the request makes no sense; 3
    a file cannot be read.

    [bold]Examples[/bold]

      assay register verify photo.jpg.tlog-proof photo.jpg --policy register.policy

      assay register verify photo.jpg.tlog-proof photo.jpg --policy register.policy --headers headers.bin

      assay register verify photo.jpg.tlog-proof photo.jpg --headers-from https://blockstream.info/api
    """
    if block is not None and headers is None and headers_from is None:
        raise UsageError("--block goes with --headers or --headers-from")
    if headers is not None and headers_from is not None:
        raise UsageError("--headers and --headers-from are two answers to one question: give one of them")
    if json_file not in {None, "-"}:
        not_over([Path(str(json_file))], [receipt, *([file] if file else [])])
    digest = _digest(file) if file else None
    held = _receipt(receipt)
    accepted, trust = _trusted(held)
    if policy is not None:
        accepted = load_policy(policy)
    if headers or authority:
        trust = clocks(headers, block if headers else None, authority or [])
    if headers_from is not None:
        trust = replace(trust, headers=_fetched(held, headers_from, block))
    if node is not None:
        from assay.register.anchors import node as evm  # noqa: PLC0415 (it loads web3)

        proofs = [anchor.proof for anchor in held.anchors if anchor.kind == "evm"]
        trust = replace(trust, chains=(evm.ask(node, proofs),) if proofs else ())
    found = verify(held, digest, trust)
    done = Verified(
        receipt=str(receipt), path=str(file) if file else None, verdict=judge(found, accepted), verification=found
    )
    if show(done, json_file) and not quiet:
        render_verified(done, Console())
    raise typer.Exit(DONE if done.verdict.state in {"trusted", "unvouched"} else BAD)


def _fetched(receipt: Receipt, url: str, block: str | None) -> "Headers | None":
    """The headers that the anchors of a receipt name, as far as an explorer has them; nothing is asked where there are
    none. Raises RegisterError: ``too_large`` where they name very many, and as the explorer does.
    """
    from assay.register.anchors import headers, opentimestamps  # noqa: PLC0415 (they load the HTTP client)

    trusted = block_of(block) if block else None
    wanted: set[int] = set()
    for anchor in receipt.anchors:
        if anchor.kind == opentimestamps.KIND:
            with contextlib.suppress(RegisterError):  # what is no proof is told when it is checked
                wanted |= opentimestamps.heights(anchor.proof)
    if len(wanted) > MOST_BLOCKS:
        raise RegisterError(f"The anchors name more than {MOST_BLOCKS} blocks: too many to ask for.", "too_large")
    lines = b""
    for height in sorted(wanted):
        try:
            lines += headers.fetch([height], url)
        except RegisterError as error:
            if error.reason != "missing":
                raise
    return headers.Headers.parse(lines, trusted=trusted) if lines else None


def prove_command(  # noqa: PLR0917
    what: Annotated[Path, typer.Argument(metavar="RECEIPT|FILE", help="A receipt, or a file that you registered.")],
    log: Log = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to write; over the old receipt if not.")
    ] = None,
    cose: Annotated[
        Path | None,
        typer.Option("--cose", metavar="FILE", help="Write a COSE receipt (RFC 9942) of the entry here too."),
    ] = None,
    key: Key = None,
    policy: PolicyFile = None,
    json_file: Json = None,
    quiet: Quiet = False,
) -> None:
    """Get a receipt anew: with the anchors that have come since, or because it was lost.

    A receipt that is given is held to what the register shows now: a register that shows another history is told on.
    For a file without its receipt, your claim is found again with your key.

    A COSE receipt, for programs that speak COSE, has the log's signature alone: no witness's, and no anchor.

    Exit code: 0 done; 1 the register shows another history, or its answer does not reach the policy; 2 the request
    makes no sense, or the register cannot be asked; 3 the file cannot be read.

    [bold]Examples[/bold]

      assay register prove photo.jpg.tlog-proof --log mylog

      assay register prove photo.jpg --log mylog   (the receipt was lost)
    """
    if cose is not None:
        not_over([cose], [what, *([output] if output else [])])
    where = place(log, policy)
    old = read_receipt(what)
    at = what
    with where.opened() as register:
        if old is None:
            at, old, new = _lost(register, what, key, output)
        else:
            try:
                new = upgrade(old, register)
            except RegisterError as error:
                if error.reason in {"fork", "conflict"}:
                    raise ended(str(error), BAD) from None
                raise
        _reached(new, where.policy)
        verifier = register.verifier
        other = None if cose is None else _cose(register, new)
    target = output or at
    changed = old is None or new.encode() != old.encode()
    if changed or output is not None:
        save(new, target)
    if cose is not None and other is not None:
        write(cose, other, "--cose")
    done = Proven(
        receipt=str(target), index=new.proof.index, size=new.checkpoint.size,
        anchors=tuple(anchor.kind for anchor in new.anchors), changed=changed, log=str(verifier),
        cose=str(cose) if cose else None,
    )  # fmt: skip
    if show(done, json_file) and not quiet:
        kinds = ", ".join(dict.fromkeys(done.anchors)) or "none yet"
        word = "Written" if changed or output is not None else "Nothing new"
        say(f"{word}: {target}, entry {done.index} of {done.size}; anchors: {kinds}.")
        if cose is not None:
            say(f"Written: {cose}, a COSE receipt of it.")


def _reached(new: Receipt, policy: Policy | None) -> None:
    if policy is None:
        return
    verdict = judge(verify(new), policy)
    if verdict.state != "trusted":
        raise ended(f"The register's answer does not reach the policy, so nothing was written. {verdict.says}", BAD)


def _cose(register: Register, receipt: Receipt) -> bytes:
    """The COSE receipt of the same entry, checked under the same log's key."""
    data = register.cose(receipt.proof.index)
    try:
        stated = check_cose_receipt(data, receipt.leaf.encode(), receipt.log)
    except RegisterError as error:
        raise RegisterError(f"The register gives no COSE receipt that holds: {error}", "damaged") from None
    if stated.index != receipt.proof.index:
        raise RegisterError("The register gives a COSE receipt of another entry.", "damaged")
    return data


def _lost(
    register: Register, file: Path, key: Path | None, output: Path | None
) -> tuple[Path, Receipt | None, Receipt]:
    """The place for it, the receipt that is there, and one made anew, of a file that was registered with our key."""
    found = _measured(file)
    who = Submitter.load(key or own_key())
    mine: dict[bytes, int] = {}
    after = -1
    while page := register.search(Query(signer=who.public, after=after)):
        mine |= {hit.leaf[:98]: hit.index for hit in page}
        if max(hit.index for hit in page) <= after:
            break
        after = max(hit.index for hit in page)
    for manifest, fingerprint, public in itertools.product((False, True), (True, False), (False, True)):
        measured = found if (fingerprint, manifest) == (True, False) else _measured(file, fingerprint, manifest)
        submission, (opening,) = who.claims([claim_of(measured)], public=public)
        index = mine.get(submission.entries[0].head)
        if index is not None:
            new = issue(register, index, opening)
            if new.leaf.head != submission.entries[0].head:
                raise RegisterError(f"The register shows another claim as entry {index} than it said.", "damaged")
            there = next((pair for pair in found_for(file, None, measured.digest) if pair[1].leaf == new.leaf), None)
            if there:
                return there[0], there[1], new
            return output or keep(new, file, None), None, new
    raise RegisterError(
        f"There is no claim of {file} by your key in {register.verifier.name}: assay register add makes one.", "missing"
    )


def _measured(file: Path, fingerprint: bool = True, manifest: bool = False) -> Measured:
    _, found = next(iter(each(measure, [Task(file, fingerprint, manifest)], seconds=SECONDS)))
    if isinstance(found, Measured):
        return found
    raise ended(f"{file}: {found.says}" if isinstance(found, Lost) else str(found))


def _digest(file: Path) -> bytes:
    import hashlib  # noqa: PLC0415

    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    except OSError as error:
        raise ended(f"{file} cannot be read: {error.strerror}", FAILED) from None


def _receipt(path: Path) -> Receipt:
    try:
        return Receipt.parse(read_small(path, MAX_RECEIPT))
    except OSError as error:
        raise ended(f"{path} cannot be read: {error.strerror}", FAILED) from None
    except RegisterError as error:
        raise ended(f"{path}: {error}", BAD) from None


def _trusted(receipt: Receipt) -> "tuple[Policy | None, Trust]":
    """The policy and the clocks of the register in the settings whose log this is."""
    from assay.provenance.config import config_folder  # noqa: PLC0415
    from assay.register.anchors import Trust  # noqa: PLC0415

    for one in known(config_folder()):
        if one.policy and any(line.key == receipt.log for line in one.policy.logs):
            return one.policy, one.trust
    return None, Trust()


def commands(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("prove")(prove_command)
    app.command("verify")(verify_command)
