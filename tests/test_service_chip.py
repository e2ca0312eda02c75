"""The files of a chip over HTTP, from a transaction's start to its verdict, and forged ones."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.chip_maker import GROUPS, chip, state, zipped
from tests.service_house import POINTS, House, house, picture
from veridical import Measurement
from veridical.analysis.analysis import Analysis
from veridical.analysis.engines import Engines
from veridical.catalogue.proof import SPECS
from veridical.chip import ChipCheck, ChipFiles
from veridical.verification import CHECKS, Verifier, load_policy

CHIP = next(spec for spec in SPECS if spec.name == "document.chip")
UTOPIA = state()


def files_of(made: ChipFiles) -> dict[str, bytes]:
    return {"EF.SOD": made.sod, **{f"DG{n}": data for n, data in made.groups.items()}}


def verifier() -> Verifier:
    """Every check passes, but for that of the chip, which is the real one."""

    def passes(check: str) -> Callable[[Analysis], Measurement]:
        return lambda analysis: Measurement(check, 1.0, "")

    measure = CHIP.measure
    assert measure is not None

    def judged(analysis: Analysis) -> Measurement:
        return measure(ChipCheck(), analysis)

    steps = {check: judged if check == "document.chip" else passes(check) for check in CHECKS}
    policy = load_policy("selfie")
    return Verifier(steps, Engines.of("registry"), POINTS, policy, trust=UTOPIA.trust)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("chips")
    with house(folder / "veridical.db", folder, build=verifier) as made:
        yield made


def told(here: House, files: dict[str, bytes], grey: int) -> tuple[str, str, object]:
    """Outcome of a transaction with a chip, and reason and score of its check."""
    key = here.key()
    made = here.start(key, checks=["document.chip"])
    assert "chip" in made["media"]["required"]
    for kind in made["media"]["required"]:
        data = zipped(files) if kind == "chip" else picture(grey)
        assert here.put(made, kind, data).status_code == 200
    answer = here.submit(made)
    assert answer.status_code == 200, answer.text
    assert "score" not in answer.text
    seen = here.ended(made, key)
    assert seen["problem"] is None, seen["problem"]
    found = next(one for one in seen["verdict"]["checks"] if one["check"] == "document.chip")
    return seen["outcome"], found["reason"], found["score"]


def altered(place: int) -> dict[str, bytes]:
    """A chip of which one character of the zone was changed after it was signed."""
    zone = bytearray(GROUPS[1])
    zone[place] = ord("A") if zone[place] != ord("A") else ord("B")
    return files_of(replace(chip(UTOPIA), groups={**GROUPS, 1: bytes(zone)}))


FORGED = {
    "another name": (altered(12), "chip_group_altered"),
    "a last digit": (altered(-1), "chip_group_altered"),
    "no signer": (files_of(replace(chip(UTOPIA), sod=GROUPS[1])), "chip_malformed"),
    "another state": (files_of(chip(state())), "chip_signer_unknown"),
}


def test_a_signed_chip_is_accepted(here: House) -> None:
    assert told(here, files_of(chip(UTOPIA)), 10) == ("accept", "", 1.0)


@pytest.mark.parametrize("name", list(FORGED))
def test_a_forged_chip_is_not(here: House, name: str) -> None:
    files, reason = FORGED[name]
    grey = 20 + list(FORGED).index(name)
    assert told(here, files, grey) == ("reject", reason, 0.0)


def test_what_is_no_chip_is_never_accepted(here: House) -> None:
    key = here.key()
    made = here.start(key, checks=["document.chip"])
    assert here.put(made, "chip", b"x" * (3 << 20)).status_code == 413
    for kind in made["media"]["required"]:
        data = b"PK\3\4 no zip" if kind == "chip" else picture(40)
        here.put(made, kind, data)
    assert here.submit(made).json()["outcome"] == "retry"
    seen = here.client.get(f"/v1/transactions/{made['id']}", headers=key).json()
    assert (seen["verdict"], seen["problem"]["code"]) == (None, "chip.malformed")
