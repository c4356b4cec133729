"""What changed for somebody: what they were allowed to know when it happened, in the order of commits."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from api.auth import Actor
from api.changes.schemas import ChangeOut, ChangesOut, Subject
from api.changes.statements import KINDS, MANY_TEAMS, changes_statement, visible_statement
from api.reading import Reading
from models.event import shown
from models.feed import Cursor, end_of, given

NOW = "now"


@dataclass(frozen=True, slots=True)
class Changes:
    """A page; each item with the place behind it."""

    items: list[tuple[Cursor, ChangeOut]]
    next: Cursor
    more: bool


async def changes(read: Reading, after: Cursor | None, limit: int) -> Changes:
    """Return what follows a place. With `more` there may be none on this page: then it was others' only."""
    statement = changes_statement(read.actor.org_role, many_teams=is_wide(read.actor))
    rows = await read.rows(statement, **given(after), rows=limit + 1)
    found = [row for row in rows if row["id"] is not None]
    gone = await _gone(read, found[:limit])
    items = [(_place(row), _change(row, gone)) for row in found[:limit]]
    if len(found) > limit:
        return Changes(items, items[-1][0], more=True)
    edge = _edge(rows[0])
    return Changes(items, edge or end_of(rows[0]), more=edge is not None)


def is_wide(actor: Actor) -> bool:
    return len(actor.reviewed) > MANY_TEAMS


def changes_out(page: Changes) -> ChangesOut:
    return ChangesOut([item for _, item in page.items], str(page.next), page.more)


def _place(row: Any) -> Cursor:
    return Cursor(int(row["xid"]), row["id"], row["at"], row["server"])


def _edge(row: Any) -> Cursor | None:
    if row["edge_id"] is None:
        return None
    return Cursor(int(row["edge_xid"]), row["edge_id"], row["edge_at"], row["server"])


def _change(row: Any, gone: set[UUID]) -> ChangeOut:
    return ChangeOut(
        row["id"],
        row["at"],
        row["v"],
        row["name"],
        Subject(_kind(row), row["subject_id"]),
        row["actor_id"],
        shown(row["data"]),
        row["subject_id"] in gone,
    )


def _kind(row: Any) -> str:
    return str(row["name"]).partition(".")[0]


async def _gone(read: Reading, rows: Sequence[Any]) -> set[UUID]:
    """Return the subjects that the actor does not see now, those of kinds that are loaded by their ids."""
    by_kind: dict[str, set[UUID]] = defaultdict(set)
    for row in rows:
        if _kind(row) in KINDS:
            by_kind[_kind(row)].add(row["subject_id"])
    gone: set[UUID] = set()
    for kind, wanted in by_kind.items():
        gone |= wanted - await _seen(read, kind, wanted)
    return gone


async def _seen(read: Reading, kind: str, wanted: Iterable[UUID]) -> set[UUID]:
    rows = await read.rows(visible_statement(read.actor.org_role, kind), wanted=list(wanted))
    return {row["id"] for row in rows}
