"""All that becomes of a video, made as the worker makes it, but in a folder and without its database."""

from dataclasses import dataclass, field
from pathlib import Path

from media.climb import Rendition
from media.clips import Clip, Range, make_clip
from media.facts import Probe
from media.ladder import planned
from media.pipeline import LadderResult, Made, Wanted, make_ladder, make_playable
from media.playlists import AUDIO
from media.probe import probe
from tests.clips import TOOLS

Files = tuple[Path, Path | None]


@dataclass
class Whole:
    """`paths` are the ways a person may see it, each the file of its pictures and that of its sound."""

    source: Path
    facts: Probe
    playable: Made
    ladder: LadderResult
    folder: Path
    clips: dict[str, Clip] = field(default_factory=dict)

    @property
    def renditions(self) -> list[Rendition]:
        """Return rungs from the largest down, and the sound last."""
        every = {one.name: one for one in (*self.playable.renditions, *self.ladder.renditions)}
        return sorted(every.values(), key=lambda one: (one.name == AUDIO, -(one.height or 0)))

    @property
    def rungs(self) -> list[Rendition]:
        return [one for one in self.renditions if one.name != AUDIO]

    @property
    def sound(self) -> Path | None:
        return next((one.path for one in self.renditions if one.name == AUDIO), None)

    @property
    def paths(self) -> dict[str, Files]:
        by_hls: dict[str, Files] = {f"rung {one.name}": (one.path, self.sound) for one in self.rungs}
        files: dict[str, Files] = {f"file {one.name}": (one.path, None) for one in self.ladder.files}
        return {"first": (self.playable.playable, None), **by_hls, **files}

    @property
    def served(self) -> list[Path]:
        pictures = (self.playable.poster, self.ladder.poster, self.ladder.storyboard)
        files = [file for pair in self.paths.values() for file in pair]
        return sorted({path for path in (*files, *pictures) if path})

    async def cut(self, start_ms: int, end_ms: int) -> dict[str, Clip]:
        """Cut a range of each of the files that clips are cut from."""
        ways = {"first": Range(self.playable.playable, start_ms, end_ms)}
        ways["rung"] = Range(self.rungs[0].path, start_ms, end_ms, self.sound)
        for name, way in ways.items():
            folder = self.folder / f"cut-{name}"
            folder.mkdir()
            self.clips[f"cut of {name}"] = await make_clip([way], folder, TOOLS)
        return self.clips


async def make_whole(source: Path, folder: Path, found: Probe | None = None) -> Whole:
    """Raises MediaProblem."""
    found = found or await probe(source, binaries=TOOLS.binaries)
    made = await make_playable(source, found, folder, TOOLS)
    there = {one.name.removesuffix("p") for one in made.renditions}
    names = frozenset(planned(found, made.how, data_saver=True)) - there
    wanted = Wanted(names=names, how=made.how, data_saver=True, there=made.renditions, sound=made.sound)
    climbed = await make_ladder(source, found, folder, TOOLS, wanted=wanted)
    assert climbed.failed == {}
    return Whole(source, found, made, climbed, folder)
