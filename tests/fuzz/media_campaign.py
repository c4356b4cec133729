"""Mutated files through what a worker does with an upload: the code it reads them with, or a worker as it is."""

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import hypothesis
import msgspec
from hypothesis import HealthCheck, Phase

from media.facts import Probe
from media.pipeline import copy_playable
from media.probe import probe
from media.problems import PROBLEMS, MediaProblem
from tests.at_work import at_work
from tests.clips import TOOLS
from tests.factories.jobs import House, eventually
from tests.fuzz.media_cases import CASES, Case

SLOW_S = 60.0  # on a busy machine; most take a tenth of a second
SETTLED = ("failed", "ready")
KEPT = {"source.bin", "playable.mp4", "poster.jpg"}


class Broken(Exception):  # noqa: N818 - says what is the case
    """A promise was not kept."""


async def read(data: bytes, folder: Path) -> str:
    """Do what the first job does, in a folder of its own; return the code of the refusal, or `taken`."""
    with _folder_of_its_own(folder, data) as source:
        began = time.monotonic()
        said = await _read(source)
        _hold_to_time(began, SLOW_S)
    return said


@contextmanager
def _folder_of_its_own(folder: Path, data: bytes) -> Iterator[Path]:
    """Give the path of the source in it; what a reader leaves there beside what it makes is a fault."""
    folder.mkdir()
    try:
        (folder / "source.bin").write_bytes(data)
        yield folder / "source.bin"
        if left := {path.name for path in folder.iterdir()} - KEPT:
            raise Broken(f"left behind: {sorted(left)}")
    finally:
        shutil.rmtree(folder)


def _hold_to_time(began: float, most_s: float) -> None:
    if (took_s := time.monotonic() - began) > most_s:
        raise Broken(f"took {took_s:.0f} s")


async def _read(source: Path) -> str:
    try:
        facts = await probe(source, binaries=TOOLS.binaries)
        _check(facts)
        await copy_playable(source, facts, source.parent, TOOLS)
    except MediaProblem as problem:
        if problem.retryable:  # the same bytes would do no better, and be tried again
            raise Broken(f"{problem.code} is not the fault of the file: {problem.detail[-400:]}") from problem
        return problem.code
    return "taken"


def _check(facts: Probe) -> None:
    if not (facts.width > 0 and facts.height > 0 and facts.duration_ms >= 0 and facts.frames > 0):
        raise Broken(f"absurd facts: {facts}")
    if msgspec.json.decode(msgspec.json.encode(facts), type=Probe) != facts:
        raise Broken(f"facts that no database keeps: {facts}")


async def work(house: House, data: bytes) -> str:
    """Hand it to the worker that is running; return what the asset says in the end: its code, or its state."""
    began = time.monotonic()
    id_ = await house.upload(data)
    asset = await eventually(
        lambda: house.asset(id_),
        lambda asset: asset.state in SETTLED or (asset.state == "playable" and not asset.renditions_pending),
        "an end",
    )
    _hold_to_time(began, 2 * SLOW_S)
    if asset.problem_code and PROBLEMS[asset.problem_code].retryable:
        raise Broken(f"{asset.problem_code}: {asset.problem_detail}")
    return asset.problem_code or asset.state


@dataclass
class Finding:
    case: Case
    error: str

    def text(self) -> str:
        return f"{self.error}\n  {self.case!r}"


@dataclass
class MediaCampaign:
    """`cases` drawn from `seed`; of `every` one goes through the worker of `house`, which is running."""

    runner: asyncio.Runner
    folder: Path
    cases: int
    seed: int
    house: House | None = None
    every: int = 10
    ran: int = 0
    worked: int = 0
    slowest_s: float = 0.0
    answers: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def run(self) -> None:
        """Collect what is found and go on: a run tells of all there is."""

        @hypothesis.seed(self.seed)
        @hypothesis.settings(
            max_examples=self.cases,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(CASES)
        def each(case: Case) -> None:
            if self.ran < self.cases:
                self.runner.run(self._try(case))

        each()

    async def _try(self, case: Case) -> None:
        self.ran += 1
        began = time.monotonic()
        try:
            self.answers[await self._answer(case.bytes())] += 1
        except Exception as error:  # noqa: BLE001  # whatever it is, it is the finding
            self.findings.append(Finding(case, f"{type(error).__name__}: {error}"))
        self.slowest_s = max(self.slowest_s, time.monotonic() - began)

    async def _answer(self, data: bytes) -> str:
        if self.house is None or self.ran % self.every:
            return await read(data, self.folder / "case")
        self.worked += 1
        return await work(self.house, data)

    def left(self) -> list[str]:
        """Return what should not be there once the worker has stopped: processes, folders of jobs and of its own."""
        folders = [str(path) for name in ("job-*", "worker-*", "case") for path in self.folder.rglob(name)]
        return [*folders, *(f"process {pid}" for pid in sorted(at_work(self.folder)))]
