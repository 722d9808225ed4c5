"""Ask the witnesses of a policy to cosign a checkpoint (C2SP tlog-witness v1.0.0, the client's side).

All are asked at once; the answer is there when the policy's quorum is. It fails closed: below the quorum there is no
cosigned checkpoint. Real witnesses differ in status codes and content types, so what counts is what they send: lines
that verify under the keys of the policy, and a size to start from.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import httpx

from assay.errors import RegisterError
from assay.register.checkpoint import Checkpoint
from assay.register.encoding import base64_of, decimal
from assay.register.http import MAX_ANSWER, Answer, Http
from assay.register.keys import VerifierKey
from assay.register.merkle import MAX_PROOF
from assay.register.note import DASH, MAX_SIGNATURES, Note, Signature
from assay.register.policy import Policy

ATTEMPTS = 3
"""How often one witness is asked for one checkpoint: a second time from the size that it names, a third in a race."""

Prove = Callable[[int], list[bytes]]


def request_body(old: int, proof: list[bytes], note: Note) -> bytes:
    """The body of ``add-checkpoint``."""
    if len(proof) > MAX_PROOF:
        raise RegisterError(f"A consistency proof of {len(proof)} hashes is too long.", "malformed")
    lines = "".join(f"{base64_of(h)}\n" for h in proof)
    return f"old {old}\n{lines}\n".encode() + note.encode()


@dataclass
class _Witness:
    """One server that holds the keys of one or more witness lines of the policy."""

    http: Http
    keys: dict[str, VerifierKey] = field(default_factory=dict)
    old: int = 0
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="witness"))


@dataclass
class _Round:
    """One checkpoint on its way past the witnesses."""

    note: Note
    size: int
    prove: Prove
    proofs: dict[int, list[bytes]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    over: bool = False

    def proof(self, old: int) -> list[bytes]:
        """Proofs are made one at a time, and once each: what makes them need not be safe for threads."""
        with self.lock:
            if self.over:
                raise RegisterError("It answered too late.", "unreachable")
            if old not in self.proofs:
                self.proofs[old] = self.prove(old) if 0 < old < self.size else []
            return self.proofs[old]


class Witnesses:
    """The witnesses of a policy that have a URL: a :data:`~assay.register.ports.Cosign`.

    ``timeout`` (seconds) bounds a whole round; once there is a quorum the others have ``grace`` seconds more. What size
    each witness knows is remembered. Lines with one URL are one server, asked once. ``answers`` says what each witness
    of the policy answered in the last round.
    """

    def __init__(
        self, policy: Policy, *, timeout: float = 10.0, grace: float = 0.2, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._policy, self._timeout, self._grace = policy, timeout, grace
        self._lock = threading.Lock()
        self.answers: dict[str, str] = {}
        self._witnesses: dict[str, _Witness] = {}
        for name, line in policy.witnesses.items():
            if line.url:
                http = Http(line.url, seconds=timeout, transport=transport)
                self._witnesses.setdefault(http.url, _Witness(http)).keys[name] = line.key

    def __call__(self, note: Note, prove: Prove) -> Note:
        """The note with the cosignatures that verify. Raises RegisterError ``quorum``, which says what each witness
        answered; one round at a time.
        """
        with self._lock:
            this = _Round(note, Checkpoint.parse(note.text).size, prove)
            try:
                return self._gather(this)
            finally:
                with this.lock:
                    this.over = True

    def _gather(self, this: _Round) -> Note:
        deadline = time.monotonic() + self._timeout
        pending: dict[Future[tuple[Signature, ...]], _Witness] = {
            one.pool.submit(self._ask, one, this): one for one in self._witnesses.values()
        }
        answers = self.answers = {
            name: "the policy has no address for it" for name, line in self._policy.witnesses.items() if not line.url
        }
        found, missing = self._judge(this.note)
        while pending:
            if missing is None:
                deadline = min(deadline, time.monotonic() + self._grace)
            done, _ = wait(pending, max(0.0, deadline - time.monotonic()), FIRST_COMPLETED)
            if not done:
                break
            for future in done:
                witness = pending.pop(future)
                try:
                    found = found.with_signatures(future.result())
                    says = "it cosigned"
                except RegisterError as error:
                    says = str(error).rstrip(".")
                answers.update(dict.fromkeys(witness.keys, says))
            if missing is not None:
                found, missing = self._judge(found)
        for future, witness in pending.items():
            future.cancel()
            answers.update(dict.fromkeys(witness.keys, f"no answer within {self._timeout:g} s"))
        if missing is None:
            return found
        told = "; ".join(f"{_shown(name)}: {answers[name]}" for name in self._policy.witnesses)
        raise RegisterError(f"{str(missing).rstrip('.')}. {told}.", "quorum")

    def _judge(self, note: Note) -> tuple[Note, RegisterError | None]:
        """The note, and what it lacks for the policy. Raises RegisterError where more witnesses would not help."""
        try:
            self._policy.check(note)
        except RegisterError as error:
            if error.reason != "quorum":
                raise
            return note, error
        return note, None

    def _ask(self, witness: _Witness, this: _Round) -> tuple[Signature, ...]:
        """The cosignatures of one witness. Raises RegisterError."""
        old = min(witness.old, this.size)
        for _ in range(ATTEMPTS):
            body = request_body(old, this.proof(old), this.note)
            answer = witness.http.request("POST", "add-checkpoint", MAX_ANSWER, body)
            if 200 <= answer.status < 300:
                signatures = _verified(answer, this.note.text, witness.keys.values())
                witness.old = this.size
                return signatures
            known = _size(answer)
            if known is None or known == old:
                raise _refused(answer, old)
            if known > this.size:
                raise RegisterError(
                    f"it has seen {known} entries of this log already, and this checkpoint has {this.size}: it is old, "
                    "or the log lost what it published", "fork",
                )  # fmt: skip
            old = witness.old = known
        raise RegisterError("it names another size each time", "conflict")

    def close(self) -> None:
        """Let go of threads and connections."""
        for one in self._witnesses.values():
            one.pool.shutdown(wait=False, cancel_futures=True)
            one.http.close()


def _shown(name: str) -> str:
    """A name of the policy, which may hold octets that are no UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _size(answer: Answer) -> int | None:
    """The size that a witness says it knows: under any status that refuses, where it is called a size; under 409 under
    any type, where it reads as one.
    """
    if answer.kind != "text/x.tlog.size" and answer.status != 409:
        return None
    with contextlib.suppress(RegisterError, UnicodeDecodeError):
        return decimal(answer.body[:40].decode("ascii").strip(), "The size")
    return None


def _refused(answer: Answer, old: int) -> RegisterError:
    means = {
        403: "it does not accept the log's signature",
        404: "it does not know this log",
        409: f"it has seen another root at this size ({old}): the log has two histories",
        422: "it finds the consistency proof wrong",
    }.get(answer.status)
    return RegisterError(f"{means} ({answer.says()})" if means else answer.says(), "conflict")


def _verified(answer: Answer, text: str, keys: Iterable[VerifierKey]) -> tuple[Signature, ...]:
    """The lines that verify under these keys; others are passed over, be they garbage or by somebody unknown. Raises
    RegisterError ``signature`` where none does.
    """
    found: list[Signature] = []
    wrong: list[str] = []
    keys = tuple(keys)
    lines = [line for line in answer.body.decode("utf-8", "replace").split("\n") if line.startswith(DASH)]
    for line in lines[:MAX_SIGNATURES]:
        try:
            signature = Signature.parse(line)
        except RegisterError:
            continue
        for key in keys:
            if key.matches(signature):
                try:
                    key.check(text, signature)
                    found.append(signature)
                except RegisterError as error:
                    wrong.append(str(error).rstrip("."))
    if not found:
        says = wrong[0] if wrong else "it returned no signature by a key of the policy"
        raise RegisterError(says, "signature")
    return tuple(found)


__all__ = ["ATTEMPTS", "Witnesses", "request_body"]
