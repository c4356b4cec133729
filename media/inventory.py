"""What the rows say is in the store, beside what is there: an organization at a time, in the order of its assets.

Both sides are read as two streams, so that memory does not grow with them. Where they differ, that asset is looked at
once more, since neither side stood still meanwhile.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from media import keys
from media.storage import FoundObject, OpenMultipart, Storage
from models.base import now
from models.database import Database

PAGE = 500
YOUNG = timedelta(hours=24)
"""What is younger may belong to work that is under way, and is let be."""
ERASING = timedelta(hours=1)
"""So long a job may take to erase what its row says is gone."""

_COLUMNS = """
SELECT a.id, a.state, a.purpose, a.poster, a.storyboard, a.renditions_pending, a.deleted_at, a.source_deleted_at,
  coalesce(a.facts ->> 'waveform' = 'true', false) AS waveform,
  a.state = 'playable' AND coalesce(a.facts ->> 'growing' = 'true', false) AS growing,
  coalesce((a.facts ->> 'pieces_until')::float8, 0) AS pieces_until,
  ARRAY(SELECT r.key FROM rendition r WHERE r.org_id = a.org_id AND r.asset_id = a.id) AS renditions,
  ARRAY(SELECT c.key FROM caption c WHERE c.org_id = a.org_id AND c.asset_id = a.id) AS captions,
  (SELECT u.state FROM upload u WHERE u.org_id = a.org_id AND u.asset_id = a.id) AS upload
FROM asset a WHERE a.org_id = :org
"""
_SOME = text(f"{_COLUMNS} AND a.id > :after ORDER BY a.id LIMIT :most")
_ONE = text(f"{_COLUMNS} AND a.id = :id")
_OPEN = text("SELECT multipart_id FROM upload WHERE org_id = :org AND state = 'open' AND multipart_id = ANY(:ids)")

Kept = Row[Any]
"""What the rows say of an asset, as `_COLUMNS` has it."""


@dataclass
class Counts:
    """What was met so far. `young`: objects that belong to nothing, and are let be for a day."""

    assets: int = 0
    objects: int = 0
    size_bytes: int = 0
    young: int = 0


@dataclass(frozen=True, slots=True)
class Lost:
    """An asset, objects of which are not there. `keys` are theirs."""

    asset_id: UUID
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Orphan:
    """An object that belongs to nothing."""

    key: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An upload in parts that nobody is sending."""

    multipart: OpenMultipart


Finding = Lost | Orphan | Unfinished


@dataclass(frozen=True)
class Inventory:
    """One organization's. `at` is when it is taken: what is young is so as of then. `tell` hears of each asset."""

    database: Database
    storage: Storage
    org_id: UUID
    at: datetime
    tell: Callable[[Counts], None]
    counts: Counts = field(default_factory=Counts)

    async def findings(self) -> AsyncGenerator[Finding]:
        """Yield what is wrong, as it is met."""
        async for asset_id, kept, objects in _merged(self._rows(), _by_asset(self._walk(keys.org_prefix(self.org_id)))):
            self.counts.assets += kept is not None
            self.counts.objects += len(objects)
            self.counts.size_bytes += sum(one.size_bytes for one in objects)
            if any(self._compare(kept, objects)):
                for finding in await self._look_again(asset_id, objects):
                    yield finding
            unwanted = self._unwanted(kept, objects)
            self.counts.young += sum(one.key in unwanted and self._is_young(one) for one in objects)
            self.tell(self.counts)
        for multipart in await self._nobodys():
            yield Unfinished(multipart)

    async def _rows(self) -> AsyncIterator[Kept]:
        after = UUID(int=0)
        while True:
            async with self.database.tenant(self.org_id) as session:
                rows = (await session.execute(_SOME, {"org": self.org_id, "after": after, "most": PAGE})).all()
            for row in rows:
                yield row
            if len(rows) < PAGE:
                return
            after = rows[-1].id

    async def _walk(self, prefix: str) -> AsyncIterator[FoundObject]:
        async for some in self.storage.walk(prefix):
            for one in some:
                yield one

    async def _look_again(self, asset_id: str, objects: Sequence[FoundObject]) -> list[Finding]:
        try:
            id_ = UUID(asset_id)
        except ValueError:  # no asset's folder
            return list(self._compare(None, objects))
        async with self.database.tenant(self.org_id) as session:
            kept = (await session.execute(_ONE, {"org": self.org_id, "id": id_})).one_or_none()
        found = [one async for one in self._walk(keys.asset_prefix(self.org_id, id_))]
        return list(self._compare(kept, found))

    def _compare(self, kept: Kept | None, objects: Sequence[FoundObject]) -> Iterator[Finding]:
        there = {one.key for one in objects}
        if kept is not None and (missing := needed(self.org_id, kept) - there):
            yield Lost(kept.id, tuple(sorted(missing)))
        unwanted = self._unwanted(kept, objects)
        for one in objects:
            if one.key in unwanted and not self._is_young(one):
                yield Orphan(one.key, one.size_bytes)

    def _unwanted(self, kept: Kept | None, objects: Sequence[FoundObject]) -> Collection[str]:
        there = {one.key for one in objects}
        if kept is None:
            return there
        if self._is_under_way(kept):
            return ()
        known = needed(self.org_id, kept) | allowed(self.org_id, kept)
        pieces = keys.pieces_prefix(self.org_id, kept.id) if self._has_pieces(kept) else None
        return {key for key in there - known if pieces is None or not key.startswith(pieces)}

    def _is_under_way(self, kept: Kept) -> bool:
        """Tell whether a job may be writing, or erasing, at this moment."""
        if kept.state == "processing" or kept.renditions_pending:
            return True
        gone = (kept.deleted_at, kept.source_deleted_at)
        return any(since is not None and since > self.at - ERASING for since in gone)

    def _has_pieces(self, kept: Kept) -> bool:
        """Tell whether who began to play it while it was made may be playing it still."""
        plays = kept.state in ("playable", "ready")
        return plays and kept.pieces_until > (self.at - ERASING).timestamp()

    def _is_young(self, one: FoundObject) -> bool:
        return one.written_at > self.at - YOUNG

    async def _nobodys(self) -> list[OpenMultipart]:
        begun = await self.storage.list_multiparts(keys.org_prefix(self.org_id))
        old = [one for one in begun if one.begun_at <= self.at - YOUNG]
        if not old:
            return []
        async with self.database.tenant(self.org_id) as session:
            wanted = await session.scalars(_OPEN, {"org": self.org_id, "ids": [one.multipart_id for one in old]})
            known = set(wanted)
        return [one for one in old if one.multipart_id not in known]


def needed(org_id: UUID, kept: Kept) -> set[str]:
    """Return the keys of what must be there."""
    if kept.state not in ("processing", "playable", "ready"):
        return set()
    at = (org_id, kept.id)
    found = {*kept.renditions, *kept.captions}
    if kept.purpose != "clip" and kept.source_deleted_at is None:
        found.add(keys.source(*at))
    if kept.state == "processing" or kept.growing:  # what an earlier try has left will be replaced
        return found & {keys.source(*at)}
    return found | {
        key
        for key, there in (
            (keys.poster(*at), kept.poster),
            (keys.storyboard(*at), kept.storyboard),
            (keys.waveform(*at), kept.waveform),
        )
        if there
    }


def allowed(org_id: UUID, kept: Kept) -> set[str]:
    """Return the keys of what may be there as well: the bytes of what failed, or has just come."""
    keeps = kept.state == "uploading" or (kept.state == "failed" and kept.upload in ("completed", None))
    return {keys.source(org_id, kept.id), *kept.captions} if keeps else set()


async def _by_asset(objects: AsyncIterator[FoundObject]) -> AsyncIterator[tuple[str, list[FoundObject]]]:
    """Gather the objects of each asset, which come one after the other; those of none have an empty id."""
    last, some = "", list[FoundObject]()
    async for one in objects:
        parts = one.key.split("/")
        id_ = parts[2] if len(parts) > 3 and parts[1] == "assets" else ""
        if some and id_ != last:
            yield last, some
            some = []
        last = id_
        some.append(one)
    if some:
        yield last, some


async def _merged(
    rows: AsyncIterator[Kept], groups: AsyncIterator[tuple[str, list[FoundObject]]]
) -> AsyncIterator[tuple[str, Kept | None, list[FoundObject]]]:
    """Yield each asset once, with its row, its objects, or both. Both sides come in the order of the ids."""
    row, group = await anext(rows, None), await anext(groups, None)
    while row is not None or group is not None:
        if row is not None and (group is None or str(row.id) <= group[0]):
            mine = group[1] if group is not None and group[0] == str(row.id) else []
            yield str(row.id), row, mine
            row, group = await anext(rows, None), (await anext(groups, None) if mine else group)
        elif group is not None:
            yield group[0], None, group[1]
            group = await anext(groups, None)


async def org_ids(database: Database, most: int = PAGE) -> AsyncGenerator[UUID]:
    """Yield the id of each organization there is."""
    last: UUID | None = None
    while True:
        async with database.without_tenant() as session:
            query = text("SELECT orgs_after(CAST(:last AS uuid), :most)")
            found = list(await session.scalars(query, {"last": last, "most": most}))
        for org_id in found:
            yield org_id
        if len(found) < most:
            return
        last = found[-1]


def inventory_of(
    database: Database, storage: Storage, org_id: UUID, tell: Callable[[Counts], None] = lambda _: None
) -> Inventory:
    return Inventory(database, storage, org_id, now(), tell)
