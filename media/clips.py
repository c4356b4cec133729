"""A clip: one or more ranges of videos, cut exact to the frame and joined."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from media import commands, ffmpeg
from media.binaries import Tools
from media.checks import expect
from media.commands import Cut
from media.costs import cost_s
from media.facts import Probe
from media.ladder import FAST_SHORT_SIDE, fit
from media.packets import scan
from media.pipeline import make_poster
from media.workshop import MIB, probe_output

END_TOLERANCE_MS = 500  # what a person marked on a player's clock may lie a little beyond the end


class Range(msgspec.Struct, frozen=True):
    """From `start_ms` to `end_ms` of `video`. `audio` is where its sound is, if in another file (a rendition)."""

    video: Path
    start_ms: int
    end_ms: int
    audio: Path | None = None


class Clip(msgspec.Struct, frozen=True):
    path: Path
    poster: Path
    facts: Probe


async def make_clip(ranges: Sequence[Range], folder: Path, tools: Tools) -> Clip:
    """`clip.mp4` and `poster.jpg`, in the first range's shape, at most 720p. Raises MediaProblem.

    Raises ValueError for a range that is empty or outside its video: the caller should have known.
    """
    probed = [await probe_output(one.video, tools) for one in ranges]
    cuts = [await _cut(one, facts, tools) for one, facts in zip(ranges, probed, strict=True)]
    size = fit(probed[0], min(probed[0].short_side, FAST_SHORT_SIDE))
    duration_ms = sum(cut.end_ms - cut.start_ms for cut in cuts)
    await ffmpeg.run(
        [tools.binaries.ffmpeg, *commands.clip(cuts, size, "clip.mp4", threads=tools.threads)],
        folder=folder,
        # A rendition without an index is read from its beginning to where the range starts.
        bounds=ffmpeg.encoding(sum(cost_s(facts) for facts in probed), duration_ms * MIB + 64 * MIB),
        on_line=lambda _: None,
    )
    facts = await probe_output(folder / "clip.mp4", tools)
    expect(facts, duration_ms=duration_ms, sound=any(cut.audio for cut in cuts))
    return Clip(folder / "clip.mp4", await make_poster(folder / "clip.mp4", facts, folder, tools), facts)


async def _cut(one: Range, facts: Probe, tools: Tools) -> Cut:
    ahead_s, lasts_ms = 0.0, facts.duration_ms
    if one.audio is not None:
        ahead_s, sound_ms = await _sound_beside(one.audio, one.video, tools)
        lasts_ms = max(lasts_ms, sound_ms)
    end_ms = min(one.end_ms, lasts_ms)
    if not 0 <= one.start_ms < end_ms or one.end_ms > lasts_ms + END_TOLERANCE_MS:
        raise ValueError(f"{one.start_ms} to {one.end_ms} ms is no range of {lasts_ms} ms")
    audio = one.audio or (one.video if facts.audio else None)
    last_ms = facts.last_frame_ms if end_ms > facts.video_ms or one.start_ms > (facts.last_frame_ms or 0) else None
    colours = (facts.untagged_matrix, facts.primaries)
    return Cut(one.video, audio, one.start_ms, end_ms, ahead_s, last_ms, *colours)


async def _sound_beside(audio: Path, video: Path, tools: Tools) -> tuple[float, int]:
    """How much earlier than the pictures the sound's file begins, and when it ends on the clock of the pictures."""
    sound, pictures = [(await scan(path, tools.binaries)).track(0) for path in (audio, video)]
    return pictures.start_s - sound.start_s, round((sound.end_s - pictures.start_s) * 1000)
