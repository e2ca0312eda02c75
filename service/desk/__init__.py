"""Transactions from their first word to their verdict: what the API's routes rest on."""

from veridical.service.desk.backing import Backing, DeskSettings, Principal, Refusal
from veridical.service.desk.desk import Desk
from veridical.service.desk.drift import DriftWatch
from veridical.service.desk.housekeeping import Housekeeper
from veridical.service.desk.postman import Postman
from veridical.service.desk.requests import NewTransaction, Review, Submission
from veridical.service.desk.rules import PolicyBook
from veridical.service.desk.worker import Worker

__all__ = [
    "Backing",
    "Desk",
    "DeskSettings",
    "DriftWatch",
    "Housekeeper",
    "NewTransaction",
    "PolicyBook",
    "Postman",
    "Principal",
    "Refusal",
    "Review",
    "Submission",
    "Worker",
]
