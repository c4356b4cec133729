"""From an upload to what is served, in a local folder: playable at once, then the ladder. Each output is checked."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from media import climb, commands, growing, ladder, voice
from media.binaries import Tools
from media.checks import expect, same_rhythm
from media.climb import Plan, Rendition
from media.facts import Probe
from media.ladder import How, Rung, Streams, Tiles, playable_streams, rungs, tiles
from media.packets import scan
from media.playlists import AUDIO
from media.problems import MediaProblem
from media.sound import Sound, measure
from media.workshop import MIB, Progress, Work, another_way, both, existing, probe_output

Tries = tuple[tuple[float, bool], ...]
"""From which second on a poster is looked for, and whether among keyframes only, one try after the other."""
USUAL: Tries = ((1.0, True), (0.0, True), (0.0, False))
EARLY: Tries = ((1.0, False), (0.0, False))


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """`facts` are the playable file's own; `how` is `copy` or `encode`, of its pictures.

    When they were encoded, the file is made of `renditions`, the first of the ladder, and `sound` was measured.
    """

    playable: Path
    poster: Path
    facts: Probe
    how: How
    renditions: tuple[Rendition, ...] = ()
    sound: Sound | None = None


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """What there is of a first rung and its sound while the rest is being made. The poster comes later, or never."""

    renditions: tuple[Rendition, ...]
    sound: Sound
    poster: Path | None


Show = Callable[[Start], Coroutine[Any, Any, None]]


class Mp4(msgspec.Struct, frozen=True):
    """A rung with its sound as one file, by the rung's name. `data_saver`: there is a better one beside it."""

    name: str
    path: Path
    facts: Probe
    data_saver: bool = False


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a ladder is to be, and what of it there is.

    `names` are those of `media.ladder.planned`; `there` are rungs and sound made earlier, of which local copies are
    needed where something is made of them. `sound` was measured earlier. `how` is that of the playable file.
    """

    names: frozenset[str]
    how: How
    data_saver: bool = False
    there: tuple[Rendition, ...] = ()
    sound: Sound | None = None
    storyboard: bool = True


class LadderResult(msgspec.Struct, frozen=True, kw_only=True):
    """Largest rendition first, the sound (named `audio`) last; of what was there already, nothing.

    `failed` says by name why a rendition did not come. `files` are the best one's MP4 first. `storyboard` and `poster`
    are niceties: None when no picture for them came, or a better one is not needed.
    """

    renditions: tuple[Rendition, ...]
    files: tuple[Mp4, ...]
    failed: dict[str, MediaProblem]
    sound: Sound
    storyboard: Path | None
    tiles: Tiles
    poster: Path | None = None

    @property
    def progressive(self) -> Path:
        return self.files[0].path

    @property
    def progressive_facts(self) -> Probe:
        return self.files[0].facts


async def make_playable(
    source: Path, probe: Probe, folder: Path, tools: Tools, progress: Progress | None = None
) -> Made:
    """`playable.mp4` with its index in front, and `poster.jpg`. Raises MediaProblem.

    Copied where browsers play the pictures as they are and the copy proves whole, else made of the first rung.
    """
    made = await copy_playable(source, probe, folder, tools)
    return made or await make_first(source, probe, folder, tools, progress)


async def copy_playable(source: Path, probe: Probe, folder: Path, tools: Tools) -> Made | None:
    """As `make_playable`, but never encodes pictures, which takes long: None where that is what it needs."""
    work = Work(source, probe, folder, tools)
    streams = playable_streams(probe)
    if streams.video == "copy":
        with another_way():  # an odd edit list, a bitstream that only decoding can mend
            # The same pictures are in both, so the poster need not wait for the copy.
            facts, poster = await both(_copied(work, streams), make_poster(source, probe, folder, tools))
            return Made(playable=work.folder / "playable.mp4", poster=poster, facts=facts, how="copy")
    return None


async def _copied(work: Work, streams: Streams) -> Probe:
    argv = commands.remux(work.source, work.probe, streams, "playable.mp4")
    await work.run(argv, file_bytes=2 * work.probe.size_bytes + 16 * MIB)
    return await _proven(work)


async def make_first(
    source: Path,
    probe: Probe,
    folder: Path,
    tools: Tools,
    progress: Progress | None = None,
    show: Show | None = None,
) -> Made:
    """The smallest rung and the sound, and of these `playable.mp4`: the ladder adds to them, and nothing is lost.

    `show` hears of what plays already, each time there is more.
    """
    work, rung = Work(source, probe, folder, tools), ladder.first_rung(probe)
    sound = await measure(work)
    plan = Plan((rung,), sound=True, growing=show is not None)
    if show is None:
        return await _make_first(work, plan, sound, progress)
    async with growing.followed(work, rung, _shown(work, sound, show)):
        made = await _climb_first(work, plan, sound, progress)
    return await _finish_first(work, made, sound)


def _shown(work: Work, sound: Sound, show: Show) -> growing.Tell:
    """It plays before it has its poster, which is made meanwhile."""
    poster: Path | None = None
    tried = False

    async def tell(grown: growing.Grown) -> None:
        nonlocal poster, tried
        start = Start(renditions=grown, sound=sound, poster=poster)
        if tried:
            return await show(start)
        tried, (_, poster) = True, await both(show(start), _early_poster(work, grown[0]))
        return await show(msgspec.structs.replace(start, poster=poster)) if poster else None

    return tell


async def _early_poster(work: Work, rung: Rendition) -> Path | None:
    """Of the first second, of which any picture will do: there is one keyframe yet."""
    facts = msgspec.structs.replace(
        work.probe, video_index=0, width=rung.width or work.probe.width, height=rung.height or work.probe.height
    )
    try:
        return await make_poster(rung.path, facts, work.folder, work.tools, tries=EARLY)
    except MediaProblem:
        return None


async def make_voice(source: Path, probe: Probe, folder: Path, tools: Tools, progress: Progress | None = None) -> Made:
    """As `make_first`, of a voice alone: all rungs, over a still of its waveform, which costs next to nothing."""
    work = Work(source, probe, folder, tools)
    sound = await measure(work)
    still = await asyncio.to_thread(voice.draw, sound.waveform, probe, folder)
    return await _make_first(work, Plan(rungs(probe, may_copy=False), sound=True, still=still), sound, progress)


async def _make_first(work: Work, plan: Plan, sound: Sound, progress: Progress | None) -> Made:
    return await _finish_first(work, await _climb_first(work, plan, sound, progress), sound)


async def _climb_first(work: Work, plan: Plan, sound: Sound, progress: Progress | None) -> tuple[Rendition, ...]:
    made = await climb.together(work, replace(plan, gain_db=sound.gain_db), progress)
    return tuple(one.rendition for one in made)


async def _finish_first(work: Work, renditions: tuple[Rendition, ...], sound: Sound) -> Made:
    await _mux(work, renditions[0], renditions, "playable.mp4")
    playable, facts = work.folder / "playable.mp4", await _proven(work)
    poster = await make_poster(playable, facts, work.folder, work.tools)
    return Made(playable=playable, poster=poster, facts=facts, how="encode", renditions=renditions, sound=sound)


async def _proven(work: Work) -> Probe:
    facts = await probe_output(work.folder / "playable.mp4", work.tools)
    expect(facts, duration_ms=work.probe.duration_ms, sound=work.probe.audio is not None)
    return facts


async def make_poster(video: Path, facts: Probe, folder: Path, tools: Tools, *, tries: Tries = USUAL) -> Path:
    """`poster.jpg`: a keyframe after the first second, else the first, else any picture that decodes."""
    work = Work(video, facts, folder, tools)
    output = folder / "poster.jpg"
    for at_s, keyframes_only in tries:
        output.unlink(missing_ok=True)
        with another_way():
            await work.run(commands.poster(video, facts, output.name, at_s=at_s, keyframes_only=keyframes_only))
            return existing(output)
    raise MediaProblem("corrupt", "no picture of it could be decoded")


async def make_ladder(
    source: Path,
    probe: Probe,
    folder: Path,
    tools: Tools,
    progress: Progress | None = None,
    wanted: Wanted | None = None,
) -> LadderResult:
    """All renditions that are wanted by one decode, then what is made of them. `progress` gets 0.0 to 1.0.

    Raises MediaProblem when none of them comes. Without `wanted`, that is all, and the playable file was a copy.
    """
    work = Work(source, probe, folder, tools)
    wanted = wanted or Wanted(names=frozenset(ladder.planned(probe, "copy", data_saver=False)), how="copy")
    sound = wanted.sound or await measure(work)
    climbed = await climb.climb(work, await _plan(work, wanted, sound), progress)
    renditions = tuple(one.rendition for one in climbed.made)
    here = (*renditions, *(one for one in wanted.there if one.name not in {made.name for made in renditions}))
    failed = dict(climbed.failed)
    files = await _make_files(work, wanted, here, failed)
    return LadderResult(
        renditions=renditions,
        files=tuple(files),
        failed=failed,
        sound=sound,
        storyboard=await _make_storyboard(work, here) if wanted.storyboard else None,
        tiles=tiles(probe),
        poster=await _make_better_poster(work, files) if wanted.how == "encode" else None,
    )


async def _plan(work: Work, wanted: Wanted, sound: Sound) -> Plan:
    there = tuple(one for one in wanted.there if one.name != AUDIO)
    may_copy = wanted.how == "copy" and (not there or await _follow_source(work, there[-1]))
    every = rungs(work.probe, may_copy=may_copy)
    missing = tuple(rung for rung in every if rung.plain in wanted.names)
    if missing and there and every[0].how == "copy" and missing[0] != every[0]:
        missing = (every[0], *missing)  # copied once more, for next to nothing, for the others to be cut as it is
    still = None
    if missing and work.probe.is_voice:
        still = await asyncio.to_thread(voice.draw, sound.waveform, work.probe, work.folder)
    needs_sound = AUDIO in wanted.names
    return Plan(missing, sound=needs_sound, gain_db=sound.gain_db, there=there, all_rungs=every, still=still)


async def _follow_source(work: Work, there: Rendition) -> bool:
    """Tell whether a rung made earlier has its keyframes where the source has them: those beside it must, then."""
    if not (ladder.copyable(work.probe) and there.path.exists() and work.source.exists()):
        return False
    source = (await scan(work.source, work.tools.binaries)).track(work.probe.video_index)
    return same_rhythm(source.keyframes, (await climb.track_of(work, there)).keyframes)


async def _make_files(
    work: Work, wanted: Wanted, here: Sequence[Rendition], failed: dict[str, MediaProblem]
) -> list[Mp4]:
    """Mux what is wanted as an MP4; what cannot be goes to `failed`, the lesser one with the better."""
    made: list[Mp4] = []
    problem: MediaProblem | None = None
    for place, rung in enumerate(ladder.files(rungs(work.probe), wanted.how, data_saver=wanted.data_saver)):
        if rung.name not in wanted.names:
            continue
        try:
            if problem := problem or failed.get(rung.plain):
                raise problem
            made.append(await _make_file(work, rung, here, data_saver=place > 0))
        except MediaProblem as found:
            problem = failed[rung.name] = found
    return made


async def _make_file(work: Work, rung: Rung, here: Sequence[Rendition], *, data_saver: bool) -> Mp4:
    path = work.folder / f"{rung.name}.mp4"
    await _mux(work, next(one for one in here if one.name == rung.name), here, path.name)
    return Mp4(rung.name, path, await probe_output(path, work.tools), data_saver)


async def make_first_again(work: Work, rung: str, here: Sequence[Rendition]) -> Mp4:
    """`playable.mp4` of what there is of the ladder, where the one that was made first is not there any more."""
    await _mux(work, next(one for one in here if one.name == rung), here, "playable.mp4")
    path = work.folder / "playable.mp4"
    return Mp4("playable", path, await probe_output(path, work.tools))


async def _mux(work: Work, video: Rendition, here: Sequence[Rendition], name: str) -> None:
    audio = next((one for one in here if one.name == AUDIO), None)
    ahead_s = 0.0
    if audio:
        ahead_s = (await climb.track_of(work, video)).start_s - (await climb.track_of(work, audio)).start_s
    argv = commands.progressive(video.path, audio.path if audio else None, name, audio_ahead_s=ahead_s)
    await work.run(argv)
    existing(work.folder / name)


async def _make_storyboard(work: Work, here: Sequence[Rendition]) -> Path | None:
    sized = [one for one in here if one.width and one.height]
    if not sized:
        return None
    smallest = min(sized, key=lambda one: (one.width, one.height))
    try:
        await work.run(commands.storyboard(smallest.path, tiles(work.probe), "storyboard.jpg"))
        return existing(work.folder / "storyboard.jpg")
    except MediaProblem:
        return None


async def _make_better_poster(work: Work, files: Sequence[Mp4]) -> Path | None:
    """That of a first rung is small."""
    try:
        return await make_poster(files[0].path, files[0].facts, work.folder, work.tools) if files else None
    except MediaProblem:
        return None
