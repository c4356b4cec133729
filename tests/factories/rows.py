"""One row in each tenant's table, made from the schema itself: for tests that must hold for every table."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    DateTime,
    Float,
    ForeignKeyConstraint,
    Integer,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from models.all import metadata
from models.ids import new_id

Row = dict[str, Any]

# `org` has its id as its tenant; `throttle` belongs to no organization.
TENANT_TABLES = [table for table in metadata.sorted_tables if table.name not in ("org", "throttle")]

_BY_KIND: dict[type[Any], Any] = {
    Text: "word",
    Float: 1.0,
    Integer: 1,
    Boolean: False,
    JSONB: {},
    ARRAY: [],
    Uuid: UUID(int=7),
    DateTime: datetime(2026, 1, 1, tzinfo=UTC),
}

# What the checks of a table want, where the first thing at hand is not it.
_SPECIAL: dict[tuple[str, str], Any] = {
    ("segment", "end_ms"): 2,
    ("rendition", "key"): "a/key",
    ("delegation", "until_at"): datetime(2150, 1, 1, tzinfo=UTC),
}


async def fill(session: AsyncSession, org_id: UUID) -> dict[str, Row]:
    """Write one row to each table of a tenant, and return them by the table's name."""
    rows: dict[str, Row] = {}
    for table in TENANT_TABLES:
        rows[table.name] = make_row(table, org_id, rows)
        if table.name == "delegation":  # nobody stands in for themselves
            people = metadata.tables["person"]
            other = make_row(people, org_id, rows) | {"email": "other@example.com"}
            await session.execute(people.insert().values(other))
            rows[table.name]["delegate_id"] = other["id"]
        await session.execute(table.insert().values(rows[table.name]))
    return rows


# Empty, the first would mean not applicable, and the second that it is of no thing.
_NOT_EMPTY = {("score", "level_id"), ("draft_version", "critique_id")}


def make_row(table: Table, org_id: UUID, others: dict[str, Row]) -> Row:
    """Return a row that points at the others, where it must point at something."""
    row: Row = {"org_id": org_id, "id": new_id()}
    for column in table.columns:
        empty = column.nullable and (table.name, column.name) not in _NOT_EMPTY
        by_itself = column.computed is not None or (column.server_default is not None and column.default is None)
        if column.name in row or empty or by_itself:
            continue
        target = targets(table).get(column.name)
        row[column.name] = others[target]["id"] if target else _value(table, column.name)
    if table.name == "event":
        row["at"] = datetime.now(UTC)
    return row


def targets(table: Table) -> dict[str, str]:
    """Return the table each column points at, the organization itself left out."""
    found = {}
    for key in table.constraints:
        if isinstance(key, ForeignKeyConstraint) and key.referred_table.name != "org":
            found[next(name for name in key.column_keys if name != "org_id")] = key.referred_table.name
    return found


def _value(table: Table, name: str) -> Any:
    if (table.name, name) in _SPECIAL:
        return _SPECIAL[table.name, name]
    if words := allowed_words(table).get(name):
        return words[0]
    kind = table.columns[name].type
    if isinstance(kind, DateTime) and not kind.timezone:
        return datetime(2026, 1, 1)  # noqa: DTZ001  # a wall time
    return next(value for known, value in _BY_KIND.items() if isinstance(kind, known))


def allowed_words(table: Table) -> dict[str, list[str]]:
    """Return the words that a CHECK allows, by column."""
    found = {}
    for check in table.constraints:
        if isinstance(check, CheckConstraint) and (match := re.fullmatch(r"(\w+) IN \((.*)\)", str(check.sqltext))):
            found[match[1]] = re.findall(r"'(\w+)'", match[2])
    return found
