"""The SDK: the service's API with types, retries and errors."""

from veridical.client.asking import Page
from veridical.client.clients import AsyncClient, Client
from veridical.client.content import Source
from veridical.client.errors import (
    ApiError,
    AuthError,
    ChallengeRefused,
    ConflictError,
    ConnectionFailed,
    InputRefused,
    ModelUnavailable,
    NotFoundError,
    NotReadyError,
    PendingError,
    RateLimited,
    ServiceFailed,
    StoreUnavailable,
    WebhookError,
)
from veridical.client.flow import Session
from veridical.client.webhooks import Webhook, verify_webhook
from veridical.wire import (
    AttemptProblem,
    Challenge,
    Check,
    Erased,
    Hit,
    Media,
    PolicyRef,
    PolicyView,
    Review,
    ReviewItem,
    Started,
    Summary,
    Transaction,
    Uploaded,
    Verdict,
)

CheckView, Problem, VerdictView = Check, AttemptProblem, Verdict
"""Names of the release before; they go with the next."""

__all__ = [
    "ApiError",
    "AsyncClient",
    "AttemptProblem",
    "AuthError",
    "Challenge",
    "ChallengeRefused",
    "Check",
    "CheckView",
    "Client",
    "ConflictError",
    "ConnectionFailed",
    "Erased",
    "Hit",
    "InputRefused",
    "Media",
    "ModelUnavailable",
    "NotFoundError",
    "NotReadyError",
    "Page",
    "PendingError",
    "PolicyRef",
    "PolicyView",
    "Problem",
    "RateLimited",
    "Review",
    "ReviewItem",
    "ServiceFailed",
    "Session",
    "Source",
    "Started",
    "StoreUnavailable",
    "Summary",
    "Transaction",
    "Uploaded",
    "Verdict",
    "VerdictView",
    "Webhook",
    "WebhookError",
    "verify_webhook",
]
