"""One run: a story is told while what tells it is killed, and then the truth is asked for."""

import asyncio
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from api.up import wait_until_ready
from tests.chaos.house import TARGETS, House, Say
from tests.chaos.store import Faults, running_proxy
from tests.chaos.story import Story
from tests.chaos.truth import Truth
from tests.s3_shim import S3Server, running_s3

QUIET_S = 600.0
PAUSE_S = (0.0, 2.5)
AT_ONCE = 0.3  # of the kills come while the last one is still being mended
MENDED_S = 45.0
STALLS = 0.2  # of the kills come after one
STALL_S = (1.0, 15.0)


@dataclass(frozen=True)
class Plan:
    """`log_to`: a file that keeps what the processes said."""

    kills: int
    seed: int
    reps: int = 3
    fault_rate: float = 0.08
    log_to: str = ""

    @property
    def challenges(self) -> int:
        """For each rep; more than can be answered while that many are killed."""
        return 2 + self.kills // 4


async def run(plan: Plan) -> int:
    """Return 0 when all held."""
    started = time.monotonic()

    def say(line: str) -> None:
        sys.stdout.write(f"{time.monotonic() - started:7.1f} s  {line}\n")
        sys.stdout.flush()

    say(f"{plan.kills} kills, {plan.reps} reps, seed {plan.seed}")
    with ExitStack() as stack:
        folder = stack.enter_context(_folder())
        s3 = stack.enter_context(running_s3())
        faults = Faults(plan.seed, 0.0)
        endpoint = stack.enter_context(running_proxy(s3.endpoint, faults))
        house = House(folder, s3.store_url.replace(s3.endpoint, endpoint), say)
        stack.callback(house.remove)
        try:
            lies = await _play(plan, house, s3, faults, say)
        finally:
            left = await house.end()
            if plan.log_to:
                shutil.copy(house.log, plan.log_to)
        lies += [f"process left: {line}" for line in left]
        lies += [f"left lying about: {name}" for name in house.leftovers()]
    for lie in lies:
        say(f"IT DOES NOT HOLD: {lie}")
    say("nothing was lost" if not lies else f"{len(lies)} things do not hold")
    return 1 if lies else 0


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="showme-chaos-") as name:
        Path(name).chmod(0o711)  # the account of the database must get through
        yield Path(name)


async def _play(plan: Plan, house: House, s3: S3Server, faults: Faults, say: Say) -> list[str]:
    chance = random.Random(plan.seed)
    story = Story(house, random.Random(chance.random()), plan.reps, say)
    truth = Truth(house, s3)
    house.start()
    await wait_until_ready(house.base_url, seconds=120)
    await story.prepare(plan.challenges)
    say("the story begins")
    keeping = asyncio.create_task(house.keep())
    telling = asyncio.create_task(story.tell(plan.challenges))
    try:
        faults.rate = plan.fault_rate
        killed = await _kill(plan, house, chance, telling, say)
        story.over = True
        await telling
        faults.rate = 0.0
        say(f"killed {dict(killed)}; the store failed {dict(faults.met)} of {faults.calls} calls")
        in_time = await truth.quiet(QUIET_S)
        say(f"{len(story.handed)} takes handed in; phones died {story.phones_died} times; answers {_sorted(story)}")
        say(f"the supervisor ended with {dict(house.ends)}; {'all is done' if in_time else 'not all gets done'}")
        return await truth.lies(story.handed)
    except ExceptionGroup as broken:
        return [f"the story broke off: {error or 'a take is not done in time'}" for error in broken.exceptions]
    except TimeoutError:
        return ["a process that was killed does not come back"]
    finally:
        await _cancel(keeping, telling)


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _sorted(story: Story) -> dict[int, int]:
    return dict(sorted(story.answers.items()))


async def _kill(plan: Plan, house: House, chance: random.Random, telling: asyncio.Task[None], say: Say) -> Counter[str]:
    """Kill one process after the other, each drawn from the seed, while the story is told."""
    killed: Counter[str] = Counter()
    stalling = random.Random(f"{plan.seed} stalls")  # no secret; lots of its own, so that kills stay theirs
    for number in range(1, plan.kills + 1):
        if chance.random() >= AT_ONCE:
            with suppress(TimeoutError):
                await wait_until_ready(house.base_url, seconds=MENDED_S)
        await asyncio.sleep(chance.uniform(*PAUSE_S))
        await _stall(house, stalling, killed, say)
        if telling.done():
            await telling
        target = chance.choice(TARGETS)
        pid = await house.kill(target, chance)
        killed[target] += 1
        say(f"kill {number}: {target}, pid {pid}")
    return killed


async def _stall(house: House, chance: random.Random, killed: Counter[str], say: Say) -> None:
    """Now and then, before a kill, have postgres say nothing: for a moment, or for longer than anybody waits for it."""
    lot, seconds = chance.random(), chance.uniform(*STALL_S)
    if lot < STALLS and await house.stall(seconds):
        killed["stalls"] += 1
        say(f"postgres said nothing for {seconds:.1f} s")
