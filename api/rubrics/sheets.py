"""A rubric as a sheet: a line for each level, as spreadsheets write and read them (CSV).

What a spreadsheet would take for a formula gets an apostrophe before it, which is taken off again when it is read.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from api.problems import FieldError
from api.rubrics.schemas import (
    Anchor,
    CriterionTitle,
    FileCriterion,
    FileLevel,
    Key,
    Label,
    Points,
    RubricFile,
    SkillName,
    Title,
    Weight,
)
from api.wording import plain

COLUMNS = (
    *("rubric", "criterion", "key", "skill", "weight", "required", "must_pass", "allow_na"),
    *("points", "level", "anchor"),
)
NEEDED = ("criterion", "skill", "points", "level")
MOST_ROWS = 350  # as many levels as the largest rubric has
BOM = "\ufeff"
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_QUOTED = re.compile(r"''*[=+\-@\t\r]")
_WORDS = {"yes": True, "true": True, "1": True, "x": True, "no": False, "false": False, "0": False}
Row = dict[str, str]


def write_sheet(rubric: RubricFile) -> str:
    """Return the sheet, with a mark at its beginning by which spreadsheets know UTF-8."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for criterion in rubric.criteria:
        flags = ["yes" if flag else "no" for flag in (criterion.required, criterion.must_pass, criterion.allow_na)]
        said = [_cell(text) for text in (rubric.title, criterion.title, criterion.key or "", criterion.skill)]
        for level in criterion.levels:
            numbers = f"{criterion.weight:g}", f"{level.points:g}"
            writer.writerow([*said, numbers[0], *flags, numbers[1], _cell(level.label), _cell(level.anchor)])
    return BOM + out.getvalue()


def _cell(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


@dataclass
class _Reader:
    """Reads cells, and gathers what is wrong with them."""

    errors: list[FieldError] = field(default_factory=list)

    def cell(self, number: int, row: Row, name: str, kind: Any, make: Callable[[str], Any] = str) -> Any:
        """Return a cell as a value of this kind; None, with an error, when it is none."""
        try:
            return msgspec.convert(make(row.get(name, "")), type=kind)
        except msgspec.ValidationError as error:
            self.wrong(number, name, plain(str(error)))
        except ValueError as error:
            self.wrong(number, name, str(error))
        return None

    def wrong(self, number: int, name: str, detail: str) -> None:
        self.errors.append(FieldError(f"/csv/{number}/{name}" if name else f"/csv/{number}", detail))


@dataclass(frozen=True)
class Sheet:
    """The rubric, or all that is wrong: pointers name the line, counted from 1, and the column.

    `lines` are those of the levels, by criterion.
    """

    rubric: RubricFile | None
    errors: list[FieldError]
    lines: list[list[int]] = field(default_factory=list)


def read_sheet(text: str) -> Sheet:
    reader = _Reader()
    rows = _rows(text, reader)
    if reader.errors:
        return Sheet(None, reader.errors)
    title, groups = _title(rows, reader), list(_grouped(rows))
    criteria = [_criterion(found, reader) for found in groups]
    if reader.errors or title is None:
        return Sheet(None, reader.errors)
    rubric = RubricFile(title, [one for one in criteria if one is not None])
    return Sheet(rubric, [], [[number for number, _ in found] for found in groups])


def _rows(text: str, reader: _Reader) -> list[tuple[int, Row]]:
    text = text.removeprefix(BOM)
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        reader.wrong(1, "", f"This is no sheet of comma-separated values: {error}.")
        return []
    if not lines:
        reader.wrong(1, "", "The sheet is empty.")
        return []
    names = [name.strip().lower().replace(" ", "_") for name in lines[0]]
    _check_head(names, reader)
    if len(lines) > MOST_ROWS + 1:
        reader.wrong(MOST_ROWS + 2, "", f"A rubric has {MOST_ROWS} levels at most.")
        return []
    rows = [(number, cells) for number, cells in enumerate(lines[1:], start=2) if any(cell.strip() for cell in cells)]
    if not rows and not reader.errors:
        reader.wrong(2, "", "The sheet has no levels.")
    return [(number, _row(names, cells)) for number, cells in rows]


def _row(names: Sequence[str], cells: Sequence[str]) -> Row:
    return {name: _text(cell) for name, cell in zip(names, cells, strict=False)}


def _text(cell: str) -> str:
    return cell[1:] if _QUOTED.match(cell) else cell


def _check_head(names: Sequence[str], reader: _Reader) -> None:
    for name in NEEDED:
        if name not in names:
            reader.wrong(1, name, f"The sheet has no column {name}.")
    for name in dict.fromkeys(names):
        if name not in COLUMNS:
            reader.wrong(1, "", f"There is no column {name[:40]!r}; there are {', '.join(COLUMNS)}.")
        elif names.count(name) > 1:
            reader.wrong(1, name, f"The column {name} is there twice.")


def _title(rows: Sequence[tuple[int, Row]], reader: _Reader) -> str | None:
    """One rubric a sheet; a line may leave its title out."""
    titles = [(number, row["rubric"]) for number, row in rows if row.get("rubric")]
    if not titles:
        return ""
    number, title = titles[0]
    for other, found in titles:
        if found != title:
            reader.wrong(other, "rubric", f"A sheet is one rubric; this line is of another than line {number}.")
    found_title: str | None = reader.cell(number, {"rubric": title}, "rubric", Title)
    return found_title


def _grouped(rows: Sequence[tuple[int, Row]]) -> Iterator[list[tuple[int, Row]]]:
    """Yield the lines of each criterion: those with its key, or its title, that stand together."""
    group: list[tuple[int, Row]] = []
    for number, row in rows:
        if group and not _belongs(group[-1][1], row):
            yield group
            group = []
        group.append((number, row))
    if group:
        yield group


def _belongs(before: Row, row: Row) -> bool:
    """A line that leaves its criterion out belongs to the one above."""
    named = row.get("key") or row.get("criterion")
    return not named or (row.get("key"), row.get("criterion")) == (before.get("key"), before.get("criterion"))


def _criterion(rows: Sequence[tuple[int, Row]], reader: _Reader) -> FileCriterion | None:
    number, first = rows[0]
    _check_same(rows, reader)
    fields = {
        "title": reader.cell(number, first, "criterion", CriterionTitle),
        "skill": reader.cell(number, first, "skill", SkillName),
        "weight": reader.cell(number, first, "weight", Weight, lambda text: _number(text, 1.0)),
        "key": reader.cell(number, first, "key", Key | None, lambda text: text or None),
        "required": reader.cell(number, first, "required", bool, lambda text: _flag(text, default=True)),
        "must_pass": reader.cell(number, first, "must_pass", bool, lambda text: _flag(text, default=False)),
        "allow_na": reader.cell(number, first, "allow_na", bool, lambda text: _flag(text, default=False)),
    }
    levels = [_level(one, row, reader) for one, row in rows]
    if reader.errors:
        return None
    return FileCriterion(levels=[one for one in levels if one is not None], **fields)


def _check_same(rows: Sequence[tuple[int, Row]], reader: _Reader) -> None:
    number, first = rows[0]
    for name in ("skill", "weight", "required", "must_pass", "allow_na"):
        for other, row in rows[1:]:
            if row.get(name, "") not in {"", first.get(name, "")}:
                reader.wrong(other, name, f"Line {number} says otherwise of the same criterion.")


def _level(number: int, row: Row, reader: _Reader) -> FileLevel | None:
    points = reader.cell(number, row, "points", Points, _number)
    label = reader.cell(number, row, "level", Label)
    anchor = reader.cell(number, row, "anchor", Anchor)
    return None if points is None or label is None or anchor is None else FileLevel(points, label, anchor)


def _number(text: str, default: float | None = None) -> float:
    """Read a number, also one with a decimal comma."""
    plain_text = text.strip().replace(",", ".")
    if not plain_text and default is not None:
        return default
    try:
        return float(plain_text)
    except ValueError as error:
        raise ValueError(f"{text[:40]!r} is not a number.") from error


def _flag(text: str, *, default: bool) -> bool:
    word = text.strip().lower()
    if word and word not in _WORDS:
        raise ValueError(f"{text[:40]!r} is neither yes nor no.")
    return _WORDS.get(word, default)
