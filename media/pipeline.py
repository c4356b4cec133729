"""From an upload to what is served, in a local folder: playable at once, then the ladder. Each output is checked."""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from media import commands, ffmpeg
from media.binaries import Tools
from media.checks import check_rungs, expect
from media.commands import Ladder
from media.facts import Limits, Probe
from media.ladder import How, Rung, Tiles, playable_streams, progressive_rung, rungs, tiles
from media.packets import Track, scan
from media.playlists import AUDIO, Picture, RenditionIndex, rendition_index
from media.probe import probe as probe_file
from media.problems import MediaProblem
from media.waveform import waveform

Progress = Callable[[float], None]

TARGET_LUFS = -16.0
SILENCE_LUFS = -70.0
MAX_GAIN_DB = 12.0
MIB = 1 << 20
MAX_INIT_BYTES = 1 << 16
NO_LIMITS = Limits(max_bytes=1 << 62, max_duration_ms=1 << 62)


class Made(msgspec.Struct, frozen=True):
    """`facts` are the playable file's own; `how` is `copy` or `encode`, of its pictures."""

    playable: Path
    poster: Path
    facts: Probe
    how: How


class Rendition(msgspec.Struct, frozen=True):
    """One single-file CMAF rendition; the sound's has no size."""

    name: str
    path: Path
    index: RenditionIndex
    width: int | None = None
    height: int | None = None


class LadderResult(msgspec.Struct, frozen=True, kw_only=True):
    """Largest rendition first, the sound (named `audio`) last. `loudness_lufs` is the source's; None without sound.

    `progressive` is one of the renditions with its sound, as MP4. `waveform` holds ten peaks a second, 0 to 100.
    `storyboard` is a nicety: None when no picture for it came.
    """

    renditions: tuple[Rendition, ...]
    progressive: Path
    progressive_facts: Probe
    storyboard: Path | None
    tiles: Tiles
    loudness_lufs: float | None = None
    gain_db: float = 0.0
    waveform: tuple[int, ...] = ()


@dataclass(frozen=True)
class _Work:
    source: Path
    probe: Probe
    folder: Path
    tools: Tools

    async def run(
        self, argv: list[str], *, file_bytes: int | None = None, progress: Progress | None = None
    ) -> ffmpeg.Finished:
        """`file_bytes`: what one output may hold; by default what the caps of the ladder allow, and then some."""
        lasts_ms = self.probe.duration_ms
        allowed = file_bytes or max(2 * self.probe.size_bytes, lasts_ms * 2 * MIB // 1000) + 64 * MIB

        def on_progress(done_ms: int) -> None:
            if progress:
                progress(min(1.0, done_ms / max(1, lasts_ms)))

        return await ffmpeg.run_with_progress(
            [self.tools.binaries.ffmpeg, *argv],
            folder=self.folder,
            bounds=ffmpeg.encoding(lasts_ms, allowed),
            on_progress=on_progress,
        )

    def media(self, name: str) -> Path:
        return self.folder / f"{name}.m4s"


@dataclass(frozen=True)
class _Made:
    """A rendition as made: what was planned, what its packets and its playlist say."""

    rung: Rung | None
    name: str
    track: Track
    index: RenditionIndex


async def make_playable(source: Path, probe: Probe, folder: Path, tools: Tools) -> Made:
    """`playable.mp4` with its index in front, and `poster.jpg`. Raises MediaProblem.

    Copied where browsers play the pictures as they are and the copy proves whole, else encoded once.
    """
    if made := await copy_playable(source, probe, folder, tools):
        return made
    work = _Work(source, probe, folder, tools)
    await work.run(commands.transcode(source, probe, "playable.mp4", threads=tools.threads))
    return await _proven(work, "encode")


async def copy_playable(source: Path, probe: Probe, folder: Path, tools: Tools) -> Made | None:
    """As `make_playable`, but never encodes pictures, which takes long: None where that is what it needs."""
    work = _Work(source, probe, folder, tools)
    streams = playable_streams(probe)
    if streams.video == "copy":
        with _another_way():  # an odd edit list, a bitstream that only decoding can mend
            argv = commands.remux(source, probe, streams, "playable.mp4")
            await work.run(argv, file_bytes=2 * probe.size_bytes + 16 * MIB)
            return await _proven(work, "copy")
    return None


async def _proven(work: _Work, how: How) -> Made:
    playable = work.folder / "playable.mp4"
    facts = await probe_output(playable, work.tools)
    expect(facts, duration_ms=work.probe.duration_ms, sound=work.probe.audio is not None)
    return Made(playable, await make_poster(playable, facts, work.folder, work.tools), facts, how)


async def make_poster(video: Path, facts: Probe, folder: Path, tools: Tools) -> Path:
    """`poster.jpg`: a keyframe after the first second, else the first, else any picture that decodes."""
    work = _Work(video, facts, folder, tools)
    output = folder / "poster.jpg"
    for at_s, keyframes_only in ((1.0, True), (0.0, True), (0.0, False)):
        output.unlink(missing_ok=True)
        with _another_way():
            await work.run(commands.poster(video, facts, output.name, at_s=at_s, keyframes_only=keyframes_only))
            return _existing(output)
    raise MediaProblem("corrupt", "no picture of it could be decoded")


async def make_ladder(
    source: Path, probe: Probe, folder: Path, tools: Tools, progress: Progress | None = None
) -> LadderResult:
    """All renditions by one decode, then what is made of them. `progress` gets 0.0 to 1.0. Raises MediaProblem."""
    work = _Work(source, probe, folder, tools)
    loudness_lufs, peaks = await _measure_sound(work)
    gain_db = gain_for(loudness_lufs)
    made = await _climb(work, gain_db, progress)
    mp4 = await _make_progressive(work, made)
    return LadderResult(
        renditions=tuple(_rendition(work, one) for one in made),
        progressive=mp4,
        progressive_facts=await probe_output(mp4, tools),
        storyboard=await _make_storyboard(work, made),
        tiles=tiles(probe),
        loudness_lufs=loudness_lufs,
        gain_db=gain_db,
        waveform=peaks,
    )


def gain_for(loudness_lufs: float | None) -> float:
    """In dB, to where speech is easy to hear; nothing for silence, which would only become noise."""
    if loudness_lufs is None or loudness_lufs <= SILENCE_LUFS:
        return 0.0
    return min(TARGET_LUFS - loudness_lufs, MAX_GAIN_DB)


async def _measure_sound(work: _Work) -> tuple[float | None, tuple[int, ...]]:
    if work.probe.audio is None:
        return None, ()
    wave = work.folder / "wave.pcm"
    argv = commands.loudness(work.source, work.probe.audio.index, wave.name)
    said = await work.run(argv, file_bytes=work.probe.duration_ms * 32 + 16 * MIB)
    peaks = await asyncio.to_thread(waveform, wave)
    wave.unlink()
    # The last one: what a file says of itself, which may imitate it, comes before.
    found = re.findall(r"\bI:\s+(-?[\d.]+|-inf) LUFS", said.tail)
    return (max(float(found[-1]), SILENCE_LUFS) if found else None), peaks


async def _climb(work: _Work, gain_db: float, progress: Progress | None) -> list[_Made]:
    planned = rungs(work.probe)
    if planned[0].how == "copy":
        with _another_way():  # a copy that does not line up with the encoded rungs is encoded as well
            return await _make_rungs(work, planned, gain_db, progress)
        planned = rungs(work.probe, may_copy=False)
    return await _make_rungs(work, planned, gain_db, progress)


async def _make_rungs(work: _Work, planned: tuple[Rung, ...], gain_db: float, progress: Progress | None) -> list[_Made]:
    plan = Ladder(planned, gain_db, work.tools.threads)
    await work.run(commands.ladder(work.source, work.probe, plan), progress=progress)
    made = [await _read(work, rung.name, rung) for rung in planned]
    check_rungs({one.name: (one.track, one.index) for one in made}, video_ms=work.probe.video_ms)
    if work.probe.audio:
        made.append(await _read(work, AUDIO, None))
    return made


async def _read(work: _Work, name: str, rung: Rung | None) -> _Made:
    path = _existing(work.media(name))
    track = (await scan(path, work.tools.binaries)).track(0)
    with path.open("rb") as file:
        init = file.read(MAX_INIT_BYTES)
    playlist = (work.folder / f"{name}.m3u8").read_text()
    picture = Picture(rung.width, rung.height, round(track.frame_rate(), 3)) if rung else None
    return _Made(rung, name, track, rendition_index(playlist, init, picture))


def _rendition(work: _Work, made: _Made) -> Rendition:
    return Rendition(made.name, work.media(made.name), made.index, made.index.width, made.index.height)


async def _make_progressive(work: _Work, made: list[_Made]) -> Path:
    best = progressive_rung(tuple(one.rung for one in made if one.rung))
    tracks = {one.name: one.track for one in made}
    audio = work.media(AUDIO) if AUDIO in tracks else None
    ahead_s = tracks[best.name].start_s - tracks[AUDIO].start_s if audio else 0.0
    name = f"{best.name}.mp4"
    await work.run(commands.progressive(work.media(best.name), audio, name, audio_ahead_s=ahead_s))
    return _existing(work.folder / name)


async def _make_storyboard(work: _Work, made: list[_Made]) -> Path | None:
    smallest = [one.name for one in made if one.rung][-1]
    with _another_way():
        await work.run(commands.storyboard(work.media(smallest), tiles(work.probe), "storyboard.jpg"))
        return _existing(work.folder / "storyboard.jpg")
    return None


async def probe_output(path: Path, tools: Tools) -> Probe:
    """What we made ourselves is held to no limit, only to being readable and whole."""
    try:
        return await probe_file(_existing(path), binaries=tools.binaries, limits=NO_LIMITS)
    except MediaProblem as problem:
        raise MediaProblem("corrupt", f"what was made of it: {problem}") from problem


@contextmanager
def _another_way() -> Iterator[None]:
    """What the file does to us may be met another way; a full disk or a lack of time may not."""
    try:
        yield
    except MediaProblem as problem:
        if problem.code in ("timed_out", "out_of_space", "out_of_memory"):
            raise


def _existing(path: Path) -> Path:
    if not path.exists() or path.stat().st_size == 0:
        raise MediaProblem("corrupt", f"nothing came of it: no {path.name}")
    return path
