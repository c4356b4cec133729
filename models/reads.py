"""Hot reads: statements compiled once and run by the driver itself, each in a transaction that only reads.

The rest of the code speaks to the database through sessions. These few are asked for with every screen; here one costs
a third of what it does there, and says the same: it is made from the same predicates.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, BindParameter, ColumnElement, Uuid, any_, bindparam, func, literal, literal_column, select
from sqlalchemy.dialects.postgresql import aggregate_order_by, asyncpg
from sqlalchemy.sql import ClauseElement, Select
from sqlalchemy.sql.operators import eq, in_op
from sqlalchemy.sql.visitors import cloned_traverse

_DIALECT = asyncpg.dialect()  # type: ignore[no-untyped-call]  # as the library has it
_IDS = "given_ids"


def given(name: str, kind: Any = Uuid) -> BindParameter[Any]:
    """Return a value that is given when the statement runs."""
    return bindparam(name, None, type_=kind() if isinstance(kind, type) else kind)


def given_ids(name: str) -> Select[Any]:
    """Return ids that are given when the statement runs, for the right side of IN."""
    return select(func.unnest(given(name, ARRAY(Uuid))).label(_IDS))


@dataclass(frozen=True, slots=True)
class Statement:
    """The text as the driver takes it, and the names of its values in their order. `query` is what it was made of."""

    text: str
    names: tuple[str, ...]
    query: Any

    async def rows(self, connection: Any, values: dict[str, Any]) -> list[Any]:
        found: list[Any] = await connection.fetch(self.text, *[values[name] for name in self.names])
        return found


def prepared(query: ClauseElement) -> Statement:
    """Compile a statement. What is not `given` is written into it: a plan kept for it then fits the partial indexes."""
    traversed = cloned_traverse(query, {}, {"bindparam": _write_in, "binary": _as_any})
    compiled: Any = traversed.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    return Statement(str(compiled), tuple(compiled.positiontup or ()), traversed)


def _write_in(element: Any) -> None:
    element.literal_execute = element.unique  # one without a name of its own


def _as_any(element: Any) -> None:
    """Turn `IN (SELECT unnest(given))` into `= ANY (given)`, which an index can answer."""
    columns = list(getattr(getattr(element.right, "element", None), "selected_columns", ()))
    if element.operator is in_op and [column.key for column in columns] == [_IDS]:
        [ids] = columns[0].element.clauses
        element.operator, element.right = eq, any_(ids)


def instant(column: Any) -> ColumnElement[str]:
    """Return a time as JSON has it, in UTC whatever the zone of the database session."""
    return func.to_char(func.timezone("UTC", column), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')


def json_object(**columns: Any) -> ColumnElement[Any]:
    parts: list[Any] = []
    for name, column in columns.items():
        parts += [literal(name), column]
    return func.json_build_object(*parts)


def json_list(item: Any, *order: Any) -> ColumnElement[Any]:
    """Return the JSON array of a scalar sub-select's rows; `[]` when there are none."""
    return func.coalesce(func.json_agg(aggregate_order_by(item, *order)), literal_column("'[]'::json"))
