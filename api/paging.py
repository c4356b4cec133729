"""Keyset pages: a cursor holds the sort key of the last row, so deep pages cost what the first one does."""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar, TypeVarTuple
from uuid import UUID

import msgspec
from litestar.params import QueryParameter
from sqlalchemy import Integer, tuple_
from sqlalchemy.sql import Select
from sqlalchemy.sql.elements import SQLCoreOperations

from models.errors import InvalidError
from models.reads import given

T = TypeVar("T")
Columns = TypeVarTuple("Columns")

Limit = Annotated[int, QueryParameter(ge=1, le=100, description="Rows a page, 1 to 100.")]
Cursor = Annotated[str | None, QueryParameter(description="`next_cursor` of the page before.", max_length=500)]


class Page(msgspec.Struct, Generic[T], frozen=True):
    items: list[T]
    next_cursor: str | None = None


def encode(*key: Any) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).rstrip(b"=").decode()


def decode(cursor: str, *kinds: type[Any]) -> tuple[Any, ...]:
    """Return the key a cursor holds.

    Raises:
        InvalidError: it is not one of ours.
    """
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return tuple(msgspec.json.decode(raw, type=tuple[kinds]))  # type: ignore[valid-type]  # kinds are known when called
    except (ValueError, msgspec.MsgspecError) as error:
        raise InvalidError("This is not a cursor of this list.", pointer="#query/cursor") from error


def after(
    query: Select[*Columns],
    columns: Sequence[SQLCoreOperations[Any]],
    cursor: str | None,
    limit: int,
    *,
    kinds: tuple[type[Any], ...] = (datetime, UUID),
    descending: bool = False,
) -> Select[*Columns]:
    """Order by the columns and start behind the cursor; one row more than the limit tells whether there is more."""
    if cursor:
        key = tuple_(*columns)
        bound = tuple_(*decode(cursor, *kinds))
        query = query.where(key < bound if descending else key > bound)
    ordered = [column.desc() if descending else column.asc() for column in columns]
    return query.order_by(*ordered).limit(limit + 1)


def keyset(
    query: Select[*Columns],
    columns: Sequence[Any],
    *,
    behind: bool,
    descending: bool = False,
) -> Select[*Columns]:
    """Do the same in a statement that is compiled once: `behind` a cursor or not, as `given_place` has it."""
    if behind:
        key = tuple_(*columns)
        bound = tuple_(*[given(f"key_{place}", column.type) for place, column in enumerate(columns)])
        query = query.where(key < bound if descending else key > bound)
    ordered = [column.desc() if descending else column.asc() for column in columns]
    return query.order_by(*ordered).limit(given("rows", Integer))


def given_place(cursor: str | None, limit: int, kinds: tuple[type[Any], ...] = (datetime, UUID)) -> dict[str, Any]:
    key = decode(cursor, *kinds) if cursor else ()
    return {"rows": limit + 1} | {f"key_{place}": value for place, value in enumerate(key)}


def page(rows: Sequence[Any], limit: int, key: Any, make: Any) -> Page[Any]:
    """Return the page of these rows; `key` gives a row's sort key as a tuple, `make` its representation."""
    more = len(rows) > limit
    shown = list(rows[:limit])
    return Page([make(row) for row in shown], encode(*key(shown[-1])) if more else None)
