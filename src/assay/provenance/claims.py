"""From what the library says of one manifest (its ``crjson``) to our records.

Everything in a manifest is a stranger's: values may be of any type, of any length, and of any number.
"""

from collections.abc import Iterator
from typing import Any

from assay.provenance import codes
from assay.provenance.model import Action, Kind, Reason, Signer, SoftBinding

MAX_TEXT = 300
"""Characters of a stranger's string that are kept."""

MAX_ITEMS = 200
"""Actions, statements, bindings of one manifest that are kept."""

Raw = dict[str, Any]

_KINDS = (("failure", Kind.FAILURE), ("success", Kind.SUCCESS), ("informational", Kind.INFORMATION))


def table(value: Any) -> Raw:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """The value where it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: Any, most: int = MAX_TEXT) -> str:
    """A stranger's string, cut short; numbers as they are, everything else empty."""
    if not isinstance(value, str):
        if not isinstance(value, (int, float)):
            return ""
        value = str(value)
    return value if len(value) <= most else f"{value[: most - 1]}…"


def claim(raw: Raw) -> Raw:
    """The claim of a manifest, of either version."""
    return table(raw.get("claim.v2") or raw.get("claim"))


def statements(raw: Raw, name: str) -> Iterator[tuple[str, Raw]]:
    """The statements (assertions) of one kind, whatever their version and number: label and content."""
    for label, content in table(raw.get("assertions")).items():
        if label.startswith(name) and isinstance(content, dict):
            plain = label.split("__", 1)[0]
            if plain == name or plain.startswith(f"{name}.v"):
                yield label, content


def signer(raw: Raw) -> Signer | None:
    """Who signed, by the certificate."""
    signature = table(raw.get("signature"))
    info = table(signature.get("certificateInfo"))
    if not info:
        return None
    subject, issuer, validity = (table(info.get(name)) for name in ("subject", "issuer", "validity"))
    organisation = text(subject.get("O"))
    return Signer(
        name=text(subject.get("CN")) or organisation, organisation=organisation,
        issuer=text(issuer.get("CN")) or text(issuer.get("O")), algorithm=text(signature.get("algorithm"), 40),
        serial=_serial(info), not_before=text(validity.get("notBefore"), 40) or None,
        not_after=text(validity.get("notAfter"), 40) or None,
    )  # fmt: skip


def timestamp(raw: Raw) -> str | None:
    """The time in the timestamp, trusted or not."""
    return text(table(table(raw.get("signature")).get("timeStampInfo")).get("timestamp"), 40) or None


def timestamp_serial(raw: Raw) -> str:
    """The serial of the certificate that the timestamp was made with, decimal."""
    return _serial(table(table(table(raw.get("signature")).get("timeStampInfo")).get("certificateInfo")))


def _serial(info: Raw) -> str:
    told = text(info.get("serialNumber"), 80)
    try:
        return str(int(told, 16))
    except ValueError:
        return told


def generator(raw: Raw) -> str:
    """The program that wrote the claim."""
    found = claim(raw).get("claim_generator_info")
    first = table(items(found)[0] if isinstance(found, list) and found else found)
    named = f"{text(first.get('name'), 120)} {text(first.get('version'), 40)}".strip()
    return named or text(claim(raw).get("claim_generator"), 160)


def actions(raw: Raw) -> tuple[Action, ...]:
    """What was done, as the signer says, in his order."""
    found = []
    for _, content in statements(raw, "c2pa.actions"):
        for entry in items(content.get("actions"))[:MAX_ITEMS]:
            one = table(entry)
            name, kind = text(one.get("action"), 100), text(one.get("digitalSourceType"), 200)
            agent = one.get("softwareAgent")
            software = (
                f"{text(agent.get('name'), 120)} {text(agent.get('version'), 40)}".strip()
                if isinstance(agent, dict)
                else text(agent, 160)
            )
            words = codes.action(name)
            found.append(
                Action(
                    action=name, says=f"{words}: {codes.source(kind)}" if kind else words,
                    when=text(one.get("when"), 40) or None, software=software or None, source_type=kind or None,
                )
            )  # fmt: skip
    return tuple(found[:MAX_ITEMS])


def soft_bindings(raw: Raw) -> tuple[SoftBinding, ...]:
    """Watermarks and fingerprints that lead back here."""
    found = []
    for _, content in statements(raw, "c2pa.soft-binding"):
        for block in items(content.get("blocks"))[:MAX_ITEMS]:
            value = text(table(block).get("value"), 4000)
            value = value.removeprefix("b64'").removesuffix("'") if value.startswith("b64'") else value
            found.append(SoftBinding(algorithm=text(content.get("alg"), 100), value=value))
    return tuple(found[:MAX_ITEMS])


def training(raw: Raw) -> dict[str, str]:
    """What the signer says of training and data mining."""
    found: dict[str, str] = {}
    for name in ("c2pa.training-mining", "cawg.training-mining"):
        for _, content in statements(raw, name):
            for entry, use in list(table(content.get("entries")).items())[:MAX_ITEMS]:
                found[text(entry, 100)] = text(table(use).get("use"), 60)
    return found


def labels(raw: Raw) -> tuple[str, ...]:
    """The labels of all statements."""
    return tuple(text(label, 120) for label in list(table(raw.get("assertions")))[:MAX_ITEMS])


def redacted(raw: Raw) -> tuple[str, ...]:
    """The statements that this manifest declares as removed from earlier ones."""
    return tuple(text(uri) for uri in items(claim(raw).get("redacted_assertions"))[:MAX_ITEMS])


def hides(raw: Raw) -> int:
    """How many of the statements that this manifest declares as removed told of a file that went in."""
    uris = items(claim(raw).get("redacted_assertions"))
    return sum(text(uri, 2000).rsplit("/", 1)[-1].startswith("c2pa.ingredient") for uri in uris)


def reasons(results: Any, manifest: str | None) -> list[Reason]:
    """The checks of one set of results: three lists of codes."""
    told = table(results)
    return [reason(entry, kind, manifest) for key, kind in _KINDS for entry in items(told.get(key))]


def reason(entry: Any, kind: Kind | None, manifest: str | None) -> Reason:
    """One check."""
    told = table(entry)
    code = text(told.get("code"), 100)
    return Reason(
        code=code, kind=kind or codes.kind(code), says=codes.says(code), manifest=manifest,
        detail=text(told.get("explanation")),
    )  # fmt: skip


def ours(code: str, manifest: str | None, detail: str = "", *, kind: Kind | None = None, says: str = "") -> Reason:
    """A check of our own."""
    return Reason(
        code=code, kind=kind or codes.kind(code), says=says or codes.says(code), manifest=manifest, detail=text(detail)
    )  # fmt: skip


def label_of(uri: Any) -> str | None:
    """The label of the manifest that a JUMBF URI leads to, which some tools write without its first slash."""
    path = text(uri, 2000).removeprefix("self#jumbf=").removeprefix("/")
    if not path.startswith("c2pa/"):
        return None
    return path.split("/", 2)[1] or None


__all__ = [
    "MAX_ITEMS", "Raw", "actions", "claim", "generator", "hides", "items", "label_of", "labels", "ours", "reason",
    "reasons", "redacted", "signer", "soft_bindings", "statements", "table", "text", "timestamp",
    "timestamp_serial", "training",
]  # fmt: skip
