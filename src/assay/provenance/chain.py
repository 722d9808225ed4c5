"""The verdict over a file's credentials and those of everything that went into it, near and far.

The library checks the outermost file. What was wrong with a file when it was taken in stands in a list inside the
statement about it, where nobody looks: a sound signature over a broken picture would wash it clean.
"""

from collections import deque
from collections.abc import Container, Iterator
from dataclasses import dataclass, field

from msgspec.structs import replace

from assay.errors import MediaError
from assay.provenance import claims
from assay.provenance.claims import Raw, items, label_of, ours, table, text
from assay.provenance.codes import CONTENT, FAILURE
from assay.provenance.judge import UNTRUSTED, Court, Judgement
from assay.provenance.model import Ingredient, Kind, Manifest, Reason, State

_ORDER = {Kind.FAILURE: 0, Kind.INFORMATION: 1, Kind.SUCCESS: 2}

_CONTENT = ("assertion.", "claim", "ingredient.", "hashedURI.")
"""How codes begin that say of a statement or a signature that it is wrong."""

MAX_MANIFESTS = 5_000
MAX_INGREDIENTS = 20_000
MAX_REASONS = 300
"""Checks of one manifest that are kept."""


@dataclass
class Link:
    """One file that went into another: what the signer says of it, and what was wrong with it."""

    ingredient: Ingredient
    parent: str
    failures: tuple[Reason, ...] = ()

    @property
    def child(self) -> str | None:
        """The label of its manifest."""
        return self.ingredient.manifest


@dataclass
class Chain:
    """All manifests, the active one first, with the verdict over them. ``bare`` counts the files that went in without
    credentials, ``hidden`` those of which the statement was removed later (redacted).
    """

    manifests: tuple[Manifest, ...]
    state: State
    broken: tuple[Link, ...] = ()
    bare: int = 0
    hidden: int = 0
    active: Judgement = field(default_factory=lambda: Judgement([]))


def walk(raws: list[Raw], court: Court, name: str) -> Chain:
    """Judge every manifest that the first one leads to. Raises MediaError where there are too many."""
    by_label = {label: raw for raw in raws if (label := text(raw.get("label"), 1000))}
    first = text(raws[0].get("label"), 1000)
    depths, links = _reach(first, by_label, name)
    judged = {label: _judged(label, by_label[label], court, active=label == first) for label in depths}
    recorded = _recorded_of(links, depths)
    states = {label: State.BROKEN if recorded.get(label) else judgement.state for label, judgement in judged.items()}
    mine: dict[str, list[Ingredient]] = {}
    broken, bare = [], 0
    for link in links:
        state = states.get(link.child or "", State.NONE)
        link.ingredient = replace(link.ingredient, state=State.BROKEN if link.failures else state)
        mine.setdefault(link.parent, []).append(link.ingredient)
        bare += link.child is None and not link.failures
        if link.ingredient.state is State.BROKEN:
            broken.append(link)
    manifests = tuple(
        _manifest(label, by_label[label], depth, states[label], judged[label], mine.get(label, []),
                  recorded.get(label, []))
        for label, depth in depths.items()
    )  # fmt: skip
    whole = [*states.values(), *(link.ingredient.state for link in broken)]
    for link in broken:
        if not link.failures and link.child:
            link.failures = judged[link.child].failures or tuple(recorded.get(link.child, ()))
    active = judged[first]
    hidden = sum(claims.hides(by_label[label]) for label in depths)
    if hidden:
        active.reasons.append(ours("assay.ingredient.redacted", first, f"{hidden} of them"))
        manifests = (replace(manifests[0], reasons=tuple(active.reasons[:MAX_REASONS])), *manifests[1:])
    if len(depths) < len(by_label):
        active.reasons.append(ours("assay.manifest.unreferenced", first, f"{len(by_label) - len(depths)} of them"))
        manifests = (replace(manifests[0], reasons=tuple(active.reasons[:MAX_REASONS])), *manifests[1:])
    return Chain(manifests, min(whole, key=lambda s: s.rank), tuple(broken), bare, hidden, active)


def _recorded_of(links: list[Link], known: Container[str]) -> dict[str, list[Reason]]:
    """What the signers' tools recorded against each manifest.

    That the content does not fit is a fault of one file; another file with the same manifest may be whole.
    """
    to: dict[str, list[Link]] = {}
    for link in links:
        if link.child is not None and link.child in known:
            to.setdefault(link.child, []).append(link)
    return {
        child: [
            r for link in found for r in link.failures
            if r.code not in CONTENT or all(other.failures for other in found)
        ]
        for child, found in to.items()
    }  # fmt: skip


def _reach(first: str, by_label: dict[str, Raw], name: str) -> tuple[dict[str, int], list[Link]]:
    """The manifests that the first one leads to with their depth, nearest first, and all links on the way."""
    depths, links, queue = {first: 0}, [], deque([first])
    while queue:
        label = queue.popleft()
        for link in _links(label, by_label[label], by_label):
            links.append(link)
            if link.child in by_label and link.child not in depths:
                depths[link.child] = depths[label] + 1
                queue.append(link.child)
        if len(depths) > MAX_MANIFESTS or len(links) > MAX_INGREDIENTS:
            raise MediaError(f"{name}: more than {MAX_MANIFESTS} files went into it, too many to check", "too_deep")
    return depths, links


def _links(parent: str, raw: Raw, by_label: dict[str, Raw]) -> Iterator[Link]:
    deltas = {
        text(delta.get("ingredientAssertionURI"), 2000).rsplit("/", 1)[-1]: delta
        for delta in map(table, items(raw.get("ingredientDeltas")))
    }
    for label, content in claims.statements(raw, "c2pa.ingredient"):
        reference = table(content.get("activeManifest") or content.get("c2pa_manifest"))
        child = label_of(reference.get("url"))
        found = [*_recorded(content, child), *claims.reasons(table(deltas.get(label)).get("validationDeltas"), child)]
        failures = {r.code: r for r in found if r.kind is Kind.FAILURE and r.code != UNTRUSTED}
        if child is not None and child not in by_label:
            failures.setdefault("ingredient.manifest.missing", ours("ingredient.manifest.missing", child))
        yield Link(
            Ingredient(
                title=text(content.get("dc:title")), relationship=text(content.get("relationship"), 60),
                format=text(content.get("dc:format"), 100) or None, manifest=child,
            ),
            parent, tuple(failures.values()),
        )  # fmt: skip


def _recorded(content: Raw, child: str | None) -> list[Reason]:
    """What the signer's tool wrote down when it took the file in."""
    results = table(content.get("validationResults"))
    found = claims.reasons(results.get("activeManifest"), child)
    for delta in items(results.get("ingredientDeltas")):
        found += claims.reasons(table(delta).get("validationDeltas"), child)
    found += [claims.reason(entry, None, child) for entry in items(content.get("validationStatus"))]
    # The library does not repeat what is written down here, so a failure among the successes must not hide it.
    return [replace(r, kind=Kind.FAILURE) if r.code.startswith(_CONTENT) and r.code in FAILURE else r for r in found]


def _judged(label: str, raw: Raw, court: Court, *, active: bool) -> Judgement:
    found = claims.reasons(raw.get("validationResults"), label)
    if active:
        for delta in items(raw.get("ingredientDeltas")):
            found += [
                r for r in claims.reasons(table(delta).get("validationDeltas"), label)
                if r.kind is Kind.FAILURE and r.code != UNTRUSTED
            ]  # fmt: skip
    else:
        anew = court.anew(label) or []
        codes = {r.code for r in anew}
        trust = {"signingCredential.trusted", UNTRUSTED}
        found = [r for r in found if r.code not in codes and not (codes and r.code in trust)] + anew
    return court.judge(label, raw, found)


def _manifest(  # noqa: PLR0917
    label: str, raw: Raw, depth: int, state: State, judged: Judgement, ingredients: list[Ingredient],
    recorded: list[Reason],
) -> Manifest:  # fmt: skip
    known = {r.code for r in judged.reasons if r.kind is Kind.FAILURE}
    stated = table(claims.claim(raw))
    stamp, actions = claims.timestamp(raw), claims.actions(raw)
    said = max((a.when for a in actions if a.when), default=None)
    reasons = [*judged.reasons, *{r.code: r for r in recorded if r.code not in known}.values()]
    reasons.sort(key=_order)
    return Manifest(
        label=label, depth=depth, state=state, signer=claims.signer(raw), list=judged.list.id if judged.list else None,
        title=text(stated.get("dc:title")), format=text(stated.get("dc:format"), 100),
        generator=claims.generator(raw), signed_at=stamp if judged.stamped else None,
        claimed_at=None if judged.stamped else stamp or said, actions=actions, ingredients=tuple(ingredients),
        soft_bindings=claims.soft_bindings(raw), redacted=claims.redacted(raw), assertions=claims.labels(raw),
        training=claims.training(raw), reasons=tuple(reasons[:MAX_REASONS]),
    )  # fmt: skip


def _order(reason: Reason) -> int:
    return _ORDER[reason.kind]


__all__ = ["Chain", "Link", "walk"]
