"""A first rung that is shown while it is made, each segment an object of its own: its asset plays as far as they go."""

import asyncio
from pathlib import Path
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from media import keys
from media.climb import Rendition as Made
from media.facts import Probe
from media.jobs.assets import begin_to_play, count_playable, hear, renditions_of, unfinished
from media.jobs.context import WorkerContext
from media.jobs.renditions import growing_row, plain, put_renditions, upload_waveform, whole_bytes
from media.jobs.trying import is_outage
from media.pipeline import Start
from media.workshop import all_of
from models.asset import Asset
from models.submission import asset_plays

log = structlog.get_logger()


class Growth:
    """What is shown of one asset. `begun`: an earlier try, whose worker died, has shown some of it already."""

    def __init__(self, context: WorkerContext, org_id: UUID, asset_id: UUID, probe: Probe, *, begun: bool) -> None:
        self._context = context
        self.at = (org_id, asset_id)
        self._probe = probe
        self._begun = begun
        self._brought: dict[str, int] = {}
        self._niceties: set[str] = set()

    async def show(self, start: Start) -> None:
        """Bring what is new to the store, then say so. A store or a database that is away a while stops no encode."""
        try:
            await all_of(*(self._bring(one) for one in start.renditions), self._bring_niceties(start))
            await self._say(start)
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("what is made so far could not be shown", error=str(error))

    async def end(self, made: tuple[Made, ...]) -> None:
        """Bring what is left of what has been shown, so that who has begun to play it can go on to its end."""
        if self._begun:
            await all_of(*(self._bring(one) for one in made))

    async def _bring(self, one: Made) -> None:
        """An earlier try has made the same segments: what it has left of them is written over."""
        name, index = plain(one.name), one.index
        if name not in self._brought:
            await self._put(one.path, 0, index.init_length, keys.piece(*self.at, name))
            self._brought[name] = 0
        for number in range(self._brought[name], len(index.segments)):
            segment = index.segments[number]
            await self._put(one.path, segment.offset, segment.length, keys.piece(*self.at, name, number))
            self._brought[name] = number + 1

    async def _put(self, path: Path, offset: int, length: int, key: str) -> None:
        await self._context.storage.put_bytes(key, await asyncio.to_thread(_slice, path, offset, length), "video/mp4")

    async def _bring_niceties(self, start: Start) -> None:
        if "waveform" not in self._niceties:
            await upload_waveform(self._context.storage, *self.at, start.sound)
            self._niceties.add("waveform")
        if start.poster and "poster" not in self._niceties:
            await self._context.storage.upload(start.poster, keys.poster(*self.at), "image/jpeg")
            self._niceties.add("poster")

    async def _say(self, start: Start) -> None:
        org_id, asset_id = self.at
        async with self._context.tenant(org_id) as session:
            asset = await unfinished(session, asset_id)
            if asset is None:
                return
            now_plays = not asset.growing
            if now_plays:
                begin_to_play(asset, self._probe)
                await asset_plays(session, asset)
                asset.facts = {**(asset.facts or {}), "how": "encode", "growing": True}
                hear(asset, start.sound)
            asset.poster = asset.poster or "poster" in self._niceties
            await _put_rows(session, asset, start.renditions, anew=now_plays)
        self._begun = True
        if now_plays:
            count_playable(asset, "encode")


async def _put_rows(session: AsyncSession, asset: Asset, made: tuple[Made, ...], *, anew: bool) -> None:
    """No row ever lists less than it did: a player has seen what was there."""
    rows = {} if anew else await renditions_of(session, asset)
    missing = [one for one in made if plain(one.name) not in rows]
    if missing:
        await put_renditions(session, asset, [growing_row(asset, one) for one in missing], all_=anew)
    for one in made:
        row = rows.get(plain(one.name))
        if row is not None and len(one.index.segments) > len((row.index or {}).get("segments", ())):
            row.index, row.size_bytes = msgspec.to_builtins(one.index), whole_bytes(one.index)


def _slice(path: Path, offset: int, length: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(length)
