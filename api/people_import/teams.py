"""Teams as people name them: by name, or by the path from the top where a name is used twice."""

from collections import defaultdict
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from models.errors import InvalidError
from models.team import Team


@dataclass(frozen=True)
class NamedTeam:
    id: UUID
    name: str


class Teams:
    """The living teams of an organization, by what they may be called; letter case aside."""

    def __init__(self, rows: dict[UUID, tuple[str, UUID | None]]) -> None:
        self._called: dict[str, list[NamedTeam]] = defaultdict(list)
        for key, (name, _) in rows.items():
            team = NamedTeam(key, name)
            for said in {_folded(name), _folded(" / ".join(_path(key, rows)))}:
                self._called[said].append(team)

    def named(self, said: str) -> NamedTeam:
        """Return the one team of this name or path.

        Raises:
            InvalidError: there is none, or more than one.
        """
        found = self._called.get(_folded(said), [])
        if len(found) == 1:
            return found[0]
        if found:
            raise InvalidError(f"{len(found)} teams are named {said}. Write the path, as in Region / {said}.")
        raise InvalidError(f"There is no team named {said}.")


def _folded(said: str) -> str:
    return "/".join(" ".join(part.split()).casefold() for part in said.split("/"))


def _path(key: UUID, rows: dict[UUID, tuple[str, UUID | None]]) -> list[str]:
    names: list[str] = []
    at: UUID | None = key
    while at is not None and at in rows:
        name, at = rows[at]
        names.insert(0, name)
    return names


async def read_teams(session: AsyncSession, org_id: UUID) -> Teams:
    query = select(Team.id, Team.name, Team.parent_id).where(Team.org_id == org_id, Team.archived_at.is_(None))
    return Teams({row.id: (row.name, row.parent_id) for row in await session.execute(query)})
