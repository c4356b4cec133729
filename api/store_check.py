"""`showme store check`: the rows of the database beside the objects of the store, and mending what differs."""

from contextlib import aclosing
from dataclasses import dataclass, field, replace
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from api.backup import News, Say, megabytes
from api.parts import Parts, opened_parts
from api.pg_tools import one_line
from api.settings import Settings
from media.inventory import Counts, Finding, Lost, Orphan, Unfinished, inventory_of, org_ids
from media.mending import Mended, mend
from media.storage import StorageError
from models.errors import UnavailableError
from models.org import Org

NAMED = 20
KINDS = {Lost: "assets lack objects", Orphan: "objects of nothing", Unfinished: "unfinished uploads"}
HEAD = ("organization", "assets", "objects", "size", *KINDS.values())


class StoreCheckError(Exception):
    """The check could not be made; the message is one line."""


@dataclass
class Tally:
    """How much of each kind was found, how much of it was mended; of how much of that something is gone for good."""

    found: dict[type[Finding], int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    mended: int = 0
    gone: int = 0
    young: int = 0

    @property
    def left(self) -> int:
        return sum(self.found.values()) - self.mended

    def add(self, other: "Tally") -> None:
        for kind, count in other.found.items():
            self.found[kind] += count
        self.mended, self.gone = self.mended + other.mended, self.gone + other.gone
        self.young += other.young


async def store_check(settings: Settings, *, repair: bool, slug: str | None, say: Say) -> bool:
    """Print a line an organization, and what is wrong; return whether nothing is, or all of it was mended.

    Raises:
        StoreCheckError: the database or the store does not answer, or there is no such organization.
    """
    try:
        async with opened_parts(replace(settings, pool_size=2)) as parts:
            check = _Check(parts, repair=repair, say=say)
            await check.all(slug)
            await parts.storage.close()
    except (StorageError, UnavailableError, DBAPIError, OSError) as error:
        raise StoreCheckError(f"the check was broken off: {one_line(str(error))}") from error
    return _tell(check.total, repair=repair, say=say)


class _Check:
    def __init__(self, parts: Parts, *, repair: bool, say: Say) -> None:
        self.total = Tally()
        self._parts, self._repair, self._say = parts, repair, say
        self._news = News(say)

    async def all(self, slug: str | None) -> None:
        self._say(_line(HEAD))
        known = False
        async with aclosing(org_ids(self._parts.database)) as ids:
            async for org_id in ids:
                name = await self._slug(org_id)
                if slug in (None, name):
                    known = True
                    await self._one(org_id, name)
        if slug is not None and not known:
            raise StoreCheckError(f"there is no organization {slug}.")

    async def _slug(self, org_id: UUID) -> str:
        async with self._parts.database.tenant(org_id) as session:
            return await session.scalar(select(Org.slug).where(Org.id == org_id)) or str(org_id)

    async def _one(self, org_id: UUID, name: str) -> None:
        def tell(so_far: Counts) -> None:
            self._news.tell(lambda: f"  {name}: {so_far.objects} objects of {so_far.assets} assets so far")

        inventory, tally = inventory_of(self._parts.database, self._parts.storage, org_id, tell), Tally()
        async with aclosing(inventory.findings()) as findings:
            async for finding in findings:
                tally.found[type(finding)] += 1
                mended = await self._mend(org_id, finding)
                tally.mended += mended is not None
                tally.gone += mended is not None and not mended.whole
                if tally.found[type(finding)] <= NAMED:
                    self._say(f"  {_sentence(finding)}{f': {mended.done}' if mended else ''}")
        tally.young = inventory.counts.young
        self._say(_line((name, *_figures(inventory.counts), *(str(count) for count in tally.found.values()))))
        self.total.add(tally)

    async def _mend(self, org_id: UUID, finding: Finding) -> Mended | None:
        if not self._repair:
            return None
        return await mend(self._parts.database, self._parts.storage, org_id, finding)


def _sentence(finding: Finding) -> str:
    match finding:
        case Lost(asset_id=asset_id, keys=keys):
            names = ", ".join(key.partition(f"{asset_id}/")[2] for key in keys)
            return f"asset {asset_id} lacks {names}"
        case Orphan(key=key, size_bytes=size_bytes):
            return f"{key} ({megabytes(size_bytes)}) belongs to nothing"
        case Unfinished(multipart=one):
            return f"{one.key} is an upload that nobody is sending, begun {one.begun_at:%Y-%m-%d %H:%M} UTC"


def _figures(counts: Counts) -> tuple[str, str, str]:
    return str(counts.assets), str(counts.objects), megabytes(counts.size_bytes)


def _line(cells: tuple[str, ...]) -> str:
    name, *others = cells
    widths = [max(len(head), 10) for head in HEAD[1:]]
    return f"{name:<24}" + "".join(f"  {cell:>{width}}" for cell, width in zip(others, widths, strict=True))


def _tell(total: Tally, *, repair: bool, say: Say) -> bool:
    if total.young:
        say(f"{total.young} objects belong to nothing, but are younger than a day: they may be work that is under way.")
    if not sum(total.found.values()):
        say("All is well.")
    elif repair:
        gone = f" Of {total.gone} of them something is gone for good: they say so themselves." if total.gone else ""
        say(f"{total.mended} mended, {total.left} left.{gone}")
    else:
        say(f"{total.left} to mend: say --repair to have it done.")
    return not total.left
