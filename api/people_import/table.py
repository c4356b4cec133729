"""A table of people, as spreadsheets save it: what each line says, and what is wrong with it."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from api.zones import check_zone
from models.errors import InvalidError
from models.person import ORG_ROLES
from models.team import TEAM_ROLES

MOST_LINES = 5000
COLUMNS = ("name", "email", "org_role", "time_zone", "team", "team_role")
NEEDED = ("name", "email")
LONGEST = {"name": 200, "email": 254, "org_role": 20, "time_zone": 64, "team": 500, "team_role": 20}
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
# Spreadsheets separate by what the language of their user does.
_SEPARATORS = ",;\t"


@dataclass(frozen=True)
class Flaw:
    """What is wrong; `column` is empty where it is the line as a whole."""

    line: int
    column: str
    detail: str


@dataclass(frozen=True)
class Line:
    """What one line says of a person; empty is not said. A person in several teams has a line for each."""

    line: int
    name: str
    email: str
    org_role: str = ""
    time_zone: str = ""
    team: str = ""
    team_role: str = ""


@dataclass
class Table:
    lines: list[Line] = field(default_factory=list)
    flaws: list[Flaw] = field(default_factory=list)


def read_table(text: str) -> Table:
    """Read the lines under a header that names its columns, in any order and letter case."""
    text = text.removeprefix("\ufeff")
    first, _, rest = text.partition("\n")
    skipped = 0
    if first.strip().lower().startswith("sep="):  # by which a spreadsheet tells another what separates
        text, skipped = rest, 1
    table = Table()
    try:
        _read(table, text, skipped)
    except csv.Error as error:
        table.flaws.append(Flaw(0, "", f"This is not a table: {error}."))
    return table


def _read(table: Table, text: str, skipped: int) -> None:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    columns = [cell.strip().lower() for cell in next(reader, [])]
    table.flaws += _wrong_header(columns, 1 + skipped)
    if table.flaws:
        return
    start = reader.line_num + 1
    for cells in reader:
        line, start = start + skipped, reader.line_num + 1
        if not any(cell.strip() for cell in cells):
            continue
        if len(table.lines) + len(table.flaws) >= MOST_LINES:
            table.flaws.append(Flaw(line, "", f"A table has {MOST_LINES} lines at most. Send the rest as another."))
            return
        _add(table, columns, cells, line)
    if not table.lines and not table.flaws:
        table.flaws.append(Flaw(0, "", "There is nobody under the header."))


def _separator(text: str) -> str:
    header = text.partition("\n")[0]
    return max(_SEPARATORS, key=header.count)


def _wrong_header(columns: list[str], line: int) -> Iterator[Flaw]:
    if not any(columns):
        yield Flaw(line, "", f"The first line must name the columns: {', '.join(COLUMNS)}.")
        return
    for name in NEEDED:
        if name not in columns:
            yield Flaw(line, name, f"There is no column `{name}`. The first line must name the columns.")
    for name in dict.fromkeys(columns):
        if name not in COLUMNS:
            yield Flaw(line, name[:100], f"There is no such column here. There are: {', '.join(COLUMNS)}.")
        elif columns.count(name) > 1:
            yield Flaw(line, name, "This column is there twice.")


def _add(table: Table, columns: list[str], cells: list[str], line: int) -> None:
    if len(cells) != len(columns):
        table.flaws.append(Flaw(line, "", f"This line has {len(cells)} cells, and the header {len(columns)}."))
        return
    said = {column: " ".join(cell.split()) for column, cell in zip(columns, cells, strict=True)}
    said |= {name: said.get(name, "").lower() for name in ("email", "org_role", "team_role")}
    flaws = list(_wrong_cells(said, line))
    if flaws:
        table.flaws += flaws
    else:
        table.lines.append(Line(line, **said))


def _wrong_cells(said: dict[str, str], line: int) -> Iterator[Flaw]:
    for column, cell in said.items():
        if len(cell) > LONGEST[column]:
            yield Flaw(line, column, f"This may have {LONGEST[column]} characters at most.")
        elif "\x00" in cell:
            yield Flaw(line, column, "This holds a character that no text may have.")
        elif wrong := _WRONG[column](cell):
            yield Flaw(line, column, wrong)
    if said["team_role"] and not said.get("team"):
        yield Flaw(line, "team_role", "Say which team.")


def _wrong_name(name: str) -> str:
    return "" if name else "This person has no name."


def _wrong_email(email: str) -> str:
    return (
        "" if _EMAIL.fullmatch(email) else f"`{email}` is not an e-mail address." if email else "There is no address."
    )


def _wrong_org_role(role: str) -> str:
    return "" if role in ("", *ORG_ROLES) else f"`{role}` is no role here: {', '.join(ORG_ROLES)}."


def _wrong_team_role(role: str) -> str:
    return "" if role in ("", *TEAM_ROLES) else f"`{role}` is no role in a team: {', '.join(TEAM_ROLES)}."


def _wrong_zone(zone: str) -> str:
    try:
        check_zone(zone or None)
    except InvalidError as error:
        return error.detail
    return ""


def _any(_cell: str) -> str:
    return ""


_WRONG: dict[str, Callable[[str], str]] = {
    "name": _wrong_name,
    "email": _wrong_email,
    "org_role": _wrong_org_role,
    "time_zone": _wrong_zone,
    "team": _any,
    "team_role": _wrong_team_role,
}
