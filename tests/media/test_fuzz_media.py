"""A few dozen of the mutated files that `make fuzz-media` reads by the thousand."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from hypothesis import HealthCheck

from api.embedded import EmbeddedPostgres, Urls
from media.facts import Probe
from tests.at_work import at_work
from tests.clips import clip
from tests.factories.jobs import House, own_database
from tests.fuzz.media_campaign import MediaCampaign, read, work
from tests.fuzz.media_cases import BASES, CASES, CHANGES, Case, Mutation, Place, base

A_FEW = hypothesis.settings(
    max_examples=30,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as made:
        yield made


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_fuzzer")


def test_a_mutated_file_is_refused_or_read_and_leaves_nothing(runner: asyncio.Runner, tmp_path: Path) -> None:
    @A_FEW
    @hypothesis.given(CASES)
    def each(case: Case) -> None:
        runner.run(read(case.bytes(), tmp_path / "case"))

    each()
    assert list(tmp_path.iterdir()) == []
    assert at_work(tmp_path) == set()


async def test_a_worker_outlives_mutated_files(house: House) -> None:
    """The real worker on the real database: each file comes to an end, and a good one after them is ready."""
    drawn = []

    @hypothesis.settings(A_FEW, max_examples=6)
    @hypothesis.given(CASES)
    def draw(case: Case) -> None:
        drawn.append(case)

    draw()
    async with house.working():
        answers = [await work(house, case.bytes()) for case in drawn]
        assert await work(house, clip("tiny.mp4").read_bytes()) == "ready"
    assert len(answers) >= 6
    assert at_work(house.context.work_dir) == set()
    assert [path.name for path in house.context.work_dir.iterdir() if path.is_dir()] == []


def test_each_base_is_read_as_it_is(runner: asyncio.Runner, tmp_path: Path) -> None:
    """Else a mutation would prove nothing."""
    answers = {name: runner.run(read(base(name), tmp_path / "case")) for name in sorted(BASES)}
    assert set(answers.values()) == {"taken"}


@pytest.mark.parametrize("what", sorted(CHANGES))
def test_each_kind_of_mutation_changes_a_file(what: str) -> None:
    cases = [Case("copy.mp4", (Mutation(what, Place(None, 1000 + at), at, at),)) for at in range(8)]
    assert sum(case.bytes() != base("copy.mp4") for case in cases) >= 4


def test_a_broken_promise_is_found_and_told(
    runner: asyncio.Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a check that no video passes."""

    def never(facts: Probe) -> None:
        raise ZeroDivisionError(facts.codec)

    monkeypatch.setattr("tests.fuzz.media_campaign._check", never)
    campaign = MediaCampaign(runner, tmp_path, cases=10, seed=3)
    campaign.run()
    assert campaign.ran == 10
    assert campaign.findings
    assert "ZeroDivisionError" in campaign.findings[0].text()
    assert "mutations=" in campaign.findings[0].text()
    assert campaign.left() == []
