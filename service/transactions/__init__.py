"""Transactions from their first word to their verdict: what the API's routes rest on."""

from veridical.service.transactions.backing import Backing, DeskSettings, Principal, Refusal
from veridical.service.transactions.desk import Desk
from veridical.service.transactions.drift import DriftWatch
from veridical.service.transactions.housekeeping import Housekeeper
from veridical.service.transactions.postman import Postman
from veridical.service.transactions.requests import NewTransaction, Review, Submission
from veridical.service.transactions.rules import PolicyBook
from veridical.service.transactions.worker import Worker

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
