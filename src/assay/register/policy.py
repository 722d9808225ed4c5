"""Trust policies (C2SP tlog-policy): which logs are known, and which witnesses must have cosigned a checkpoint.

A policy is a file of octets. Names are compared octet by octet; text that is not UTF-8 is kept as surrogates.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.encoding import decimal
from assay.register.keys import KeyType, VerifierKey
from assay.register.note import Note

MAX_POLICY = 1_048_576
"""Bytes of a policy that are read."""
MAX_LINES = 256
"""Logs, witnesses and groups, together, that a policy may define; the specification asks for 32 of each."""
NONE = "none"

_FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LOG_KINDS = (KeyType.ED25519, KeyType.MLDSA44)
_WITNESS_KINDS = (KeyType.COSIGNATURE, KeyType.MLDSA44)


@dataclass(frozen=True)
class LogLine:
    """A log that is accepted. ``url`` is where to find it, or None."""

    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True)
class WitnessLine:
    """A witness. ``name`` means something only within the policy; ``url`` is its submission prefix, or None."""

    name: str
    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True)
class Group:
    """Witnesses and groups, of which ``threshold`` must have cosigned."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """What a policy found in a checkpoint that it accepts: the log that signed, and every witness of the policy that
    cosigned, with its time in POSIX seconds (0 where the cosignature states none).
    """

    log: VerifierKey
    checkpoint: Checkpoint
    witnesses: Mapping[str, tuple[VerifierKey, int]]


@dataclass(frozen=True)
class Policy:
    """A policy. ``quorum`` is the name of a witness or of a group, None where no cosignature is asked for; ``groups``
    stand in the order of the file, so that each names only what stands before it.
    """

    logs: tuple[LogLine, ...]
    witnesses: Mapping[str, WitnessLine]
    groups: Mapping[str, Group]
    quorum: str | None
    text: str

    @classmethod
    def parse(cls, data: str | bytes) -> "Policy":
        """Raises RegisterError: ``malformed``, with the number of the line; ``too_large``; ``unsupported`` for a key of
        a type that Assay does not know.
        """
        text = data if isinstance(data, str) else data.decode("utf-8", "surrogateescape")
        if len(text.encode("utf-8", "replace")) > MAX_POLICY:
            raise RegisterError(f"The policy has more than {MAX_POLICY} bytes.", "too_large")
        reader = _Reader()
        for number, line in enumerate(text.split("\n"), 1):
            try:
                reader.line(line)
            except RegisterError as error:
                raise RegisterError(f"Line {number} of the policy: {error}", error.reason) from None
        if not reader.ended:
            raise RegisterError(
                "The policy has no quorum line; write 'quorum none' to ask for no witness.", "malformed"
            )
        return cls(tuple(reader.logs), reader.witnesses, reader.groups, reader.quorum, text)

    def check(self, note: Note) -> Verdict:
        """Accept a checkpoint that a log of the policy signed and a quorum of its witnesses cosigned.

        Raises RegisterError: ``malformed`` (no checkpoint), ``key`` (no known log signed it), ``signature`` (a known
        key's signature does not verify: then the whole note is refused), ``quorum`` (with who is missing).
        """
        checkpoint = Checkpoint.parse(note.text)
        logs = [line.key for line in self.logs if line.key.name == checkpoint.origin]
        signed = [key for key in logs if key.signed(note) is not None]
        # An ML-DSA-44 signature leaves extension lines out: they would be anybody's.
        signers = [key for key in signed if not checkpoint.extensions or key.kind is KeyType.ED25519]
        if not signers:
            raise RegisterError(f"No log that the policy names has signed this, as {_shown(checkpoint.origin)}.", "key")
        times = {line.name: (line.key, line.key.signed(note)) for line in self.witnesses.values()}
        witnesses = {name: (key, time) for name, (key, time) in times.items() if time is not None}
        self.need(frozenset(witnesses))
        return Verdict(signers[0], checkpoint, witnesses)

    def need(self, cosigned: frozenset[str]) -> None:
        """Whether witnesses of these policy names make a quorum. Raises RegisterError ``quorum`` where not."""
        if self.quorum is None:
            return
        there = set(cosigned) & self.witnesses.keys()
        for group in self.groups.values():
            if sum(member in there for member in group.members) >= group.threshold:
                there.add(group.name)
        if self.quorum not in there:
            raise RegisterError(f"Too few witnesses have cosigned: {self._lack(self.quorum, there)}.", "quorum")

    def _lack(self, name: str, there: set[str]) -> str:
        """What is missing for a witness or group, in words."""
        group = self.groups.get(name)
        if group is None:
            return f"{_shown(name)} is missing"
        have = [member for member in group.members if member in there]
        missing = ", ".join(_shown(member) for member in group.members if member not in there)
        return f"{_shown(name)} asks for {group.threshold} and has {len(have)}; missing are {missing}"


class _Reader:
    """Takes in a policy line by line."""

    def __init__(self) -> None:
        self.logs: list[LogLine] = []
        self.witnesses: dict[str, WitnessLine] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self.ended = False
        self._members: set[str] = set()
        self._count = 0

    def line(self, line: str) -> None:
        if _FORBIDDEN.search(line):
            raise RegisterError("It holds a control character.", "malformed")
        word, *rest = [part for part in re.split(r"[ \t]+", line) if part] or [""]
        if not word or word.startswith("#"):
            return
        self._count += 1
        if self._count > MAX_LINES:
            raise RegisterError(f"A policy defines at most {MAX_LINES} logs, witnesses and groups.", "too_large")
        match word, rest:
            case "log", [vkey, *url] if len(url) < 2:
                self._log(VerifierKey.parse(vkey), *url)
            case "witness", [name, vkey, *url] if len(url) < 2:
                self._witness(name, VerifierKey.parse(vkey), *url)
            case "group", [name, threshold, *members] if members:
                self._group(name, threshold, members)
            case "quorum", [name]:
                self._quorum(name)
            case (("log" | "witness" | "group" | "quorum"), _):
                raise RegisterError(f"A {word} line has too few or too many parts.", "malformed")
            case _:
                raise RegisterError(f"{_shown(word)} begins no line that a policy can have.", "malformed")

    def _log(self, key: VerifierKey, url: str | None = None) -> None:
        if key.kind not in _LOG_KINDS:
            raise RegisterError("The key of a log cannot be of the type of a witness.", "malformed")
        if any(key.public == log.key.public for log in self.logs):
            raise RegisterError("Two logs have the same public key.", "malformed")
        self.logs.append(LogLine(key, url))

    def _witness(self, name: str, key: VerifierKey, url: str | None = None) -> None:
        self._new(name)
        if key.kind not in _WITNESS_KINDS:
            raise RegisterError("The key of a witness must be one for cosignatures.", "malformed")
        if any(key.public == witness.key.public for witness in self.witnesses.values()):
            raise RegisterError("Two witnesses have the same public key.", "malformed")
        self.witnesses[name] = WitnessLine(name, key, url)

    def _group(self, name: str, threshold: str, members: list[str]) -> None:
        self._new(name)
        for member in members:
            self._known(member)
            if member in self._members:
                raise RegisterError(f"{_shown(member)} is a member twice.", "malformed")
            self._members.add(member)
        words = {"all": len(members), "any": 1}
        count = words[threshold] if threshold in words else decimal(threshold, "The threshold")
        if not 1 <= count <= len(members):
            raise RegisterError(f"A group of {len(members)} cannot have the threshold {count}.", "malformed")
        self.groups[name] = Group(name, count, tuple(members))

    def _quorum(self, name: str) -> None:
        if self.ended:
            raise RegisterError("It is the second quorum line.", "malformed")
        self.ended = True
        if name != NONE:
            self._known(name)
            self.quorum = name

    def _new(self, name: str) -> None:
        if name == NONE or name in self.witnesses or name in self.groups:
            raise RegisterError(f"The name {_shown(name)} is taken.", "malformed")

    def _known(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise RegisterError(f"No line above defines {_shown(name)}.", "malformed")


def _shown(name: str) -> str:
    """A name that can be printed."""
    return repr(name[:80].encode("utf-8", "surrogateescape").decode("utf-8", "replace"))


__all__ = ["MAX_POLICY", "Group", "LogLine", "Policy", "Verdict", "WitnessLine"]
