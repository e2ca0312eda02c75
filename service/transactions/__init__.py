"""Transactions from their first word to their verdict: what the API's routes rest on."""

from veridical.service.transactions.dispatcher import WebhookDispatcher
from veridical.service.transactions.drift import DriftWatch
from veridical.service.transactions.resources import (
    Principal,
    ProblemError,
    Resources,
    TransactionSettings,
)
from veridical.service.transactions.retention import RetentionJob
from veridical.service.transactions.rules import PolicyRepository
from veridical.service.transactions.service import TransactionService
from veridical.service.transactions.worker import Worker

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
