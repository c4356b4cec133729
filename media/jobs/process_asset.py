"""From the bytes of an upload to a video that plays, where that takes no encoding of its pictures."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import false, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from media import keys
from media.asked import NO_PICTURE, NOT_MEDIA, NOT_TAKEN, refusal, worded
from media.facts import Probe
from media.jobs.assets import know, order, publish_playable, still
from media.jobs.context import WorkerContext
from media.jobs.keep_file import keep_file
from media.pipeline import copy_playable
from media.probe import probe as probe_file
from media.probe import probe_voice
from media.problems import MediaProblem
from media.voice import as_video
from models.asset import Asset, Upload
from models.challenge import Prompt
from models.take import Response


async def process_asset(context: WorkerContext, org_id: UUID, asset_id: UUID) -> None:
    """Verify and probe the source, and make it playable by a remux; the long queue does it where that will not do.

    Raises:
        MediaProblem: it is no video we take, not what was sent, or not what was asked for.
    """
    async with context.tenant(org_id) as session:
        if await still(session, asset_id, "processing") is None:
            return
        terms = await _terms(session, asset_id)
    async with context.folder() as folder:
        source = folder / "source.bin"
        await _fetch(context, org_id, asset_id, source, terms.sha256)
        if terms.attachment and await keep_file(context, org_id, asset_id, source):
            return
        probe = await _probe(context, source, terms)
        await _know(context, org_id, asset_id, probe)
        made = None if probe.is_voice else await copy_playable(source, probe, folder, context.tools)
        if made is not None:
            await publish_playable(context, org_id, asset_id, probe, made)
            return
    await _hand_over(context, org_id, asset_id)


@dataclass(frozen=True)
class _Terms:
    """What was said with the upload, and what its prompt allows. An attachment may be a file, a video or a voice."""

    sha256: str | None = None
    max_duration_ms: int | None = None
    audio_allowed: bool = False
    attachment: bool = False

    def worded(self, code: str) -> str:
        """Return the code whose sentence names all that is taken."""
        if self.attachment and code in (NOT_MEDIA, NOT_TAKEN):
            return "unsupported_file"
        return worded(code, audio_allowed=self.audio_allowed)


async def _terms(session: AsyncSession, asset_id: UUID) -> _Terms:
    """The strictest of all prompts it answers, and of the one it was announced for."""
    org_id = session.info["org_id"]
    upload = (Upload.org_id == org_id) & (Upload.asset_id == asset_id)
    announced = select(Upload.prompt_id).where(upload)
    answered = select(Response.prompt_id).where(Response.org_id == org_id, Response.asset_id == asset_id)
    prompts = select(
        func.min(Prompt.max_duration_ms), func.coalesce(func.bool_and(Prompt.audio_allowed), false())
    ).where(Prompt.org_id == org_id, Prompt.id.in_(announced.union(answered)))
    sha256 = await session.scalar(select(Upload.sha256).where(upload))
    most_ms, audio_allowed = (await session.execute(prompts)).one()
    purpose = await session.scalar(select(Asset.purpose).where(Asset.org_id == org_id, Asset.id == asset_id))
    attachment = purpose == "attachment"
    return _Terms(sha256, most_ms, audio_allowed or attachment, attachment)


async def _probe(context: WorkerContext, source: Path, terms: _Terms) -> Probe:
    """Raise MediaProblem, also for what is fine as it is, and not what was asked for."""
    binaries, limits = context.tools.binaries, context.limits
    try:
        probe = await probe_file(source, binaries=binaries, limits=limits)
    except MediaProblem as problem:
        if problem.code != NO_PICTURE or not terms.audio_allowed:
            raise MediaProblem(terms.worded(problem.code), problem.detail) from problem
        probe = as_video(await probe_voice(source, binaries=binaries, limits=limits))
    _check_asked(probe, terms)
    return probe


def _check_asked(probe: Probe, terms: _Terms) -> None:
    code = refusal(
        duration_ms=probe.duration_ms,
        audio_only=probe.is_voice,
        max_duration_ms=terms.max_duration_ms,
        audio_allowed=terms.audio_allowed,
    )
    if code:
        raise MediaProblem(code, f"{probe.duration_ms} ms, {terms.max_duration_ms} are allowed")


async def _fetch(context: WorkerContext, org_id: UUID, asset_id: UUID, source: Path, claimed: str | None) -> None:
    """Download the source and note what came. Raises MediaProblem when the client had sent other bytes."""
    sha256 = await context.storage.download(keys.source(org_id, asset_id), source, sha256=True)
    size_bytes = await asyncio.to_thread(lambda: source.stat().st_size)
    async with context.tenant(org_id) as session:
        asset = await still(session, asset_id, "processing")
        if asset is not None:
            asset.sha256, asset.size_bytes = sha256, size_bytes
    if claimed is not None and claimed != sha256:
        raise MediaProblem("checksum_mismatch", f"{claimed} was sent, {sha256} is here")


async def _know(context: WorkerContext, org_id: UUID, asset_id: UUID, probe: Probe) -> None:
    """Write down what it is; what was asked of it meanwhile is asked now, and what is asked later finds this."""
    async with context.tenant(org_id) as session:
        asset = await still(session, asset_id, "processing")
        if asset is not None:
            _check_asked(probe, await _terms(session, asset_id))
            know(asset, probe)
            asset.audio_only = probe.is_voice


async def _hand_over(context: WorkerContext, org_id: UUID, asset_id: UUID) -> None:
    async with context.tenant(org_id) as session:
        asset = await still(session, asset_id, "processing")
        if asset is not None:
            await order(session, "transcode_asset", asset_id)
