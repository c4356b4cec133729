from typing import Annotated
from uuid import UUID

import msgspec

Csv = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=900_000,
        examples=["name,email,team,team_role\nRobin Rep,robin@example.com,North,rep\n"],
        description=(
            "A table with a header: name, email, and org_role, time_zone, team, team_role where they are wanted; "
            "commas, semicolons or tabs between. A person in several teams has a line for each. A team is named, or "
            "its path, as in `Region / North`."
        ),
    ),
]


class ImportIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`dry_run`: say what would become of it, and change nothing."""

    csv: Csv
    dry_run: bool = False


class ImportFlaw(msgspec.Struct, frozen=True):
    """`line` 0 is the table as a whole."""

    line: int
    column: str
    detail: str


class ImportedPerson(msgspec.Struct, frozen=True):
    """`action`: `invite`, `update` or `unchanged`. `person_id` is null for who would be invited."""

    line: int
    action: Annotated[str, msgspec.Meta(examples=["invite"])]
    person_id: UUID | None
    name: str
    email: str
    changes: Annotated[list[str], msgspec.Meta(examples=[["joins North as rep"]])]


class ImportOut(msgspec.Struct, frozen=True):
    """`applied` is false of a dry run. `flaws` are shown in a dry run; else they are what refuses all of it."""

    applied: bool
    invited: int
    updated: int
    unchanged: int
    people: list[ImportedPerson]
    flaws: list[ImportFlaw]
