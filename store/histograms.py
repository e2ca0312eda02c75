"""How often was each score and reason seen, hour by hour? Counts of several processes add up.

A histogram belongs to a series (tenant, kind, name, line) and an hour. Whoever counts keeps its
counts in memory and adds them now and then: a row is held for one short database transaction only.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from veridical.store.schema import drift_alerts, drift_baselines, drift_sketches

__all__ = [
    "Key",
    "StoredAlert",
    "StoredBaseline",
    "add_counts",
    "baselines_of",
    "clear_alert",
    "count_raised",
    "count_unwatched",
    "counts_of",
    "forget_counts",
    "keep_alert",
    "keep_baseline",
    "raise_alert",
    "raised_alerts",
    "tenants_counted",
]

Counts = Mapping[str, int]

_SERIES = ("tenant", "kind", "name", "line")


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """A series of one tenant.

    Attributes:
        tenant: Whose.
        kind: Of what: `score`, `quality`, `reason`.
        name: Which one.
        line: The models behind it.
    """

    tenant: str
    kind: str
    name: str
    line: str


@dataclass(frozen=True, slots=True)
class StoredBaseline:
    """Counts that later ones are compared with.

    Attributes:
        key: Whose.
        since: Start of the period, ms since 1970.
        until: Its end.
        frozen_at: When it was declared, ms since 1970.
        counts: By category.
    """

    key: Key
    since: int
    until: int
    frozen_at: int
    counts: Counts


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """An alert that is raised.

    Attributes:
        key: Series it is about.
        alert: Its kind.
        reason: Which reason rose; empty where none did.
        id: Of this time it was raised.
        raised_at: ms since 1970.
        seen_at: When it was last found to hold.
        figures: What was found then.
    """

    key: Key
    alert: str
    reason: str
    id: str
    raised_at: int
    seen_at: int
    figures: Mapping[str, float]


def add_counts(
    connection: Connection, tenant: str, counts: Mapping[tuple[Key, int], Counts]
) -> None:
    """Add counts to those that are there.

    Args:
        connection: Within a writing transaction.
        tenant: Whose all of them are.
        counts: By series and hour; the hour by its start in ms since 1970.
    """
    table = drift_sketches
    # In one order everywhere, so that two processes never wait for each other in a circle.
    places = sorted(counts)
    rows = [{**_columns(key), "hour": hour, "counts": "{}"} for key, hour in places]
    connection.execute(_insert(connection, table).on_conflict_do_nothing(), rows)
    hours = {hour for _, hour in places}
    held = connection.execute(
        select(table)
        .where(table.c.tenant == tenant, table.c.hour.in_(hours))
        .order_by(*table.primary_key)
        .with_for_update()
    )
    kept = {(Key(row.tenant, row.kind, row.name, row.line), row.hour): row.counts for row in held}
    changed = []
    for key, hour in places:
        total = json.loads(kept[key, hour])
        for category, count in counts[key, hour].items():
            total[category] = total.get(category, 0) + count
        columns = {f"its_{name}": value for name, value in _columns(key).items()}
        changed.append({**columns, "its_hour": hour, "sum": _json(total)})
    here = (table.c[name] == bindparam(f"its_{name}") for name in (*_SERIES, "hour"))
    connection.execute(update(table).where(*here).values(counts=bindparam("sum")), changed)


def counts_of(
    connection: Connection, tenant: str, since: int, until: int | None = None
) -> dict[Key, list[tuple[int, dict[str, int]]]]:
    """Counts by series, hour by hour, the oldest first.

    Args:
        connection: A reading one will do.
        tenant: Whose.
        since: Hours that start at or after it.
        until: And before it.
    """
    query = select(drift_sketches).where(
        drift_sketches.c.tenant == tenant, drift_sketches.c.hour >= since
    )
    if until is not None:
        query = query.where(drift_sketches.c.hour < until)
    found: dict[Key, list[tuple[int, dict[str, int]]]] = {}
    for row in connection.execute(query.order_by(drift_sketches.c.hour)):
        key = Key(row.tenant, row.kind, row.name, row.line)
        found.setdefault(key, []).append((row.hour, json.loads(row.counts)))
    return found


def tenants_counted(connection: Connection, since: int) -> list[str]:
    """Tenants of whom something was counted in an hour that starts at or after a time."""
    query = select(drift_sketches.c.tenant).where(drift_sketches.c.hour >= since).distinct()
    return list(connection.scalars(query.order_by(drift_sketches.c.tenant)))


def forget_counts(connection: Connection, before: int) -> None:
    """Delete the hours that start before a time."""
    connection.execute(delete(drift_sketches).where(drift_sketches.c.hour < before))


def keep_baseline(connection: Connection, baseline: StoredBaseline) -> None:
    """Put a baseline in the place of the series' earlier one."""
    connection.execute(delete(drift_baselines).where(_of(drift_baselines, baseline.key)))
    connection.execute(
        insert(drift_baselines).values(
            **_columns(baseline.key),
            since=baseline.since,
            until=baseline.until,
            frozen_at=baseline.frozen_at,
            counts=_json(baseline.counts),
        )
    )


def baselines_of(connection: Connection, tenant: str) -> dict[Key, StoredBaseline]:
    """Every baseline of a tenant."""
    rows = connection.execute(select(drift_baselines).where(drift_baselines.c.tenant == tenant))
    found = {}
    for row in rows:
        key = Key(row.tenant, row.kind, row.name, row.line)
        counts = json.loads(row.counts)
        found[key] = StoredBaseline(key, row.since, row.until, row.frozen_at, counts)
    return found


def raise_alert(
    connection: Connection,
    key: Key,
    alert: str,
    reason: str,
    figures: Mapping[str, float],
    now: int,
) -> str:
    """Raise an alert; its new id, or nothing when somebody has raised it already."""
    name = f"drift_{secrets.token_hex(16)}"
    state = {"raised_at": now, "seen_at": now, "cleared_at": None, "figures": _json(figures)}
    row = {**_columns(key), "alert": alert, "reason": reason, "id": name, **state}
    if _insert_new(connection, drift_alerts, row):
        return name
    changed = connection.execute(
        update(drift_alerts)
        .where(_alert(key, alert, reason), drift_alerts.c.cleared_at.is_not(None))
        .values(id=name, **state)
    )
    return name if changed.rowcount else ""


def keep_alert(
    connection: Connection, alert: StoredAlert, figures: Mapping[str, float], now: int
) -> None:
    """Note that a raised alert still holds, and by what figures."""
    connection.execute(
        update(drift_alerts)
        .where(_alert(alert.key, alert.alert, alert.reason), drift_alerts.c.id == alert.id)
        .values(seen_at=now, figures=_json(figures))
    )


def clear_alert(connection: Connection, alert: StoredAlert, now: int) -> bool:
    """Clear a raised alert; whether nobody else had done so."""
    changed = connection.execute(
        update(drift_alerts)
        .where(
            _alert(alert.key, alert.alert, alert.reason),
            drift_alerts.c.id == alert.id,
            drift_alerts.c.cleared_at.is_(None),
        )
        .values(cleared_at=now)
    )
    return bool(changed.rowcount)


def raised_alerts(
    connection: Connection, tenant: str = "", seen_before: int | None = None
) -> list[StoredAlert]:
    """Alerts that are raised, the newest first.

    Args:
        connection: A reading one will do.
        tenant: Whose; everybody's when empty.
        seen_before: Only those that were not found to hold since.
    """
    query = select(drift_alerts).where(drift_alerts.c.cleared_at.is_(None))
    if tenant:
        query = query.where(drift_alerts.c.tenant == tenant)
    if seen_before is not None:
        query = query.where(drift_alerts.c.seen_at < seen_before)
    order = (drift_alerts.c.raised_at.desc(), drift_alerts.c.id)
    return [
        StoredAlert(
            Key(row.tenant, row.kind, row.name, row.line),
            row.alert,
            row.reason,
            row.id,
            row.raised_at,
            row.seen_at,
            json.loads(row.figures),
        )
        for row in connection.execute(query.order_by(*order))
    ]


def count_raised(connection: Connection, tenant: str | None = None) -> dict[tuple[str, str], int]:
    """Raised alerts of a tenant, or of all, by kind of alert and name of the series."""
    columns = (drift_alerts.c.alert, drift_alerts.c.name)
    rows = connection.execute(
        select(*columns, func.count().label("n"))
        .where(drift_alerts.c.cleared_at.is_(None), *_only(drift_alerts.c.tenant, tenant))
        .group_by(*columns)
    )
    return {(row.alert, row.name): row.n for row in rows}


def count_unwatched(connection: Connection, since: int, tenant: str | None = None) -> int:
    """Series of a tenant, or of all, that were counted since a time and have no baseline."""
    lately = (
        select(*(drift_sketches.c[name] for name in _SERIES))
        .where(drift_sketches.c.hour >= since, *_only(drift_sketches.c.tenant, tenant))
        .distinct()
        .subquery()
    )
    same = and_(*(lately.c[name] == drift_baselines.c[name] for name in _SERIES))
    query = (
        select(func.count())
        .select_from(lately.outerjoin(drift_baselines, same))
        .where(drift_baselines.c.tenant.is_(None))
    )
    return connection.scalar(query) or 0


def _only(column: Column[str], tenant: str | None) -> list[ColumnElement[bool]]:
    """What holds a query to a tenant; nothing where all are meant."""
    return [] if tenant is None else [column == tenant]


def _insert_new(connection: Connection, table: Table, row: Mapping[str, object]) -> bool:
    """Insert a row unless there is one of its key; whether there was none."""
    statement = _insert(connection, table).values(**row).on_conflict_do_nothing()
    return connection.execute(statement.returning(table.c.tenant)).first() is not None


def _insert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An insertion that may say what to do with rows that are there already."""
    is_sqlite = connection.dialect.name == "sqlite"
    return sqlite.insert(table) if is_sqlite else postgresql.insert(table)


def _columns(key: Key) -> dict[str, str]:
    return {name: getattr(key, name) for name in _SERIES}


def _of(table: Table, key: Key) -> ColumnElement[bool]:
    return and_(*(table.c[name] == value for name, value in _columns(key).items()))


def _alert(key: Key, alert: str, reason: str) -> ColumnElement[bool]:
    return and_(
        _of(drift_alerts, key), drift_alerts.c.alert == alert, drift_alerts.c.reason == reason
    )


def _json(values: Mapping[str, float] | Mapping[str, int]) -> str:
    return json.dumps(dict(sorted(values.items())), separators=(",", ":"))
