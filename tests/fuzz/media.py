"""`make fuzz-media`: real files, mutated, through what a worker does with uploads; every tenth through a worker."""

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from api.embedded import EmbeddedPostgres, Urls
from api.logs import configure_logs
from tests.clips import clip
from tests.factories.jobs import House, a_house, folder_store, own_database
from tests.fuzz.media_campaign import MediaCampaign, work


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.media", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    configure_logs("readable", "error")
    with tempfile.TemporaryDirectory(prefix="showme-fuzz-", ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        postgres = EmbeddedPostgres(folder / "data", fast=True)
        with postgres, asyncio.Runner() as runner:
            return _run(runner, own_database(postgres, "of_the_fuzzer"), folder, asked.cases, asked.seed)


@asynccontextmanager
async def _working(urls: Urls, folder: Path) -> AsyncGenerator[House]:
    async with a_house(urls, folder_store(folder / "store"), folder) as house, house.working():
        yield house


def _run(runner: asyncio.Runner, urls: Urls, folder: Path, cases: int, seed: int) -> int:
    began = time.monotonic()
    stack = AsyncExitStack()
    house = runner.run(stack.enter_async_context(_working(urls, folder)))
    campaign = MediaCampaign(runner, folder, cases, seed, house)
    try:
        campaign.run()
        sound = runner.run(_still_works(house))
    finally:
        runner.run(stack.aclose())
    left = campaign.left()
    _report(campaign, left, sound=sound, took_s=time.monotonic() - began)
    return 1 if campaign.findings or left or not sound or campaign.ran < cases else 0


async def _still_works(house: House) -> bool:
    """Whether the worker that met all these cases still makes a good video ready."""
    return await work(house, clip("tiny.mp4").read_bytes()) == "ready"


def _report(campaign: MediaCampaign, left: list[str], *, sound: bool, took_s: float) -> None:
    cpu_s = sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
    answers = ", ".join(f"{count} x {code}" for code, count in campaign.answers.most_common())
    lines = [
        *(finding.text() for finding in campaign.findings),
        *(f"left behind: {one}" for one in left),
        *([] if sound else ["the worker makes no good video ready any more"]),
        f"{campaign.ran} cases with seed {campaign.seed}, {campaign.worked} through the worker: {answers}",
        f"{took_s:.0f} s, {cpu_s:.0f} s of CPU; the slowest {campaign.slowest_s:.1f} s",
        f"{len(campaign.findings)} findings",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
