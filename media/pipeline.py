"""From an upload to what is served, in a local folder: playable at once, then the ladder. Each output is checked."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from media import climb, commands, ladder, voice
from media.binaries import Tools
from media.checks import expect
from media.climb import Plan, Rendition
from media.facts import Probe
from media.ladder import How, Rung, Tiles, playable_streams, rungs, tiles
from media.playlists import AUDIO
from media.problems import MediaProblem
from media.sound import Sound, measure
from media.workshop import MIB, Progress, Work, another_way, existing, probe_output


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
            argv = commands.remux(source, probe, streams, "playable.mp4")
            await work.run(argv, file_bytes=2 * probe.size_bytes + 16 * MIB)
            return await _proven(work, "copy")
    return None


async def make_first(source: Path, probe: Probe, folder: Path, tools: Tools, progress: Progress | None = None) -> Made:
    """The smallest rung and the sound, and of these `playable.mp4`: the ladder adds to them, and nothing is lost."""
    work = Work(source, probe, folder, tools)
    sound = await measure(work)
    return await _make_first(work, Plan((ladder.first_rung(probe),), sound=True), sound, progress)


async def make_voice(source: Path, probe: Probe, folder: Path, tools: Tools, progress: Progress | None = None) -> Made:
    """As `make_first`, of a voice alone: all rungs, over a still of its waveform, which costs next to nothing."""
    work = Work(source, probe, folder, tools)
    sound = await measure(work)
    still = await asyncio.to_thread(voice.draw, sound.waveform, probe, folder)
    return await _make_first(work, Plan(rungs(probe, may_copy=False), sound=True, still=still), sound, progress)


async def _make_first(work: Work, plan: Plan, sound: Sound, progress: Progress | None) -> Made:
    made = await climb.together(work, replace(plan, gain_db=sound.gain_db), progress)
    renditions = tuple(one.rendition for one in made)
    await _mux(work, renditions[0], renditions, "playable.mp4")
    return msgspec.structs.replace(await _proven(work, "encode"), renditions=renditions, sound=sound)


async def _proven(work: Work, how: How) -> Made:
    playable = work.folder / "playable.mp4"
    facts = await probe_output(playable, work.tools)
    expect(facts, duration_ms=work.probe.duration_ms, sound=work.probe.audio is not None)
    poster = await make_poster(playable, facts, work.folder, work.tools)
    return Made(playable=playable, poster=poster, facts=facts, how=how)


async def make_poster(video: Path, facts: Probe, folder: Path, tools: Tools) -> Path:
    """`poster.jpg`: a keyframe after the first second, else the first, else any picture that decodes."""
    work = Work(video, facts, folder, tools)
    output = folder / "poster.jpg"
    for at_s, keyframes_only in ((1.0, True), (0.0, True), (0.0, False)):
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
    climbed = await climb.climb(work, _plan(probe, wanted, sound), progress)
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


def _plan(probe: Probe, wanted: Wanted, sound: Sound) -> Plan:
    there = tuple(one for one in wanted.there if one.name != AUDIO)
    every = rungs(probe, may_copy=wanted.how == "copy" and not there)
    missing = tuple(rung for rung in every if rung.plain in wanted.names)
    needs_sound = AUDIO in wanted.names
    return Plan(missing, sound=needs_sound, gain_db=sound.gain_db, there=there, all_rungs=every)


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
