"""A policy's examples are its tests; lint says what else its author should know."""

import re
from pathlib import Path

import pytest

from veridical import InputError, Outcome
from veridical.policy import lint as lint_room
from veridical.policy import parse_policy
from veridical.policy.expressions.parser import WORDS
from veridical.policy.lint import lint_policy
from veridical.policy.replay import compare_policies
from veridical.policy.trials import refuse_failing, try_examples
from veridical.rehearsal.samples import Sample
from veridical.verification import Policy, load_policy, load_verifier, shipped_policies
from veridical.verification.settings import Settings

SCENES = ("onboarding", "recheck", "withdrawal")
HEAD = """
id = "mine"
version = 1
attempts = 2
required = ["face.match"]
optional = ["signals.velocity"]
facts = ["amount"]
[operating_points."face.match"]
accept_at = 0.5
reject_below = 0.25
[[rules]]
id = "a"
when = "signals.velocity.device_24h > 3 or facts.amount > 100"
then = "review"
[genuine."signals.velocity"]
evidence = {device_24h = 1}
"""
FINE = """
[[examples]]
name = "fine"
expect = "accept"
facts = {amount = 1}
"""


def policy(text: str, head: str = HEAD) -> Policy:
    return parse_policy((head + text).encode(), "mine.toml", Path())


# --- examples -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("example", "outcome", "causes"),
    [
        ("", Outcome.REVIEW, ("rule:a",)),  # the amount is unknown
        ("facts = {amount = 1}", Outcome.ACCEPT, ()),
        ("facts = {amount = 101}", Outcome.REVIEW, ("rule:a",)),
        (
            'facts = {amount = 1}\nchecks."signals.velocity".evidence = {device_24h = 4}',
            Outcome.REVIEW,
            ("rule:a",),
        ),
        (
            'facts = {amount = 1}\nchecks."signals.velocity" = {status = "review", score = 0.5,'
            ' reason = "too_many_attempts"}',
            Outcome.REVIEW,
            ("signals.velocity:too_many_attempts",),
        ),
        (
            'facts = {amount = 1}\nchecks."face.match" = {score = 0.3, reason = "not_mated"}',
            Outcome.REVIEW,
            ("face.match:not_mated",),
        ),
        (
            'facts = {amount = 1}\nchecks."face.match" = {score = 0.1, reason = "not_mated"}',
            Outcome.REJECT,
            ("face.match:not_mated",),
        ),
        (
            'facts = {amount = 1}\nchecks."face.match" = {status = "not_assessed",'
            ' reason = "no_face"}',
            Outcome.RETRY,
            ("face.match:no_face",),
        ),
        (
            'attempt = 2\nfacts = {amount = 1}\nchecks."face.match" = {status = "not_assessed",'
            ' reason = "no_face"}',
            Outcome.REVIEW,
            ("face.match:no_face",),
        ),
    ],
)
def test_an_example_ends_as_a_transaction_would(
    example: str, outcome: Outcome, causes: tuple[str, ...]
) -> None:
    found = policy(f'[[examples]]\nname = "x"\nexpect = "accept"\n{example}\n')
    (trial,) = try_examples(found)
    assert (trial.decision.outcome, trial.decision.causes) == (outcome, causes)
    assert trial.passed == (outcome is Outcome.ACCEPT)


def test_a_failing_example_is_named_with_what_came() -> None:
    found = policy(FINE.replace("amount = 1", "amount = 200"))
    with pytest.raises(
        InputError, match="'fine' fails: wanted accept; got review, rule:a"
    ) as caught:
        refuse_failing(found)
    assert caught.value.code == "policy.example"
    refuse_failing(policy(FINE))


def test_causes_count_when_they_are_given() -> None:
    text = FINE.replace("accept", "review").replace("amount = 1", "amount = 200")
    refuse_failing(policy(text))
    refuse_failing(policy(text.replace("facts", 'causes = ["rule:a"]\nfacts')))
    with pytest.raises(InputError, match="wanted review, rule:b; got review, rule:a"):
        refuse_failing(policy(text.replace("facts", 'causes = ["rule:b"]\nfacts')))


def test_error_rates_of_an_example_are_read_by_rules() -> None:
    head = HEAD.replace("facts.amount > 100", "face.match.error_rate > 0.001")
    text = '[[examples]]\nname = "x"\nexpect = "review"\nchecks."face.match" = {error_rate = %s}\n'
    (above,) = try_examples(policy(text % 0.01, head))
    (below,) = try_examples(policy(text % 0.0001, head))
    assert (above.passed, below.passed) == (True, False)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("expect = 'accept'", "wants a name"),
        ("name = 'x'\nexpect = 'accepted'", "expect must be one of"),
        ("name = 'x'", "expect must be one of"),
        ("name = 'x'\nexpect = 'accept'\nattempt = 0", "attempt must be"),
        ("name = 'x'\nexpect = 'accept'\ncauses = 'a'", "causes must be a list"),
        ("name = 'x'\nexpect = 'accept'\nfacts = {amuont = 1}", "facts must be a table of amount"),
        ("name = 'x'\nexpect = 'accept'\nfacts = {amount = '1'}", "facts.amount must be a finite"),
        ("name = 'x'\nexpect = 'accept'\nscores = {}", "unknown keys ['scores']"),
        (
            "name = 'x'\nexpect = 'accept'\nchecks.'voice.match' = {}",
            "which the policy does not run",
        ),
        ("name = 'x'\nexpect = 'accept'\nchecks.'face.match' = {scor = 1}", "face.match: wanted"),
        (
            "name = 'x'\nexpect = 'accept'\nchecks.'face.match'.score = inf",
            "score: a number is finite",
        ),
        ("name = 'x'\nexpect = 'accept'\nchecks.'face.match'.status = 'good'", "status one of"),
        ("name = 'x'\nexpect = 'accept'\nchecks.'face.match'.status = 'fail'", "wants its score"),
        (
            "name = 'x'\nexpect = 'accept'\nchecks.'face.match' = {status = 'fail', score = 0.6}",
            "a score of 0.6 is no fail",
        ),
        (
            "name = 'x'\nexpect = 'accept'\n"
            "checks.'face.match' = {status = 'not_assessed', score = 0.6}",
            "has no score",
        ),
        (
            "name = 'x'\nexpect = 'accept'\nchecks.'face.match'.evidence = {a = []}",
            "evidence must be a table",
        ),
    ],
)
def test_an_example_that_is_none_is_refused_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        policy(f"[[examples]]\n{text}\n")
    assert caught.value.code == "policy.malformed"
    assert str(caught.value).startswith(("mine.toml: example 1: ", "mine.toml: examples[0]."))
    assert problem in str(caught.value)


# --- lint -----------------------------------------------------------------------------------------


def warned(when: str, then: str = "review", more: str = "") -> list[str]:
    head = HEAD.replace(
        'when = "signals.velocity.device_24h > 3 or facts.amount > 100"\nthen = "review"',
        f'when = "{when}"\nthen = "{then}"',
    )
    return [line for line in lint_policy(policy(more, head)) if "no example" not in line]


@pytest.mark.parametrize(
    "when",
    [
        "facts.amount > 3 and facts.amount < 3",
        "facts.amount > 3 and (facts.amount <= 3 and face.match.score < 1)",
        "facts.amount > 3 and not (facts.amount > 2)",
        "not (facts.amount <= 3 or facts.amount > 2)",
        "facts.amount between 5 and 4",
        "4 < facts.amount and 3 > facts.amount",
        "facts.amount == 3 and facts.amount == 4",
        "facts.amount == 3 and facts.amount != 3",
        "facts.amount == 3 and facts.amount > 3",
        "facts.amount in [1, 2] and facts.amount > 2",
        "face.match.status == 'pass' and face.match.status in ['fail', 'review']",
        "facts.amount is missing and facts.amount > 3",
        "facts.amount is missing and known(facts.amount)",
        "face.match.error_rate > 1",
        "transaction.attempt > 2",
        "facts.amount > 3 and 1 > 2",
        "1 > 2",
        "false",
        "(facts.amount > 3 and facts.amount < 3) or transaction.attempt < 1",
    ],
)
def test_a_rule_that_never_holds_is_warned_of(when: str) -> None:
    assert any("can never hold" in line for line in warned(when))


@pytest.mark.parametrize(
    "when",
    [
        "facts.amount > 3 and facts.amount < 4",
        "facts.amount >= 3 and facts.amount <= 3",
        "facts.amount > 3 or facts.amount < 3",
        "facts.amount is missing or facts.amount > 3",
        "facts.amount in [1, 2] and facts.amount > 1",
        "facts.amount != 3 and facts.amount != 4",
        "facts.amount - facts.amount > 1",
        "not (facts.amount > 3 and facts.amount < 3)",
        "signals.velocity.exceeded == 'a' or facts.amount is missing",
        "transaction.attempt > 1",
    ],
)
def test_a_rule_that_may_hold_is_not(when: str) -> None:
    assert not any("hold" in line for line in warned(when))


@pytest.mark.parametrize(
    ("when", "then", "problem"),
    [
        ("true or facts.amount > 1", "review", "rule 'a' holds always"),
        ("signals.velocity.devices > 3 or facts.amount > 1", "review", "does not give"),
        ("face.match.scor > 3 or facts.amount > 1", "review", "did you mean face.match.score?"),
        ("face.match.status == 'passed' or facts.amount > 1", "review", "it is one of pass,"),
        ("'matd' == face.match.reason or facts.amount > 1", "review", "which is no reason"),
        ("face.match.reason in ['matd'] or facts.amount > 1", "review", "which is no reason"),
        ("signals.velocity.device_24h > 3", "reject", "let a person look"),
        ("face.match.score > 3", "review", "no rule reads the fact 'amount'"),
    ],
)
def test_what_is_odd_about_a_rule_is_told(when: str, then: str, problem: str) -> None:
    assert any(problem in line for line in warned(when, then)), warned(when, then)


def test_a_rule_told_twice_is_warned_of() -> None:
    more = '[[rules]]\nid = "b"\nwhen = "(facts.amount) > 1.0"\nthen = "review"\n'
    assert "rule 'b' says what 'a' says" in warned("facts.amount > 1", more=more)


def test_a_rule_that_no_example_tries_is_warned_of() -> None:
    assert "no example makes rule 'a' hold" in lint_policy(policy(FINE))
    tried = FINE.replace("accept", "review").replace("amount = 1", "amount = 200")
    assert lint_policy(policy(tried)) == []


def test_an_example_with_a_reason_nobody_gives_is_warned_of() -> None:
    text = FINE + 'checks."face.match" = {score = 0.3, reason = "matd"}'
    assert "example 'fine': 'matd' is no reason; see docs/reference/reasons.md" in lint_policy(
        policy(text)
    )


def test_lint_knows_every_key_that_checks_give(
    samples: dict[str, Sample], talkers: dict[str, Sample]
) -> None:
    verifier = load_verifier(Settings())
    told = set()
    for sample in (samples["genuine"], talkers["talker-right"]):
        for result in verifier.verify(sample.transaction, load_policy(sample.policy)).results:
            told |= {(result.check, key) for key in result.measurement.evidence}
    assert len({check for check, _ in told}) >= 6
    assert sorted(pair for pair in told if lint_room._unknown_key(*pair)) == []


# --- what is shipped ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCENES)
def test_a_scene_s_examples_hold_and_try_every_rule(name: str) -> None:
    scene = load_policy(name)
    refuse_failing(scene)
    assert lint_policy(scene) == []
    assert {trial.decision.outcome for trial in try_examples(scene)} >= {
        Outcome.ACCEPT,
        Outcome.REVIEW,
        Outcome.REJECT,
    }


@pytest.mark.parametrize("name", shipped_policies())
def test_no_shipped_policy_has_a_fault_lint_knows(name: str) -> None:
    assert [line for line in lint_policy(load_policy(name)) if "specimen" not in line] == []


def test_policies_are_compared_rule_by_rule() -> None:
    other = HEAD.replace("> 100", "> 200").replace('facts = ["amount"]', 'facts = ["amount", "b"]')
    assert compare_policies(policy(""), policy("", other)) == [
        "facts: + b",
        "rule: - a: review when signals.velocity.device_24h > 3 or facts.amount > 100",
        "rule: + a: review when signals.velocity.device_24h > 3 or facts.amount > 200",
    ]
    constants = 'id = "m"\nversion = 1\n[constants]\nlarge = %d\n'
    assert compare_policies(policy("", constants % 1), policy("", constants % 2)) == [
        "constants: - large = 1.0",
        "constants: + large = 2.0",
    ]
    fast = HEAD.replace("attempts = 2", "attempts = 2\nfail_fast = true")
    assert compare_policies(policy(""), policy("", fast)) == ["fail_fast: False -> True"]


def test_the_page_s_policy_is_one_without_faults() -> None:
    page = (Path(__file__).parent.parent / "docs" / "reference" / "policies.md").read_text(
        encoding="utf-8"
    )
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.S)
    shown = parse_policy(text.encode(), "docs/reference/policies.md", Path())
    refuse_failing(shown)
    assert lint_policy(shown) == []


def test_the_page_s_grammar_has_every_word_of_the_language() -> None:
    page = (Path(__file__).parent.parent / "docs" / "reference" / "policies.md").read_text(
        encoding="utf-8"
    )
    (grammar,) = re.findall(r"```ebnf\n(.*?)```", page, re.S)
    assert set(re.findall(r'"(\w+)"', grammar)) >= WORDS
