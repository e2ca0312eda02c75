"""How transactions ended: figures, and a page for whoever decides on the risk."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from veridical.calibration.intervals import Rate
from veridical.calibration.metrics import iapar
from veridical.evaluation.figures import Figures
from veridical.evaluation.plots import bars
from veridical.evaluation.protocols.cases import GENUINE, OUTCOMES, Case
from veridical.evaluation.request import Evaluation, Section, Worst
from veridical.evaluation.weakest import words_of
from veridical.rehearsal.compose.kinds import ATTACKS
from veridical.result import Outcome, Status

__all__ = ["transaction_figures"]

MAX_ATTEMPTS = 2
ATTEMPTS = 3
"""That every shipped policy of a clip allows; each is drawn anew."""
ENDS = (*OUTCOMES, "error")
Rows = Sequence[Mapping[str, str]]


def transaction_figures(
    rows: Rows, cases: Sequence[Case], weakest: Mapping[str, Rows] = MappingProxyType({})
) -> Evaluation:
    """Work the figures out of outcomes; no model is needed.

    Args:
        rows: As `decided`.
        cases: In order of their numbers.
        weakest: The same rows, decided as if applicants had chosen each of `WEAKEST`.
    """
    figures = Figures("transactions")
    once = _once(rows)
    for expected in OUTCOMES:
        here = [row["got"] for row in once if row["expected"] == expected]
        for outcome in ENDS:
            if here and (outcome in here or outcome in OUTCOMES):
                figures.put(f"outcomes|{expected}|{outcome}", here.count(outcome))
    _genuine_figures(figures, "", once)
    attacks = _attack_figures(figures, "", once)
    for policy, under in _by("policy", rows):
        _genuine_figures(figures, f"by_policy|{policy}|", under)
        _attack_figures(figures, f"by_policy|{policy}|", under)
        for group, same in _by("group", [row for row in under if not row["attack"]]):
            if group:
                _genuine_figures(figures, f"by_policy|{policy}|groups|{group}|", same)
                who = {_person(row, cases) for row in same}
                figures.put(f"by_policy|{policy}|groups|{group}|people", len(who))
    for what, same in _by("what", [{**row, "what": _what(row)} for row in once]):
        judged = [row for row in same if row.get("present")]
        passed = sum(row["present"] == Status.PASS for row in judged)
        if judged:
            figures.share(f"present_passed|{what}", Rate(passed, len(judged)))
    for choice, ended in weakest.items():
        for kind, same in _by_who(_once(ended)):
            rate = Rate(sum(row["got"] == GENUINE for row in same), len(same))
            figures.share(f"weakest|{choice}|{kind}_accepted", rate)
    causes = _first_causes(once)
    for path, count in causes.items():
        figures.put(f"first_causes|{path}", count)
    times = [float(row["cpu_ms"]) for row in rows if row["cpu_ms"]]
    figures.put("cpu_ms", float(np.median(times)) if times else None)
    figures.notes += _notes(rows, cases)
    worst = max(attacks.items(), key=lambda item: item[1].value or 0.0, default=("", Rate(0, 0)))
    return Evaluation(
        figures,
        headline=(
            ("genuine_accepted_within|1", "genuine accepted at once"),
            ("genuine_accepted_within|2", "genuine accepted within two attempts"),
            (f"attack_accepted|{worst[0]}", f"worst attack: {worst[0]}"),
            ("cpu_ms", "median CPU ms"),
        ),
        sections=list(_sections(rows, cases, attacks, causes, weakest)),
        worst=_worst(rows, cases),
    )


def _once(rows: Rows) -> Rows:
    """Of each recording the worst end that a policy gave it: several policies are one trial."""
    found: dict[str, Mapping[str, str]] = {}
    for row in rows:
        known = found.setdefault(row["unit"], row)
        order = ENDS if row["attack"] else ENDS[::-1]
        if order.index(row["got"]) < order.index(known["got"]):
            found[row["unit"]] = row
    return list(found.values())


def _by(key: str, rows: Rows) -> Iterator[tuple[str, Rows]]:
    for value in sorted({row[key] for row in rows}):
        yield value, [row for row in rows if row[key] == value]


def _what(row: Mapping[str, str]) -> str:
    return row["attack"] or row["group"] or "genuine"


def _person(row: Mapping[str, str], cases: Sequence[Case]) -> str:
    case = cases[int(row["case"])]
    return case.person or case.id


def _genuine(rows: Rows) -> dict[tuple[str, str], dict[int, str]]:
    """Outcomes of genuine transactions by attempt; one is a policy and an id."""
    found: dict[tuple[str, str], dict[int, str]] = {}
    for row in rows:
        if not row["attack"]:
            tried = found.setdefault((row["policy"], row["id"]), {})
            tried[int(row["attempt"])] = row["got"]
    return found


def _within(tried: Mapping[int, str], attempts: int) -> bool:
    """Whether one of the first attempts was accepted; a rejection ends the transaction."""
    for attempt in range(1, attempts + 1):
        if (got := tried.get(attempt)) is None or got == Outcome.REJECT:
            return False
        if got == GENUINE:
            return True
    return False


def _told(tries: Sequence[Mapping[int, str]], attempts: int) -> bool:
    """Whether so many attempts can be told of: whoever was asked again was recorded again.

    Leaving out those who were not would leave those who need no second attempt.
    """
    return all(attempts in tried or tried.get(1) in (GENUINE, "reject") for tried in tries)


def _genuine_figures(figures: Figures, path: str, rows: Rows) -> None:
    genuine = _genuine(rows)
    if path and not genuine:
        return
    for attempts in range(1, MAX_ATTEMPTS + 1):
        tries = list(genuine.values())
        if path and not _told(tries, attempts):
            continue
        accepted = sum(_within(tried, attempts) for tried in tries)
        figures.share(f"{path}genuine_accepted_within|{attempts}", Rate(accepted, len(tries)))


def _attack_figures(figures: Figures, path: str, rows: Rows) -> dict[str, Rate]:
    ended: dict[str, list[str]] = {}
    for row in rows:
        if row["attack"]:
            ended.setdefault(row["attack"], []).append(row["got"])
    accepted = iapar({k: [got == GENUINE for got in all_] for k, all_ in ended.items()})
    reviewed = iapar({k: [got == Outcome.REVIEW for got in all_] for k, all_ in ended.items()})
    for name, rate in accepted.items():
        # The words for rates of zero once, not again for each policy.
        (figures.share if path else figures.rate)(f"{path}attack_accepted|{name}", rate)
    for name, rate in reviewed.items():
        figures.share(f"{path}attack_reviewed|{name}", rate)
    return dict(accepted)


def _first_causes(rows: Rows) -> dict[str, int]:
    causes: dict[str, int] = {}
    for row in rows:
        if row["first_cause"]:
            path = f"{row['attack'] or 'genuine'}|{row['first_cause']}"
            causes[path] = causes.get(path, 0) + 1
    return dict(sorted(causes.items()))


def _notes(rows: Rows, cases: Sequence[Case]) -> list[str]:
    notes = [
        "an attack counts as accepted only when the outcome is accept; review means that a person "
        "decides. Attacks whose name begins with simulated come from the simulator and are no IAPAR"
    ]
    waived: dict[str, set[str]] = {}
    for row in rows:
        for check in cases[int(row["case"])].waived if "case" in row else ():
            waived.setdefault(check, set()).add(_what(row))
    notes += [
        f"judged without {check}: {', '.join(sorted(kinds))}"
        for check, kinds in sorted(waived.items())
    ]
    seen = {_what(r) for r in rows if "case" in r and _person(r, cases) == "grid_s1"}
    if seen:
        notes.append(
            "one speaker, seen in training by the network that reads lips: "
            + ", ".join(sorted(seen))
        )
    if any(case.arrivals for case in cases):
        notes.append("light, joints, documents and arrival times are simulated")
    return notes


def _sections(
    rows: Rows,
    cases: Sequence[Case],
    accepted: Mapping[str, Rate],
    causes: Mapping[str, int],
    weakest: Mapping[str, Rows],
) -> Iterator[Section]:
    yield Section(
        "Genuine customers",
        "Of those who are who they say they are: who gets through by themselves, and whom a "
        "person must look at. In brackets the share that the number tried supports, at 95 %, "
        "were each another person.",
        head=("policy", "recorded", "accepted at once", "within two", "to a person", "refused",
              "people"),
        rows=_joined(_genuine_table(rows, cases)),
    )  # fmt: skip
    if accepted:
        yield Section(
            "Attacks accepted",
            "Share of recordings that some policy accepted; review is not acceptance.",
            bars(dict(sorted(accepted.items(), key=lambda i: -(i[1].value or 0))), "accepted"),
        )
        yield Section(
            "Attacks, one by one",
            "What somebody tried who is not the customer, and how it ended. Where none was "
            "accepted, the last columns say how many might be all the same: of single attempts, "
            "and of attackers with three.",
            head=("policy", "attack", "accepted", "to a person", "asked again", "refused", "tried",
                  "accepted at most", "of three attempts"),
            rows=_joined(_attack_table(rows)),
        )  # fmt: skip
    if any(_judged_present(ended) for ended in weakest.values()):
        yield Section(
            "The weakest answer",
            "The same recordings, as if each applicant had chosen a way in which less can be "
            "assessed. It must help nobody who attacks; of genuine customers it says whom a person "
            "has to look at.",
            head=("chosen", "attacks accepted", "at most", "genuine accepted", "genuine refused",
                  "genuine"),
            rows=list(_weakest_table(weakest)),
        )  # fmt: skip
    rows = _once(rows)
    kinds = sorted({row["attack"] for row in rows})
    yield Section(
        "How transactions ended",
        "Every attempt of a genuine applicant, and of each attack, by the policy that ended worst.",
        head=("applicant", *ENDS, "n"),
        rows=[
            (kind or "genuine", *(str(ends.count(one)) for one in ENDS), str(len(ends)))
            for kind in kinds
            for ends in [[row["got"] for row in rows if row["attack"] == kind]]
        ],
    )
    yield Section(
        "First causes",
        "Why a transaction was not accepted: the first check, in the order of the policy.",
        head=("applicant", "cause", "n"),
        rows=[(*path.split("|", 1), str(count)) for path, count in causes.items()],
    )


def _joined(rows: Iterator[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Policies that end alike in one row: the first cell names them, the rest is equal."""
    policies: dict[tuple[str, ...], list[str]] = {}
    for policy, *rest in rows:
        policies.setdefault(tuple(rest), []).append(policy)
    return sorted((", ".join(names), *rest) for rest, names in policies.items())


def _genuine_table(rows: Rows, cases: Sequence[Case]) -> Iterator[tuple[str, ...]]:
    for policy, under in _by("policy", [row for row in rows if not row["attack"]]):
        for group, same in _by("group", under):
            tried = list(_genuine(same).values())
            last = [one[max(one)] for one in tried if not _within(one, MAX_ATTEMPTS)]
            yield (
                policy,
                group or "–",
                _of(sum(_within(one, 1) for one in tried), len(tried)),
                _of(sum(_within(one, 2) for one in tried), len(tried)) if _told(tried, 2) else "–",
                str(sum(got in (Outcome.REVIEW, Outcome.RETRY) for got in last)),
                str(sum(got in (Outcome.REJECT, "error") for got in last)),
                str(len({_person(row, cases) for row in same})),
            )


def _attack_table(rows: Rows) -> Iterator[tuple[str, ...]]:
    for policy, under in _by("policy", [row for row in rows if row["attack"]]):
        for attack, same in _by("attack", under):
            got = [row["got"] for row in same]
            rate = Rate(got.count(GENUINE), len(got))
            yield (
                policy,
                ATTACKS.get(attack, attack),
                str(rate.errors),
                *(str(got.count(one)) for one in (Outcome.REVIEW, Outcome.RETRY, Outcome.REJECT)),
                str(rate.n),
                f"{100 * rate.ci95[1]:.0f} %",
                f"{100 * (1 - (1 - rate.ci95[1]) ** ATTEMPTS):.0f} %",
            )


def _judged_present(rows: Rows) -> Rows:
    """Attempts of which was asked whether they were answered live."""
    return [row for row in rows if row.get("present")]


def _by_who(rows: Rows) -> Iterator[tuple[str, Rows]]:
    """Attacks and genuine attempts among those."""
    judged = _judged_present(rows)
    for who, attacks in (("attack", True), ("genuine", False)):
        if same := [row for row in judged if bool(row["attack"]) == attacks]:
            yield who, same


def _weakest_table(weakest: Mapping[str, Rows]) -> Iterator[tuple[str, ...]]:
    for choice, rows in weakest.items():
        got = {who: [row["got"] for row in same] for who, same in _by_who(_once(rows))}
        attacks, genuine = got.get("attack", []), got.get("genuine", [])
        rate = Rate(attacks.count(GENUINE), len(attacks))
        yield (
            words_of(choice),
            f"{rate.errors} of {rate.n}",
            f"{100 * rate.ci95[1]:.1f} %",
            str(genuine.count(GENUINE)),
            str(genuine.count(Outcome.REJECT)),
            str(len(genuine)),
        )


def _of(count: int, trials: int) -> str:
    if not trials:
        return "–"
    low, high = Rate(count, trials).ci95
    return f"{count} of {trials} [{100 * low:.0f} to {100 * high:.0f} %]"


def _worst(rows: Rows, cases: Sequence[Case]) -> list[Worst]:
    """Attacks that were accepted, then genuine applicants who were rejected."""
    wrong = [row for row in rows if row["attack"] and row["got"] == GENUINE]
    wrong += [row for row in rows if not row["attack"] and row["got"] == Outcome.REJECT]
    found: list[Worst] = []
    for row in wrong[:12]:
        case = cases[int(row["case"])]
        words = f"{row['attack'] or 'genuine'}: {row['got']}, row {case.row}"
        found.append(
            Worst(
                f"{words} {row['first_cause']}".rstrip(),
                tuple(
                    case.media[k] for k in ("document_front", "selfie", "clip") if k in case.media
                ),
            )
        )
    return found
