"""What is missing of the renditions of a video that plays already, and what is made of them: then it is `ready`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncSession

from media import climb, keys, pipeline
from media.facts import Probe
from media.jobs.assets import (
    DATA_SAVED,
    fetch_source,
    hear,
    note,
    order,
    probe_of,
    renditions_of,
    still,
    tell_failed,
    tell_made,
)
from media.jobs.context import WorkerContext
from media.jobs.lacking import (
    FIRST,
    NICETIES,
    POSTER,
    STORYBOARD,
    WAVEFORM,
    first_is_of,
    has_source,
    lacking,
    out_of_reach,
    plan_of,
)
from media.jobs.percent import telling_percent
from media.jobs.renditions import (
    fetch,
    file_row,
    made_earlier,
    playable_row,
    put_renditions,
    rung_row,
    upload_files,
    upload_rungs,
    upload_waveform,
)
from media.ladder import is_file
from media.pipeline import LadderResult, Mp4, Wanted
from media.playlists import AUDIO
from media.problems import MediaProblem
from media.sound import Sound
from media.workshop import Work, probe_output
from models.asset import Asset, Rendition
from models.base import now


@dataclass(frozen=True)
class _Todo:
    """`lacks`: all that is to be made. `first`: the rung of which the first file is made again."""

    probe: Probe
    wanted: Wanted
    rows: dict[str, Rendition]
    lacks: frozenset[str]
    first: str | None


@dataclass
class _Made:
    """What came of a ladder, and beside it. `failed` says by name why something did not."""

    ladder: LadderResult
    first: Mp4 | None = None
    poster: Path | None = None
    failed: dict[str, MediaProblem] = field(default_factory=dict)

    @property
    def files(self) -> tuple[Mp4, ...]:
        return (*self.ladder.files, *([self.first] if self.first else []))


async def make_ladder(context: WorkerContext, org_id: UUID, asset_id: UUID) -> None:
    """Make and upload what is missing, then say so: what comes is shown, whatever does not.

    Raises:
        MediaProblem: something did not come that may come another time, or nothing did.
    """
    async with context.tenant(org_id) as session:
        asset = await still(session, asset_id, "playable")
        if asset is None or asset.growing or not asset.renditions_pending:
            return
        todo = await _todo(session, asset)
    async with context.folder() as folder:
        made = await _make(context, org_id, asset_id, todo, folder)
        await _upload(context, org_id, asset_id, made, todo.wanted)
        async with context.tenant(org_id) as session:
            asset = await still(session, asset_id, "playable")
            if asset is None or not asset.renditions_pending:
                return
            await _publish(session, asset, made, todo)
    if again := _worth_another_try(made):
        raise again


async def _todo(session: AsyncSession, asset: Asset) -> _Todo:
    probe, rows, plan = probe_of(asset), await renditions_of(session, asset), plan_of(asset)
    facts = asset.facts = {**(asset.facts or {}), "planned": plan}
    if AUDIO in plan and AUDIO not in rows:  # a rung would play in silence
        rows = {name: row for name, row in rows.items() if not row.index}
    lacks = lacking(asset, rows) - out_of_reach(asset, rows)
    names = lacks.intersection(plan)
    drawn = probe.is_voice and not all(is_file(name) for name in names)  # over a still of its waveform
    unheard = drawn or WAVEFORM in lacks or "loudness_lufs" not in facts
    wanted = Wanted(
        names=names,
        how=facts.get("how", "copy"),
        data_saver=asset.purpose in DATA_SAVED,
        sound=None if unheard and has_source(asset) else _sound_of(facts),
        storyboard=STORYBOARD in lacks,
    )
    return _Todo(probe, wanted, rows, lacks, first_is_of(asset) if FIRST in lacks else None)


def _sound_of(facts: dict[str, Any]) -> Sound:
    """Return what was measured when it was made playable, or at an earlier try."""
    return Sound(
        loudness_lufs=facts.get("loudness_lufs"),
        loudness_range_lu=facts.get("loudness_range_lu"),
        gain_db=facts.get("gain_db") or 0.0,
    )


async def _make(context: WorkerContext, org_id: UUID, asset_id: UUID, todo: _Todo, folder: Path) -> _Made:
    wanted = replace(todo.wanted, there=made_earlier(todo.rows, folder))
    source = folder / "source.bin"
    if wanted.sound is None or not all(is_file(name) for name in wanted.names):
        source = await fetch_source(context, org_id, asset_id, folder)
    await fetch(context.storage, org_id, asset_id, _needed(wanted, todo.first))
    async with telling_percent(context, org_id, asset_id) as progress:
        made = _Made(await pipeline.make_ladder(source, todo.probe, folder, context.tools, progress, wanted))
    made.failed, made.poster = dict(made.ladder.failed), made.ladder.poster
    if todo.first:
        await _make_first(made, Work(source, todo.probe, folder, context.tools), todo.first, wanted)
    if POSTER in todo.lacks and made.poster is None:
        made.poster = await _make_poster(context, made, todo, folder)
    return made


def _needed(wanted: Wanted, first: str | None) -> list[climb.Rendition]:
    """Return what was made earlier and something is made of now: files, the storyboard, rungs that line up."""
    files = {name for name in wanted.names if is_file(name)} | ({f"{first}p"} if first else set())
    least = [one.name for one in wanted.there if one.name != AUDIO][-1:]
    names = {*files, *(AUDIO for _ in files), *(least if wanted.storyboard or wanted.names - files else ())}
    return [one for one in wanted.there if one.name in names]


async def _make_first(made: _Made, work: Work, rung: str, wanted: Wanted) -> None:
    new = {one.name: one for one in made.ladder.renditions}
    here = [*new.values(), *(one for one in wanted.there if one.name not in new)]
    try:
        if problem := made.failed.get(rung):
            raise problem
        made.first = await pipeline.make_first_again(work, f"{rung}p", here)
    except MediaProblem as problem:
        made.failed[FIRST] = problem


async def _make_poster(context: WorkerContext, made: _Made, todo: _Todo, folder: Path) -> Path | None:
    """Of a file that was made now, or is there already; without one it goes without."""
    there = [row for row in todo.rows.values() if row.kind == "progressive"]
    best = max(there, key=lambda row: (row.name != FIRST, row.height or 0), default=None)
    try:
        if made.files:
            return await pipeline.make_poster(made.files[0].path, made.files[0].facts, folder, context.tools)
        if best is None:
            return None
        path = folder / "shown.mp4"
        await context.storage.download(best.key, path)
        return await pipeline.make_poster(path, await probe_output(path, context.tools), folder, context.tools)
    except MediaProblem:
        return None


async def _upload(context: WorkerContext, org_id: UUID, asset_id: UUID, made: _Made, wanted: Wanted) -> None:
    storage = context.storage
    await upload_rungs(storage, org_id, asset_id, made.ladder.renditions)
    await upload_files(storage, org_id, asset_id, made.ladder.files)
    if made.first:
        await storage.upload(made.first.path, keys.playable(org_id, asset_id), "video/mp4")
    if made.ladder.storyboard:
        await storage.upload(made.ladder.storyboard, keys.storyboard(org_id, asset_id), "image/jpeg")
    if made.poster:
        await storage.upload(made.poster, keys.poster(org_id, asset_id), "image/jpeg")
    if wanted.sound is None:
        await upload_waveform(storage, org_id, asset_id, made.ladder.sound)


async def _publish(session: AsyncSession, asset: Asset, made: _Made, todo: _Todo) -> None:
    rows = [
        *(rung_row(asset, one) for one in made.ladder.renditions),
        *(file_row(asset, one) for one in made.ladder.files),
    ]
    if made.first:
        rows.append(playable_row(asset, made.first.path, made.first.facts))
    await put_renditions(session, asset, rows)
    tell_made(session, asset, rows)
    tell_failed(session, asset, made.failed)
    if todo.wanted.sound is None:
        hear(asset, made.ladder.sound)
    if made.ladder.storyboard:
        asset.storyboard = True
        asset.facts = {**(asset.facts or {}), "tiles": msgspec.to_builtins(made.ladder.tiles)}
    asset.poster = asset.poster or made.poster is not None
    if not made.failed:
        await _come_to_rest(session, asset, todo)
    elif not _worth_another_try(made):
        note(asset, next(iter(made.failed.values())))


async def _come_to_rest(session: AsyncSession, asset: Asset, todo: _Todo) -> None:
    there = await renditions_of(session, asset)
    gone = out_of_reach(asset, there)
    if lacking(asset, there) - gone - todo.lacks:  # lost meanwhile
        await order(session, "make_ladder", asset.id)
    elif gone - NICETIES:
        note(asset, MediaProblem("source_lost", f"{', '.join(sorted(gone))}: nothing is left to make it of"))
    else:
        asset.move("ready")
        asset.renditions_pending, asset.ready_at = False, now()
        asset.problem_code = asset.problem_detail = None


def _worth_another_try(made: _Made) -> MediaProblem | None:
    return next((problem for problem in made.failed.values() if problem.retryable), None)
