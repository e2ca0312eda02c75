"""Somebody onboards under the reference of a customer: who is enrolled afterwards?"""

import itertools
import threading
from typing import Any

import numpy as np
import pytest

from tests.patience import PATIENCE_S
from tests.service_house import House, picture
from veridical.analysis.analysis import Analysis
from veridical.gallery import Gallery
from veridical.signals.ledger import SEEN
from veridical.store.outbox import outbox_bodies
from veridical.transactions.customers import FACES, VOICES, Customers
from veridical.types import Template

MODEL = "face@1"
ANNA, BORIS, ANNA_AGED = (
    Template(np.asarray(values, np.float32), MODEL) for values in ((1, 0), (0, 1), (0.8, 0.6))
)
BETWEEN = Template(np.asarray((0.4, np.sqrt(1 - 0.16)), np.float32), MODEL)


class Faces:
    """Who stands before the camera."""

    def __init__(self) -> None:
        self.shown: Template | None = ANNA


@pytest.fixture
def faces(monkeypatch: pytest.MonkeyPatch) -> Faces:
    found = Faces()
    monkeypatch.setattr(Analysis, "face_template", property(lambda _: found.shown))
    return found


GREYS = itertools.count(1)
"""No selfie comes twice."""


def onboard(here: House, key: dict[str, str], subject: str = "c-9") -> dict[str, Any]:
    consent = {"biometrics": True, "enrol": True}
    return here.finished(key, next(GREYS), consent=consent, subject_ref=subject)


def enrolled(here: House, subject: str = "c-9", model: str = MODEL) -> list[float] | None:
    found = Customers(here.resources).template(here.tenant, subject, FACES, model)
    return None if found is None else found.vector.tolist()


def test_another_face_never_takes_a_customers_place(here: House, faces: Faces) -> None:
    key = here.key()
    assert onboard(here, key)["outcome"] == "accept"
    for stranger in (BORIS, BETWEEN):
        faces.shown = stranger
        seen = onboard(here, key)
        assert (seen["outcome"], seen["final_outcome"]) == ("review", None)
        assert seen["verdict"]["first_cause"] == "enrolment:other_face"
        assert enrolled(here) == ANNA.vector.tolist()
    queue = here.client.get("/v1/reviews", headers=key).json()["items"]
    assert {item["first_cause"] for item in queue} == {"enrolment:other_face"}


def test_the_same_person_is_enrolled_anew(here: House, faces: Faces) -> None:
    key = here.key()
    onboard(here, key)
    faces.shown = ANNA_AGED
    assert onboard(here, key)["outcome"] == "accept"
    assert enrolled(here) == pytest.approx(ANNA_AGED.vector.tolist())


@pytest.mark.parametrize("shown", [None, Template(np.asarray((1, 0), np.float32), "face@2")])
def test_who_cannot_be_compared_is_left_to_a_person(
    here: House, faces: Faces, shown: Template | None
) -> None:
    key = here.key()
    onboard(here, key)
    faces.shown = shown
    assert onboard(here, key)["verdict"]["first_cause"] == "enrolment:not_compared"
    assert enrolled(here) == ANNA.vector.tolist()
    assert enrolled(here, model="face@2") is None


def test_the_conflict_is_told(here: House, faces: Faces) -> None:
    key = here.key()
    onboard(here, key)
    faces.shown = BORIS
    consent = {"biometrics": True, "enrol": True}
    made = here.start(key, consent=consent, subject_ref="c-9", callback="https://bank.example/hook")
    here.collect(made, next(GREYS))
    assert here.submit(made).status_code == 200
    with here.resources.database.reading() as connection:
        told = [body for body in outbox_bodies(connection, here.tenant) if made["id"] in str(body)]
    assert {body["type"] for body in told} == {
        "transaction.completed",
        "transaction.enrolment_conflict",
    }


def test_nobody_is_enrolled_by_a_verdict_that_was_not_kept(here: House, faces: Faces) -> None:
    """Cancelled by an erasure while it is judged: its templates must not stay behind."""
    key = here.key()
    made = here.start(key, consent={"biometrics": True, "enrol": True}, subject_ref="c-8")
    here.collect(made, next(GREYS))
    judging, erased = threading.Event(), threading.Event()

    def hook() -> None:
        judging.set()
        erased.wait(PATIENCE_S)

    here.rules.hook = hook
    here.submit(made, wait_s=0)
    assert judging.wait(PATIENCE_S)
    assert here.client.delete(f"/v1/transactions/{made['id']}", headers=key).status_code == 200
    here.rules.hook = lambda: None
    erased.set()
    assert here.finished(key, next(GREYS))["state"] == "completed"  # the worker went on
    assert enrolled(here, "c-8") is None


def test_two_strangers_who_onboard_at_once_are_compared(here: House, faces: Faces) -> None:
    key = here.key()
    both, left = threading.Barrier(2, timeout=PATIENCE_S), [ANNA, BORIS]
    shown: dict[str, Template] = {}

    def template(analysis: Analysis) -> Template:
        if analysis.transaction.id not in shown:
            shown[analysis.transaction.id] = left.pop()
            both.wait()  # neither was enrolled when both were compared
        return shown[analysis.transaction.id]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Analysis, "face_template", property(template))
        consent = {"biometrics": True, "enrol": True}
        made = [here.start(key, consent=consent, subject_ref="c-7") for _ in range(2)]
        for one in made:
            here.collect(one, next(GREYS))
            here.submit(one, wait_s=0)
        ends = [here.ended(one, key)["outcome"] for one in made]
    assert sorted(ends) == ["accept", "review"]


@pytest.mark.parametrize("name", [FACES, VOICES, SEEN])
def test_internal_galleries_cannot_be_reached(here: House, name: str) -> None:
    key, image = here.key(), {"image": picture()}
    one = f"/v1/galleries/{name}/subjects/c-9"
    answers = [
        here.client.get(f"/v1/galleries/{name}", headers=key),
        here.client.post(f"/v1/galleries/{name}/search", headers=key, files=image),
        here.client.put(one, headers=key, files=image, data={"replace": "true"}),
        here.client.delete(one, headers=key),
    ]
    assert [(a.status_code, a.json()["code"]) for a in answers] == [(403, "gallery.internal")] * 4


def test_what_is_kept_of_a_transaction_is_no_subject_of_the_caller(here: House) -> None:
    gallery = Gallery(here.resources.database, here.resources.keys, SEEN, MODEL, tenant=here.tenant)
    gallery.enrol("seen t_1", ANNA)
    key = here.key()
    assert here.client.delete("/v1/subjects/seen t_1", headers=key).status_code == 404
    assert gallery.template("seen t_1").model == MODEL
