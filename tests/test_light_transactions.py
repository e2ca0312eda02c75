"""A verifier asks colours and turns of a transaction's own challenge, clip and slices."""

import random

import numpy as np
import pytest

from tests.light_standins import lit_views
from veridical.analysis.analysis import Analysis
from veridical.analysis.engines import Engines
from veridical.analysis.transaction import Transaction
from veridical.catalogue import CHECKS
from veridical.catalogue.steps import build_steps
from veridical.liveness.challenge import draw_challenge, with_colours
from veridical.liveness.light import LightCheck
from veridical.liveness.motion import MotionCheck
from veridical.policy.decision import judge
from veridical.result import OperatingPoint, Status
from veridical.types import Arrival, Clip

KEY = bytes(32)
STEPS = build_steps(
    {
        "liveness.light": lambda: LightCheck(KEY, draws=999),
        "liveness.motion": lambda: MotionCheck(KEY, draws=999),
    }
)


def analysis_of(share: float, arrivals: tuple[Arrival, ...] = ()) -> Analysis:
    challenge = with_colours(draw_challenge(source=random.Random(0)), random.Random(1))
    assert challenge.colours is not None
    views = tuple(lit_views(challenge.colours, share))
    clip = Clip(tuple(view.image for view in views), np.array([view.time_ms for view in views]))
    transaction = Transaction("t", clip=clip, challenge=challenge, arrivals=arrivals)
    analysis = Analysis(transaction, Engines.of())
    analysis.__dict__["followed"] = views
    return analysis


def test_a_lit_clip_passes_and_daylight_neither_passes_nor_fails() -> None:
    point = OperatingPoint(3.0, 0.0)
    lit = STEPS["liveness.light"](analysis_of(0.1))
    assert judge(lit, point).status is Status.PASS
    unlit = STEPS["liveness.light"](analysis_of(0.0))
    assert judge(unlit, point).status is Status.NOT_ASSESSED


def test_slices_of_the_transaction_are_judged() -> None:
    found = STEPS["liveness.light"](analysis_of(0.1, (Arrival(2000, 9000),)))
    assert found.reason == "slices_late"


def test_turns_that_were_not_asked_for_are_not_assessed() -> None:
    assert STEPS["liveness.motion"](analysis_of(0.0)).reason == "motion_no_challenge"


@pytest.mark.parametrize("check", ["liveness.light", "liveness.motion"])
def test_without_a_clip_nothing_is_assessed(check: str) -> None:
    found = STEPS[check](Analysis(Transaction("t"), Engines.of()))
    assert found.reason == "missing_input"
    assert {"p", "correlation"} <= CHECKS[check].evidence.keys()
