"""Rules make outcomes worse, never better, and say so in the verdict."""

import itertools
import json
import math
import pickle
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veridical import ErrorRate, InputError, Measurement, OperatingPoint, Outcome
from veridical.catalogue.reasons import explain, explain_cause
from veridical.cli.console import print_verdict
from veridical.policy import parse_policy
from veridical.policy.decision import Decision
from veridical.policy.replay import replay
from veridical.policy.rules import Rules, checked_facts
from veridical.verification import Policy, Verdict, decide, verdict_to_json
from veridical.verification.evidence import verdict_body

HEAD = """
id = "mine"
version = 1
attempts = 2
required = ["face.match", "liveness.silent"]
optional = ["signals.velocity"]
facts = ["amount"]
[constants]
large = 1000
bad = "not_mated"
"""
POINTS = dict.fromkeys(
    ["face.match", "liveness.silent", "signals.velocity"], OperatingPoint(0.5, 0.25)
)
COUNT = "signals.velocity.device_24h"


def rule(when: str, then: str = "review", more: str = "", name: str = "a") -> str:
    return f"[[rules]]\nid = {name!r}\nwhen = {json.dumps(when)}\nthen = {then!r}\n{more}\n"


def policy(*rules: str, head: str = HEAD) -> Policy:
    return parse_policy((head + "".join(rules)).encode(), "mine.toml", Path())


def measured(
    face: float | None = 0.9, live: float | None = 0.9, devices: int | None = 1, reason: str = ""
) -> list[Measurement]:
    counts = {} if devices is None else {"device_24h": devices}
    return [
        Measurement("face.match", face, reason or "not_mated"),
        Measurement("liveness.silent", live, reason),
        Measurement("signals.velocity", 1.0, "", counts),
    ]


def end(under: Policy, *, attempt: int = 1, facts: Mapping[str, float] | None = None,
        rates: Mapping[str, ErrorRate] | None = None, **values: Any) -> Decision:  # noqa: ANN401  # fmt: skip
    found = measured(**values)
    return decide(found, under, POINTS, attempt=attempt, facts=facts, error_rates=rates)


# --- what follows from a rule ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "values", "facts", "holds"),
    [
        ("face.match.score < 0.6", {"face": 0.55}, {}, True),
        ("face.match.score < 0.6", {"face": 0.6}, {}, False),
        ("face.match.status == 'review'", {"face": 0.3}, {}, True),
        ("face.match.status == 'not_assessed'", {"face": None}, {}, True),
        ("face.match.score is missing", {"face": None}, {}, True),
        ("face.match.score is missing", {"face": math.nan}, {}, True),
        ("face.match.reason == constants.bad", {"face": 0.3}, {}, True),
        ("face.match.reason == constants.bad", {"face": 0.9}, {}, False),
        (f"{COUNT} > 3", {"devices": 4}, {}, True),
        (f"{COUNT} > 3", {"devices": 3}, {}, False),
        ("facts.amount >= constants.large", {}, {"amount": 1000}, True),
        ("facts.amount >= constants.large", {}, {"amount": 999}, False),
        ("transaction.attempt == 1", {}, {}, True),
        (f"face.match.score < 0.6 and {COUNT} > 3", {"face": 0.55, "devices": 4}, {}, True),
        (f"face.match.score < 0.6 and {COUNT} > 3", {"face": 0.55}, {}, False),
    ],
)
def test_a_rule_reads_what_it_names(
    when: str, values: dict[str, Any], facts: dict[str, float], holds: bool
) -> None:
    decision = end(policy(rule(when, "reject")), facts=facts, **values)
    assert (decision.outcome is Outcome.REJECT) == holds
    assert ("rule:a" in decision.causes) == holds


def test_error_rates_are_read_with_the_upper_bound_of_their_interval() -> None:
    rates = {"face.match": ErrorRate("fmr", 1e-4, (1e-5, 1e-3), 1000, "test")}
    for when, holds in [
        ("face.match.error_rate > 5e-5", True),
        ("face.match.error_rate > 5e-4", False),
        ("face.match.error_rate_high > 5e-4", True),
        ("liveness.silent.error_rate is missing", True),
    ]:
        assert bool(end(policy(rule(when)), rates=rates).rules) == holds


@pytest.mark.parametrize(
    ("then", "more", "outcome"),
    [
        ("review", "", Outcome.REVIEW),
        ("reject", "", Outcome.REVIEW),
        ("review", 'unknown = "review"', Outcome.REVIEW),
        ("review", 'unknown = "ignore"', Outcome.ACCEPT),
        ("reject", 'unknown = "ignore"', Outcome.ACCEPT),
    ],
)
def test_what_is_unknown_leads_to_a_person_or_to_nothing(
    then: str, more: str, outcome: Outcome
) -> None:
    decision = end(policy(rule(f"{COUNT} > 3", then, more)), devices=None)
    assert decision.outcome is outcome
    assert [found.holds for found in decision.rules] == [None] * (outcome is Outcome.REVIEW)


def test_checks_come_before_rules_among_the_causes() -> None:
    rules = policy(rule("true", name="b"), rule("true", "reject", name="a"))
    decision = end(rules, face=0.1)
    assert decision.first_cause == "face.match:not_mated"
    assert decision.causes == ("face.match:not_mated", "rule:b", "rule:a")


def test_the_first_rule_that_brought_the_outcome_about_is_the_first_cause() -> None:
    both = policy(rule("true", name="b"), rule("true", "reject", name="a"))
    assert end(both).first_cause == "rule:a"
    assert end(both).causes == ("rule:b", "rule:a")
    assert end(policy(rule("true", name="b"), rule("true", name="a"))).first_cause == "rule:b"


def test_a_retry_stays_one_under_a_review_and_ends_under_a_reject() -> None:
    poor = {"face": None, "reason": "no_face"}
    reviewing = end(policy(rule("face.match.score < 0.6")), **poor)
    assert (reviewing.outcome, reviewing.first_cause) == (Outcome.RETRY, "face.match:no_face")
    assert reviewing.causes[-1] == "rule:a"
    assert end(policy(rule(f"{COUNT} > 0", "reject")), **poor).outcome is Outcome.REJECT


def test_an_empty_policy_still_accepts_nobody() -> None:
    nothing = Policy("p", 1, "", (), rules=policy(rule("false")).rules)
    assert decide([], nothing, {}).first_cause == "policy:empty"


ORDER = {Outcome.ACCEPT: 0, Outcome.REVIEW: 1, Outcome.RETRY: 1, Outcome.REJECT: 2}
SCORES = st.sampled_from([None, math.nan, -1.0, 0.1, 0.3, 0.5, 0.9, math.inf])
RULES = st.lists(
    st.builds(
        rule,
        st.sampled_from(
            ["true", "false", "face.match.score < 0.6", "not (face.match.score < 0.6)",
             f"{COUNT} > 3", f"known({COUNT})", "facts.amount > 5 or liveness.silent.score > 0.4",
             "face.match.status != 'pass'", "transaction.attempt > 1", "facts.amount is missing"]
        ),
        st.sampled_from(["review", "reject"]),
        st.sampled_from(["", 'unknown = "ignore"', 'unknown = "review"']),
    ),
    max_size=4,
)  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(
    RULES, SCORES, SCORES, st.sampled_from([None, 0, 9]), st.sampled_from(["", "no_face"]),
    st.integers(1, 2), st.sampled_from([{}, {"amount": 9.0}, {"amount": math.nan}]),
)  # fmt: skip
def test_no_rule_ever_lifts_an_outcome(
    texts: list[str], face: float | None, live: float | None, devices: int | None, reason: str,
    attempt: int, facts: dict[str, float],
) -> None:  # fmt: skip
    named = [text.replace("'a'", f"'r{place}'") for place, text in enumerate(texts)]
    found = measured(face, live, devices, reason)
    before = decide(found, policy(), POINTS, attempt=attempt, facts=facts)
    worst = before
    for count in range(1, len(named) + 1):  # each rule more never makes it better either
        after = decide(found, policy(*named[:count]), POINTS, attempt=attempt, facts=facts)
        assert ORDER[after.outcome] >= ORDER[worst.outcome]
        assert after.outcome in (worst.outcome, Outcome.REVIEW, Outcome.REJECT)
        if worst.outcome in (Outcome.RETRY, Outcome.REJECT):
            assert after.outcome in (worst.outcome, Outcome.REJECT)
        assert after.results == before.results
        worst = after


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("rules = 3", "[[rules]]"),
        (rule("face.macth.score < 1"), "column 1: unknown input 'face.macth.score'"),
        (rule("voice.match.score < 1"), "voice.match is neither required nor optional"),
        (rule("face.match.score < 1 and facts.amuont > 3"), "column 26: no fact 'amuont'"),
        (rule("constants.small > 3"), "no constant 'small': [constants] has large, bad"),
        (rule("face.match.score == 'x'"), "column 21: wanted a number, got a text"),
        (rule("face.match.score <"), "got the end"),
        (rule("true", "accept"), "then must be review or reject, got 'accept'"),
        (rule("true", "retry"), "then must be review or reject"),
        (rule("true", more='unknown = "accept"'), "unknown must be review or ignore"),
        (rule("true", more='otherwise = "accept"'), "unknown keys ['otherwise']"),
        (rule("true", more="reason = 3"), "reason must be a text"),
        (rule("true") + rule("false"), "rule 2: there are two rules 'a'"),
        (rule("true", name="A!"), "wants an id"),
        ("[[rules]]\nid = 'a'\nthen = 'review'", "wants a condition"),
        ("[[rules]]\nid = 'a'\nwhen = 'true'\nthen = ['review']", "then must be"),
    ],
)
def test_a_rule_that_is_none_is_refused_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        policy(text, head="\n" + text + HEAD) if text.startswith("rules") else policy(text)
    assert caught.value.code == "policy.malformed"
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    "line",
    ['facts = "amount"', 'facts = ["Amount"]', 'facts = ["a", "a"]', "facts = [3]",
     "constants = 3", "constants = {a = nan}", "constants = {a = inf}", "constants = {a = [1]}",
     'constants = {"a b" = 1}'],
)  # fmt: skip
def test_facts_and_constants_are_checked(line: str) -> None:
    head = 'id = "mine"\nversion = 1\nrequired = ["face.match"]\n'
    with pytest.raises(InputError, match=line.split()[0]):
        policy(head=head + line)


@pytest.mark.parametrize(
    "raw",
    [3, [], {"a b": 1}, {"a": "1"}, {"a": math.nan}, {"a": math.inf}, {"a": True}, {"a": None},
     {"a": 10**400}, {3: 1}, {f"f{n}": 1 for n in range(21)}],
)  # fmt: skip
def test_facts_from_outside_are_numbers_or_refused(raw: object) -> None:
    with pytest.raises(InputError) as caught:
        checked_facts(raw)
    assert caught.value.code == "facts.malformed"


def test_facts_from_outside_are_taken() -> None:
    assert checked_facts({"amount": 5000, "days": 2.5}) == {"amount": 5000.0, "days": 2.5}


def test_rules_travel_between_processes() -> None:
    under = policy(rule(f"{COUNT} > 3"))
    again = pickle.loads(pickle.dumps(under))  # noqa: S301
    assert again == under
    assert end(again, devices=4).first_cause == "rule:a"


# --- what is told ---------------------------------------------------------------------------------


def verdict(decision: Decision, facts: Mapping[str, float]) -> Verdict:
    return Verdict(
        "t", decision.outcome, decision.first_cause, decision.causes, decision.results,
        {"id": "mine", "version": 1, "sha256": "0" * 64}, "registry", (), (), 1, 0,
        datetime(2026, 1, 1, tzinfo=UTC), rules=decision.rules, facts=facts,
    )  # fmt: skip


FACTS = {"amount": 5000.0}
UNDER = policy(
    rule("facts.amount >= constants.large", more='reason = "a large amount"'),
    rule(f"{COUNT} > 3", "reject", name="b"),
)


def told() -> dict[str, object]:
    return json.loads(json.dumps(verdict_to_json(verdict(end(UNDER, facts=FACTS), FACTS))))


def test_a_verdict_tells_rules_and_facts() -> None:
    assert told()["rules"] == [
        {"rule": "a", "when": "facts.amount >= constants.large", "holds": True, "then": "review",
         "reason": "a large amount"}
    ]  # fmt: skip
    assert told()["facts"] == FACTS


def test_the_record_quotes_the_rule_and_not_the_facts() -> None:
    body = verdict_body(told(), {})
    assert body["rules"] == [{"rule": "a", "holds": True, "then": "review"}]
    assert "facts" not in body


def test_a_rule_is_told_in_its_author_s_words() -> None:
    told_of = {"a": "a large amount", "b": ""}
    assert explain_cause("rule:a", told_of) == "a large amount"
    assert explain_cause("rule:b", told_of) == "b"
    assert explain_cause("face.match:no_face", told_of) == explain("no_face")


def test_the_terminal_shows_rules(capsys: pytest.CaptureFixture[str]) -> None:
    print_verdict(verdict(end(UNDER, facts=FACTS), FACTS))
    shown = capsys.readouterr().out
    assert "rule:a  a large amount" in shown
    assert "rule:a (holds): a large amount" in shown


def test_a_replay_applies_rules_to_stored_facts_and_evidence() -> None:
    assert replay([told()], UNDER, {}).changes == []
    found = replay([told()], policy(rule(f"{COUNT} == 1", "reject")), {})
    assert [change.cause for change in found.changes] == ["rule:a"]


def test_a_verdict_from_before_there_were_rules_is_decided_again() -> None:
    old = {key: value for key, value in told().items() if key not in ("rules", "facts")}
    found = replay([old], UNDER, {})
    assert found.outcomes == {("review", "review"): 1}  # the amount is unknown: a person looks
    found = replay([old], policy(rule("facts.amount > 1", more='unknown = "ignore"')), {})
    assert found.outcomes == {("review", "accept"): 1}


def test_no_rules_are_no_work() -> None:
    assert not Rules()
    assert Rules().apply({}, 1, {}) == ()


def test_every_pair_of_ends_of_two_rules() -> None:
    ends = {"true": True, "false": False, f"{COUNT} > 3": None}
    for (one, first), (two, second) in itertools.product(ends.items(), repeat=2):
        decision = end(policy(rule(one), rule(two, "reject", name="b")), devices=None)
        if second:
            assert decision.outcome is Outcome.REJECT
        elif first is not False or second is None:
            assert decision.outcome is Outcome.REVIEW
        else:
            assert decision.outcome is Outcome.ACCEPT
