"""From findings to words."""

import pytest

from assay.evidence import Abstention, Direction, Finding, Method, Reason, Strength
from assay.weigh import claims, weigh


def card(name: str, group: str = "compression") -> Method:
    return Method(
        id=name, version="1", title=name.upper(), group=group, looks_at="", fooled_by="", ignore="", source=""
    )


CARDS = {name: card(name, group) for name, group in [("a", "compression"), ("b", "compression"), ("c", "structure")]}


def finding(method: str, direction: Direction, strength: Strength, llr: float | None = None) -> Finding:
    return Finding(method=method, says=f"{method} says so.", direction=direction, strength=strength, llr=llr)


FOR, AGAINST, NEUTRAL = Direction.FOR, Direction.AGAINST, Direction.NEUTRAL


def test_nothing_speaks_for_alteration_and_that_is_no_proof() -> None:
    conclusion = weigh([finding("a", NEUTRAL, Strength.STRONG)], [], CARDS)
    assert conclusion.strength is Strength.NONE
    assert not claims(conclusion)
    assert "not proof" in conclusion.says
    assert conclusion.for_ == conclusion.against == ()


def test_the_conclusion_is_as_strong_as_its_strongest_finding_and_no_stronger() -> None:
    found = [finding("a", FOR, Strength.MODERATE), finding("c", FOR, Strength.STRONG), finding("b", FOR, Strength.WEAK)]
    conclusion = weigh(found, [], CARDS)
    assert conclusion.strength is Strength.STRONG
    assert [s.method for s in conclusion.for_] == ["c", "a", "b"]
    assert "strong support for alteration from C, and 2 weaker signs" in conclusion.says


@pytest.mark.parametrize(
    ("strength", "claimed"),
    [(s, s not in {Strength.NONE, Strength.WEAK}) for s in Strength],
)
def test_a_claim_begins_at_moderate(strength: Strength, claimed: bool) -> None:
    assert claims(weigh([finding("a", FOR, strength)], [], CARDS)) is claimed


def test_weak_signs_come_with_their_innocent_explanation() -> None:
    assert "innocent" in weigh([finding("a", FOR, Strength.WEAK)], [], CARDS).says


def test_findings_on_one_kind_of_trace_are_said_not_to_add_up() -> None:
    same = weigh([finding("a", FOR, Strength.STRONG), finding("b", FOR, Strength.MODERATE)], [], CARDS)
    other = weigh([finding("a", FOR, Strength.STRONG), finding("c", FOR, Strength.MODERATE)], [], CARDS)
    assert "compression) do not add up" in same.says
    assert "do not add up" not in other.says


def test_divided_evidence_is_called_divided() -> None:
    both = weigh([finding("a", FOR, Strength.STRONG), finding("c", AGAINST, Strength.WEAK)], [], CARDS)
    alone = weigh([finding("c", AGAINST, Strength.WEAK)], [], CARDS)
    assert "divided" in both.says
    assert "divided" not in alone.says
    assert [s.method for s in both.against] == ["c"]


def test_what_could_not_be_judged_is_named_but_not_what_was_not_asked() -> None:
    abstentions = [
        Abstention(method="a", reason=Reason.TOO_SMALL, says="Too small."),
        Abstention(method="b", reason=Reason.NOT_ASKED, says="Not asked."),
    ]
    conclusion = weigh([], abstentions, CARDS)
    assert [s.says for s in conclusion.not_judged] == ["Too small."]
    assert "1 method could not judge" in conclusion.says


def test_uncalibrated_until_every_judging_finding_has_a_likelihood_ratio() -> None:
    half = [finding("a", FOR, Strength.STRONG, llr=2.0), finding("c", FOR, Strength.WEAK)]
    assert not weigh(half, [], CARDS).calibrated
    assert "Uncalibrated" in weigh(half, [], CARDS).says
    assert weigh(half[:1], [], CARDS).calibrated
    assert not weigh([], [], CARDS).calibrated
