"""Transactions from their first word to their verdict: what the API's routes rest on."""

from veridical.transactions.dispatcher import WebhookDispatcher
from veridical.transactions.drift import DriftWatch
from veridical.transactions.resources import (
    Principal,
    ProblemError,
    Resources,
    TransactionSettings,
)
from veridical.transactions.retention import RetentionJob
from veridical.transactions.rules import PolicyRepository
from veridical.transactions.service import TransactionService
from veridical.transactions.worker import Worker

__all__ = [
    "DriftWatch",
    "PolicyRepository",
    "Principal",
    "ProblemError",
    "Resources",
    "RetentionJob",
    "TransactionService",
    "TransactionSettings",
    "WebhookDispatcher",
    "Worker",
]
