"""The doctor says who decides before anything else."""

import pytest

from veridical.cli.doctor import who_decides

PAIR = ("first", "second")


def model(name: str, state: str = "ready", commercial: str = "yes") -> dict[str, str]:
    return {"name": name, "state": state, "commercial": commercial}


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ([model("first"), model("second")], "first and second decide"),
        (
            [model("first"), model("second", "model.missing"), model("third")],
            "first alone decides",
        ),
        (
            [model("first", commercial="unclear")],
            "first alone decides; its licence for commercial use is unclear",
        ),
    ],
)
def test_the_doctor_names_the_networks_that_decide(models: list[dict[str, str]], said: str) -> None:
    assert who_decides(models, PAIR) == said


def test_the_doctor_says_when_nobody_decides() -> None:
    said = who_decides([model("first", "model.not_commercial")], ("first",))
    assert said.startswith("no network decides it")
    assert "accept nobody" in said
