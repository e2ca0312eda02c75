"""What can be asked of galleries, lists, policies, evidence and the service itself?"""

from collections.abc import Mapping, Sequence

from veridical.client.asking import Page, ask, fetch, form, gallery_path, get, post, quoted
from veridical.client.content import Content, Source
from veridical.client.flow import Flow, Request, Session, exchange
from veridical.wire import (
    DriftOverview,
    Enrolled,
    EvidenceHead,
    GalleryStatistics,
    Hit,
    ListAdded,
    ListRemoved,
    ListSize,
    ListSizes,
    ModelList,
    PolicyList,
    PolicyReplay,
    PolicyStored,
    PolicyView,
    Ready,
    SearchResult,
    SubjectErased,
    SubjectGalleries,
)

__all__ = [
    "add_to_list",
    "drift",
    "enrol",
    "erase_subject",
    "evaluate_policy",
    "evidence_chain",
    "evidence_head",
    "evidence_keys",
    "galleries_of",
    "gallery",
    "list_sizes",
    "models",
    "policies",
    "policy",
    "ready",
    "remove",
    "remove_from_list",
    "search",
    "store_policy",
]


def enrol(
    session: Session,
    gallery: str,
    subject: str,
    image: Source,
    *,
    birth_year: int | None = None,
    sex: str = "",
    replace: bool = False,
) -> Flow[Enrolled]:
    """Enrol a face in a gallery.

    Args:
        session: Of the client; not given by callers.
        gallery: Its name; made when it is not there.
        subject: Your reference of who it is.
        image: A picture with one whole face; it is not kept.
        birth_year: Narrows searches.
        sex: `F`, `M` or `X`: narrows searches.
        replace: Whether an enrolled face may be replaced.
    """
    fields = {
        "birth_year": str(birth_year or ""),
        "sex": sex,
        "replace": "true" if replace else "",
    }
    request = form(gallery_path(gallery, subject), {"image": image}, fields, "PUT")
    return (yield from ask(session, request, Enrolled))


def search(session: Session, gallery: str, image: Source, *, limit: int = 5) -> Flow[list[Hit]]:
    """Who in a gallery looks like this?"""
    request = form(f"{gallery_path(gallery)}/search", {"image": image}, {"limit": str(limit)})
    return list((yield from ask(session, request, SearchResult)).hits)


def remove(session: Session, gallery: str, subject: str) -> Flow[None]:
    """Take a subject out of a gallery."""
    yield from exchange(session, Request("DELETE", gallery_path(gallery, subject)))


def gallery(session: Session, gallery: str) -> Flow[GalleryStatistics]:
    """What a gallery holds."""
    return (yield from ask(session, get(gallery_path(gallery)), GalleryStatistics))


def galleries_of(session: Session, subject: str) -> Flow[tuple[str, ...]]:
    """Where a subject is enrolled."""
    request = get(f"/v1/subjects/{quoted(subject)}")
    return (yield from ask(session, request, SubjectGalleries)).galleries


def erase_subject(session: Session, subject: str) -> Flow[int]:
    """Erase a subject from every gallery; answers from how many."""
    request = Request("DELETE", f"/v1/subjects/{quoted(subject)}")
    return (yield from ask(session, request, SubjectErased)).erased


def list_sizes(session: Session) -> Flow[tuple[ListSize, ...]]:
    """How much is on which list."""
    return (yield from ask(session, get("/v1/lists"), ListSizes)).items


def add_to_list(
    session: Session, effect: str, kind: str, values: Sequence[str], *, label: str = ""
) -> Flow[ListAdded]:
    """Put values on a list; only their keyed hashes are kept.

    Args:
        session: Of the client; not given by callers.
        effect: `allow` or `deny`.
        kind: `document`, `subject`, `device`, `phone` or `network`.
        values: At most 10,000 at once.
        label: Which list or case they came from.
    """
    body = {"values": list(values), "label": label}
    return (yield from ask(session, post(_list_path(effect, kind), body), ListAdded))


def remove_from_list(
    session: Session, effect: str, kind: str, values: Sequence[str]
) -> Flow[ListRemoved]:
    """Take values off a list; the arguments as `add_to_list` has them."""
    request = post(f"{_list_path(effect, kind)}/remove", {"values": list(values)})
    return (yield from ask(session, request, ListRemoved))


def _list_path(effect: str, kind: str) -> str:
    return f"/v1/lists/{quoted(effect)}/{quoted(kind)}"


def policies(session: Session) -> Flow[list[PolicyView]]:
    """The policies a transaction may name."""
    return list((yield from ask(session, get("/v1/policies"), PolicyList)).items)


def policy(session: Session, name: str) -> Flow[PolicyView]:
    """One policy in its newest version."""
    return (yield from ask(session, get(f"/v1/policies/{quoted(name)}"), PolicyView))


def store_policy(session: Session, name: str, content: Source) -> Flow[PolicyStored]:
    """Store a version of a policy: TOML, as policy files are."""
    headers = {"Content-Type": "application/toml"}
    request = Request("PUT", f"/v1/policies/{quoted(name)}", headers, Content.of(content))
    return (yield from ask(session, request, PolicyStored))


def evaluate_policy(
    session: Session, name: str, verdicts: Sequence[Mapping[str, object]], *, version: int = 0
) -> Flow[PolicyReplay]:
    """How a policy would have decided verdicts, such as `transaction.verdict.raw`."""
    body: dict[str, object] = {"verdicts": [dict(verdict) for verdict in verdicts]}
    if version:
        body["version"] = version
    request = post(f"/v1/policies/{quoted(name)}/evaluate", body)
    return (yield from ask(session, request, PolicyReplay))


def models(session: Session) -> Flow[ModelList]:
    """The models in use."""
    return (yield from ask(session, get("/v1/models"), ModelList))


def evidence_chain(session: Session, *, limit: int = 1_000, cursor: str = "") -> Flow[Page[bytes]]:
    """The signed records of a tenant, a line each, for `veridical evidence verify`."""
    path = f"/v1/evidence?after={quoted(cursor or '0')}&limit={limit}"
    lines = tuple((yield from fetch(session, path)).splitlines(keepends=True))
    return Page(lines, str(int(cursor or 0) + limit) if len(lines) == limit else "")


def evidence_head(session: Session) -> Flow[EvidenceHead]:
    """The newest record, to be anchored elsewhere."""
    return (yield from ask(session, get("/v1/evidence/head"), EvidenceHead))


def evidence_keys(session: Session) -> Flow[bytes]:
    """The public keys that verify the chain, in PEM."""
    return (yield from fetch(session, "/v1/evidence/keys"))


def drift(session: Session) -> Flow[DriftOverview]:
    """How scores and reasons stand against their baselines."""
    return (yield from ask(session, get("/v1/drift"), DriftOverview))


def ready(session: Session) -> Flow[Ready]:
    """Whether the service is ready; waits for it as long as the client is patient.

    Raises:
        NotReadyError: It is not.
    """
    return (yield from ask(session, get("/readyz"), Ready))
