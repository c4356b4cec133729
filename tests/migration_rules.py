"""What a migration may do while the release before it still serves: expand now, contract a release later.

A linter over the sources of migrations. What takes something away says since which release no code uses it, as
`UNUSED_SINCE = "0.2.0"` in the migration; that release must be one of the changelog's.
"""

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from tests.processes import ROOT

SQL_FILES = ROOT / "models" / "migrations" / "sql"
TAKES_AWAY = {
    "drop_column": "drops a column",
    "drop_table": "drops a table",
    "rename_table": "renames a table",
    "drop_constraint": "drops a constraint",
}
SQL_TAKES_AWAY = re.compile(
    r"\bDROP\s+(COLUMN|TABLE|FUNCTION|VIEW|SCHEMA)\b|\bRENAME\b|\bSET\s+NOT\s+NULL\b|\bALTER\s+COLUMN\s+\S+\s+TYPE\b",
    re.IGNORECASE,
)
SQL_INDEX = re.compile(
    r"\bCREATE\s+(UNIQUE\s+)?INDEX\s+(?!CONCURRENTLY)|\bDROP\s+INDEX\s+(?!CONCURRENTLY)", re.IGNORECASE
)
# What a function does is done when it is called, and not by the migration that makes it; a DO block is done at once.
SQL_FUNCTION = re.compile(r"(\bCREATE\s+FUNCTION\b[^$]*)\$\$.*?\$\$", re.IGNORECASE | re.DOTALL)
SQL_REWRITES = re.compile(r"\b(VACUUM\s+FULL|CLUSTER|LOCK\s+TABLE|TRUNCATE)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Migration:
    """The source of one, taken apart."""

    upgrade: ast.FunctionDef
    new_tables: frozenset[str]
    unused_since: str

    @classmethod
    def of(cls, source: str) -> "Migration":
        tree = ast.parse(source)
        functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        upgrade = functions["upgrade"]
        new = {_text(call.args[0]) for name, call, _ in _calls(upgrade) if name == "create_table" and call.args}
        since = [
            _text(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign)
            and any(isinstance(t, ast.Name) and t.id == "UNUSED_SINCE" for t in node.targets)
        ]
        return cls(upgrade, frozenset(new), since[0] if since else "")


def complaints(source: str, released: Collection[str]) -> list[str]:
    """Return what is unsafe in a migration, a sentence each with its line; empty when it may run."""
    migration = Migration.of(source)
    found = [
        f"line {call.lineno}: {sentence}"
        for name, call, alone in _calls(migration.upgrade)
        for sentence in _of_call(migration, name, call, released, alone=alone)
    ]
    if migration.unused_since and migration.unused_since not in released:
        found.append(f"UNUSED_SINCE: {migration.unused_since} is not a release of the changelog.")
    return found


def _of_call(
    migration: Migration, name: str, call: ast.Call, released: Collection[str], *, alone: bool
) -> Iterator[str]:
    options = {option.arg: option.value for option in call.keywords if option.arg}
    contracting = migration.unused_since in released
    if name in ("execute", "exec_driver_sql", "run_script", "run_sql"):
        sql = _text(call.args[0]) if call.args else ""
        sql = (SQL_FILES / sql).read_text() if name == "run_sql" else sql
        yield from _of_sql(sql, contracting=contracting, alone=alone)
        return
    table = _table(name, call, options)
    if table in migration.new_tables:
        return
    if name in TAKES_AWAY and not contracting:
        yield f"it {TAKES_AWAY[name]} that the release before may use: say UNUSED_SINCE."
    if name in ("create_index", "drop_index"):
        yield from _of_index(options, alone=alone)
    if name == "add_column":
        yield from _of_new_column(call)
    if name == "alter_column":
        yield from _of_change(options, contracting=contracting)
    if name in ("create_foreign_key", "create_check_constraint") and not _true(options.get("postgresql_not_valid")):
        yield "it checks every row under a lock: make the constraint NOT VALID, and validate it in another migration."
    if name in ("create_unique_constraint", "create_primary_key"):
        yield "it builds an index under a lock: make a unique index CONCURRENTLY, and the constraint USING it."


def _of_sql(sql: str, *, contracting: bool, alone: bool) -> Iterator[str]:
    sql = SQL_FUNCTION.sub(r"\1", sql)
    if SQL_TAKES_AWAY.search(sql) and not contracting:
        yield "its SQL takes away what the release before may use: say UNUSED_SINCE."
    if SQL_INDEX.search(sql):
        yield "its SQL makes or drops an index under a lock: say CONCURRENTLY, in an autocommit_block."
    if "CONCURRENTLY" in sql.upper() and not alone:
        yield "CONCURRENTLY works outside a transaction only: put it in an autocommit_block."
    if SQL_REWRITES.search(sql):
        yield "its SQL locks a table against all who read it."
    if "lock_timeout" in sql.lower():
        yield "the lock timeout is set for every migration, and stays as it is."


def _of_index(options: dict[str, ast.expr], *, alone: bool) -> Iterator[str]:
    if not _true(options.get("postgresql_concurrently")):
        yield "an index of a table in use is made and dropped with postgresql_concurrently=True."
    elif not alone:
        yield "CONCURRENTLY works outside a transaction only: put it in an autocommit_block."
    elif not (_true(options.get("if_not_exists")) or _true(options.get("if_exists"))):
        yield "outside a transaction it may be done already when it is run again: say if_not_exists or if_exists."


def _of_new_column(call: ast.Call) -> Iterator[str]:
    column = next((node for node in call.args if isinstance(node, ast.Call)), None)
    options = {option.arg: option.value for option in column.keywords} if column else {}
    nullable = options.get("nullable")
    if isinstance(nullable, ast.Constant) and nullable.value is False and "server_default" not in options:
        yield "the release before does not fill a column that must be filled: give it a server_default."


def _of_change(options: dict[str, ast.expr], *, contracting: bool) -> Iterator[str]:
    if "new_column_name" in options:
        yield "a renamed column is gone for the release before: add another, fill both, drop the old one later."
    if "type_" in options:
        yield "another type rewrites the table under a lock: add another column, fill both, drop the old one later."
    nullable = options.get("nullable")
    if isinstance(nullable, ast.Constant) and nullable.value is False and not contracting:
        yield "the release before may leave it empty: add a CHECK that is NOT VALID, and say UNUSED_SINCE."


def _table(name: str, call: ast.Call, options: dict[str, ast.expr]) -> str:
    """Return the table of an operation; where it stands differs."""
    place = {"create_index": 1, "create_foreign_key": 1, "create_check_constraint": 1, "create_unique_constraint": 1}
    place |= {"drop_constraint": 1, "create_primary_key": 1, "drop_index": 99}
    at = place.get(name, 0)
    return _text(call.args[at]) if at < len(call.args) else _text(options.get("table_name"))


def _calls(function: ast.AST, *, alone: bool = False) -> Iterator[tuple[str, ast.Call, bool]]:
    """Yield each call of a method or function, and whether it stands in an autocommit_block."""
    for node in ast.iter_child_nodes(function):
        within = alone or (
            isinstance(node, ast.With) and any("autocommit_block" in ast.unparse(item) for item in node.items)
        )
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            yield name, node, within
        yield from _calls(node, alone=within)


def _text(node: ast.expr | None) -> str:
    """Return the words of a literal; of an f-string, those that do not vary."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values)
    if isinstance(node, ast.Call) and node.args:
        return _text(node.args[0])
    return ""


def _true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True
