"""Ten kills of a longer run: `python -m tests.chaos --kills 200`."""

import subprocess
import sys

from tests.processes import ROOT, environment

SEED = "45"  # each of the four is killed twice at least


def test_nothing_is_lost_while_everything_is_killed_and_the_store_fails() -> None:
    argv = [sys.executable, "-m", "tests.chaos", "--kills", "10", "--seed", SEED]
    ran = subprocess.run(argv, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert "nothing was lost" in ran.stdout
