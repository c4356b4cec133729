"""What is missing of the renditions of a video that plays already, and what is made of them: then it is `ready`."""

from dataclasses import dataclass
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
    probe_of,
    renditions_of,
    still,
    tell_failed,
    tell_made,
)
from media.jobs.context import WorkerContext
from media.jobs.percent import telling_percent
from media.jobs.renditions import (
    fetch,
    file_row,
    made_earlier,
    put_renditions,
    rung_row,
    upload_files,
    upload_rungs,
    upload_waveform,
)
from media.ladder import is_file, planned
from media.pipeline import LadderResult, Wanted
from media.playlists import AUDIO
from media.problems import MediaProblem
from media.sound import Sound
from models.asset import Asset, Rendition
from models.base import now


@dataclass(frozen=True)
class _Todo:
    probe: Probe
    wanted: Wanted
    rows: dict[str, Rendition]


async def make_ladder(context: WorkerContext, org_id: UUID, asset_id: UUID) -> None:
    """Make and upload what is missing, then say so: what comes is shown, whatever does not.

    Raises:
        MediaProblem: something did not come that may come another time, or nothing did.
    """
    async with context.tenant(org_id) as session:
        asset = await still(session, asset_id, "playable")
        if asset is None or not asset.renditions_pending:
            return
        todo = await _todo(session, asset)
    async with context.folder() as folder:
        made = await _make(context, org_id, asset_id, todo, folder)
        await _upload(context, org_id, asset_id, made, todo.wanted)
        async with context.tenant(org_id) as session:
            asset = await still(session, asset_id, "playable")
            if asset is None or not asset.renditions_pending:
                return
            await _publish(session, asset, made, todo.wanted)
    if again := _worth_another_try(made):
        raise again


async def _todo(session: AsyncSession, asset: Asset) -> _Todo:
    facts, probe, rows = asset.facts or {}, probe_of(asset), await renditions_of(session, asset)
    how, data_saver = facts.get("how", "copy"), asset.purpose in DATA_SAVED
    if "planned" not in facts:  # from before there were plans
        facts = asset.facts = {**facts, "planned": planned(probe, how, data_saver=data_saver)}
    if probe.audio and AUDIO not in rows:  # a rung would play in silence
        rows = {name: row for name, row in rows.items() if not row.index}
    wanted = Wanted(
        names=frozenset(name for name in facts["planned"] if name not in rows),
        how=how,
        data_saver=data_saver,
        sound=_sound_of(facts),
        storyboard=not (asset.storyboard or asset.audio_only),
    )
    return _Todo(probe, wanted, rows)


def _sound_of(facts: dict[str, Any]) -> Sound | None:
    """Return what was measured when it was made playable, or at an earlier try; None where that is to be done."""
    if "loudness_lufs" not in facts:
        return None
    return Sound(
        loudness_lufs=facts.get("loudness_lufs"),
        loudness_range_lu=facts.get("loudness_range_lu"),
        gain_db=facts.get("gain_db") or 0.0,
    )


async def _make(context: WorkerContext, org_id: UUID, asset_id: UUID, todo: _Todo, folder: Path) -> LadderResult:
    wanted = replace(todo.wanted, there=made_earlier(todo.rows, folder))
    source = folder / "source.bin"
    if wanted.sound is None or not all(is_file(name) for name in wanted.names):
        source = await fetch_source(context, org_id, asset_id, folder)
    await fetch(context.storage, org_id, asset_id, _needed(wanted))
    async with telling_percent(context, org_id, asset_id) as progress:
        return await pipeline.make_ladder(source, todo.probe, folder, context.tools, progress, wanted)


def _needed(wanted: Wanted) -> list[climb.Rendition]:
    """Return what was made earlier and something is made of now: files, the storyboard, rungs that line up."""
    files = {name for name in wanted.names if is_file(name)}
    least = [one.name for one in wanted.there if one.name != AUDIO][-1:]
    names = {*files, *(AUDIO for _ in files), *(least if wanted.storyboard or wanted.names - files else ())}
    return [one for one in wanted.there if one.name in names]


async def _upload(context: WorkerContext, org_id: UUID, asset_id: UUID, made: LadderResult, wanted: Wanted) -> None:
    storage = context.storage
    await upload_rungs(storage, org_id, asset_id, made.renditions)
    await upload_files(storage, org_id, asset_id, made.files)
    if made.storyboard:
        await storage.upload(made.storyboard, keys.storyboard(org_id, asset_id), "image/jpeg")
    if made.poster:
        await storage.upload(made.poster, keys.poster(org_id, asset_id), "image/jpeg")
    if wanted.sound is None:
        await upload_waveform(storage, org_id, asset_id, made.sound)


async def _publish(session: AsyncSession, asset: Asset, made: LadderResult, wanted: Wanted) -> None:
    rows = [*(rung_row(asset, one) for one in made.renditions), *(file_row(asset, one) for one in made.files)]
    await put_renditions(session, asset, rows)
    tell_made(session, asset, rows)
    tell_failed(session, asset, made.failed)
    if wanted.sound is None:
        hear(asset, made.sound)
    if made.storyboard:
        asset.storyboard = True
        asset.facts = {**(asset.facts or {}), "tiles": msgspec.to_builtins(made.tiles)}
    if not made.failed:
        asset.move("ready")
        asset.renditions_pending, asset.ready_at = False, now()
        asset.problem_code = asset.problem_detail = None
    elif not _worth_another_try(made):
        note(asset, next(iter(made.failed.values())))


def _worth_another_try(made: LadderResult) -> MediaProblem | None:
    return next((problem for problem in made.failed.values() if problem.retryable), None)
