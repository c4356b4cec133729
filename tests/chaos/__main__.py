"""`python -m tests.chaos --kills 200 --seed 1`: ends with 0 only when nothing was lost."""

import argparse
import asyncio
import signal
import sys

from tests.chaos.run import Plan, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Kill everything, and lose nothing.")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--fault-rate", type=float, default=0.08, help="how many of the store's calls fail, 0 to 1")
    parser.add_argument("--keep", default="", help="a file to copy the log of the processes to")
    given = parser.parse_args()
    plan = Plan(given.kills, given.seed, given.reps, given.fault_rate, given.keep)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whatever ends it, it leaves no process behind
    return asyncio.run(run(plan))


if __name__ == "__main__":
    sys.exit(main())
