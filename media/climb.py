"""Making the rungs of a ladder: together by one decode, and when that fails each alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from media import commands
from media.checks import Misaligned, check_rungs
from media.commands import Ladder, Still
from media.ladder import Rung
from media.packets import Track, scan
from media.playlists import AUDIO, Picture, RenditionIndex, rendition_index
from media.problems import MediaProblem
from media.workshop import Progress, Work, existing

MAX_INIT_BYTES = 1 << 16


class Rendition(msgspec.Struct, frozen=True):
    """One single-file CMAF rendition, a rung by its name; the sound (`audio`) has no size."""

    name: str
    path: Path
    index: RenditionIndex
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True)
class Made:
    """A rendition and what its packets say."""

    rendition: Rendition
    track: Track


@dataclass(frozen=True)
class Plan:
    """`there`: rungs that were made earlier, with whose keyframes all must line up; none where the top is copied.

    `all_rungs` is what is made anew, with the sound, should that not be possible. `growing`: somebody watches how far
    it is (`media.growing`).
    """

    rungs: tuple[Rung, ...]
    sound: bool
    gain_db: float = 0.0
    there: tuple[Rendition, ...] = ()
    all_rungs: tuple[Rung, ...] = ()
    still: Still | None = None
    growing: bool = False

    def encoded(self) -> "Plan":
        return replace(self, rungs=_encoded(self.rungs))

    def anew(self) -> "Plan":
        return replace(self, rungs=_encoded(self.all_rungs), sound=True, there=())


@dataclass
class Climbed:
    """What came, the largest rung first and the sound last, and what did not, by its name among renditions."""

    made: list[Made] = field(default_factory=list)
    failed: dict[str, MediaProblem] = field(default_factory=dict)


async def climb(work: Work, plan: Plan, progress: Progress | None = None) -> Climbed:
    """Raises MediaProblem when nothing comes at all, or there is no room for it."""
    if not plan.rungs:
        return Climbed()
    try:
        return Climbed(await together(work, plan, progress))
    except MediaProblem as problem:
        return await _another_way(work, plan, problem, progress)


async def _another_way(work: Work, plan: Plan, problem: MediaProblem, progress: Progress | None) -> Climbed:
    if problem.code == "out_of_space":
        raise problem
    other = None
    if plan.rungs[0].how == "copy" and problem.code != "timed_out":
        other = plan.encoded()  # the source's own pictures do not line up with those made of them
    elif isinstance(problem, Misaligned) and plan.there:
        other = plan.anew()
    if other is not None:
        return await climb(work, other, progress)
    if len(plan.rungs) == 1:
        raise problem
    return await _each_alone(work, plan.encoded(), progress)


async def _each_alone(work: Work, plan: Plan, progress: Progress | None) -> Climbed:
    """The smallest first, and the sound with whichever comes first: a rung without its sound would play in silence."""
    climbed, there, sound = Climbed(), plan.there, plan.sound
    for place, rung in enumerate(reversed(plan.rungs)):
        part = replace(plan, rungs=(rung,), sound=sound, there=there)
        try:
            made = await together(work, part, _share(progress, place, len(plan.rungs)))
        except MediaProblem as problem:
            if problem.code == "out_of_space":
                raise
            climbed.failed[rung.plain] = problem
        else:
            climbed.made = [*made, *climbed.made]
            there, sound = (*there, made[0].rendition), False
    if not climbed.made:
        raise climbed.failed[plan.rungs[-1].plain]
    return climbed


async def together(work: Work, plan: Plan, progress: Progress | None = None) -> list[Made]:
    """All of a plan by one process. Raises MediaProblem when any of it does not come as it should."""
    sound = plan.sound and work.probe.audio is not None
    argv = commands.ladder(
        work.source,
        work.probe,
        Ladder(plan.rungs, plan.gain_db, work.tools.threads, sound=plan.sound, still=plan.still, growing=plan.growing),
    )
    await work.run(argv, progress=progress)
    made = [await _read(work, rung.name, rung) for rung in plan.rungs]
    leader = await track_of(work, plan.there[-1]) if plan.there else None
    rungs = {one.rendition.name: (one.track, one.rendition.index) for one in made}
    check_rungs(rungs, video_ms=work.probe.video_ms, leader=leader)
    if sound:
        made.append(await _read(work, AUDIO, None))
    return made


async def track_of(work: Work, rendition: Rendition) -> Track:
    return (await scan(existing(rendition.path), work.tools.binaries)).track(0)


async def _read(work: Work, name: str, rung: Rung | None) -> Made:
    path = existing(work.media(name))
    track = (await scan(path, work.tools.binaries)).track(0)
    with path.open("rb") as file:
        init = file.read(MAX_INIT_BYTES)
    playlist = (work.folder / f"{name}.m3u8").read_text()
    picture = Picture(rung.width, rung.height, round(track.frame_rate(), 3)) if rung else None
    lasts_s = track.end_s - track.start_s if rung else None
    index = rendition_index(playlist, init, picture, lasts_s=lasts_s)
    return Made(Rendition(name, path, index, index.width, index.height), track)


def _encoded(rungs: Sequence[Rung]) -> tuple[Rung, ...]:
    return tuple(rung if rung.how == "encode" else rung.encoded() for rung in rungs)


def _share(progress: Progress | None, place: int, parts: int) -> Progress | None:
    if progress is None:
        return None
    return lambda done: progress((place + done) / parts)
