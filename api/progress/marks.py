"""What changed about how a skill is judged: a step in its curve may be the rubric's, and not the person's."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Protocol
from uuid import UUID

import msgspec

from models.rubric_rules import BED_DOWN, BED_DOWN_OBSERVATIONS, is_young


class Seen(Protocol):
    """A manager's observation, and by which version of which rubric it was made."""

    @property
    def observed_at(self) -> datetime: ...
    @property
    def take_id(self) -> UUID | None: ...
    @property
    def rubric_id(self) -> UUID: ...
    @property
    def rubric_version(self) -> int: ...


class MarkOut(msgspec.Struct, frozen=True):
    """From `at` on the skill was judged differently; other kinds may come.

    `rubric`: by another rubric for the first time. `rubric_version`: by another version of one that had judged it.
    """

    at: datetime
    kind: Annotated[str, msgspec.Meta(examples=["rubric_version"])]
    rubric_id: UUID | None = None
    version: int | None = None
    from_version: int | None = None


class YoungChange(msgspec.Struct, frozen=True):
    """The last change has not bedded down: it is younger than 28 days, or has judged fewer than 3 takes."""

    code: Annotated[str, msgspec.Meta(examples=["let-it-bed-down"])]
    detail: Annotated[
        str, msgspec.Meta(examples=["How this is judged changed 3 days ago, and has judged 1 take since."])
    ]
    since: datetime
    observations: int


def marks_of(rows: Sequence[Seen]) -> list[MarkOut]:
    """Return the changes among observations of one skill, which are in the order of their takes."""
    versions: dict[UUID, int] = {}
    found: list[MarkOut] = []
    for row in rows:
        before = versions.get(row.rubric_id)
        if versions and before is None:
            found.append(MarkOut(row.observed_at, "rubric", row.rubric_id, row.rubric_version))
        elif before is not None and before != row.rubric_version:
            found.append(MarkOut(row.observed_at, "rubric_version", row.rubric_id, row.rubric_version, before))
        versions[row.rubric_id] = row.rubric_version
    return found


def young_change(marks: Sequence[MarkOut], rows: Sequence[Seen], at: datetime) -> YoungChange | None:
    """Return the warning about the last change of a rubric's version, while it is young."""
    last = next((mark for mark in reversed(marks) if mark.kind == "rubric_version"), None)
    if last is None:
        return None
    since = {row.take_id for row in rows if (row.rubric_id, row.rubric_version) == (last.rubric_id, last.version)}
    if not is_young(last.at, at) and len(since) >= BED_DOWN_OBSERVATIONS:
        return None
    detail = f"{_ago(last.at, at)} and has judged {len(since)} {'take' if len(since) == 1 else 'takes'} since"
    return YoungChange(
        "let-it-bed-down",
        f"How this is judged changed {detail}. Let it bed down: {BED_DOWN.days} days, {BED_DOWN_OBSERVATIONS} takes.",
        last.at,
        len(since),
    )


def _ago(since: datetime, at: datetime) -> str:
    days = (at - since).days
    return "today" if days < 1 else "yesterday" if days == 1 else f"{days} days ago"
