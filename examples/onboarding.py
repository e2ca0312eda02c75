"""What your server does while the applicant is in front of the camera.

The API key stays on your server. The applicant's browser gets `started.raw`, whose upload token can
hand in this one transaction's media and nothing else; `embed.html` is the page it goes to.
"""

from collections.abc import Callable, Mapping

from veridical.client import Client, PendingError, Started, Transaction


def start(client: Client, applicant: str, order: str) -> Started:
    """When the applicant has agreed, and before the camera opens.

    `order` is your own number of this onboarding: as idempotency key it makes sure that a page
    loaded twice, or a server restarted in between, does not start two transactions.
    """
    return client.create(
        policy="spoken",
        subject_ref=applicant,
        consent_text="2026-11",
        locale="en",
        idempotency_key=order,
    )


def conclude(client: Client, transaction: str) -> str:
    """When the page says it is done, or better: when the webhook comes. Never believe the page."""
    try:
        found = client.wait(transaction, patience_s=60)
    except PendingError as error:
        return f"not finished: {error}"
    match found.outcome:
        case "accept":
            return "open the account"
        case "review":
            return "tell the applicant that a person will look at it"
        case "reject":
            return "decline, and offer another way"
        case _:
            return f"not finished: {found.state}, {found.retries_left} attempts left"


def main(
    url: str, key: str, applicant: str, applicant_s_browser: Callable[[Mapping[str, object]], None]
) -> tuple[str, Transaction]:
    """Both halves; between them the applicant's browser is at work."""
    with Client(url, key) as client:
        started = start(client, applicant, order=f"order-{applicant}")
        applicant_s_browser(started.raw)
        return conclude(client, started.id), client.get(started.id)
