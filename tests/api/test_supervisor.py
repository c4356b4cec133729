import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from api.supervisor import Pace
from tests.factories.postgres import DEADLINE_S, exists, wait_until

# The supervisor of a test: what it logs goes to stdout, one JSON object a line.
PROGRAM = """
import asyncio, fcntl, json, os, sys, termios
from api.supervisor import Child, Pace, supervise

class Log:
    def say(self, event, **facts):
        print(json.dumps({"event": event, **facts}), flush=True)
    info = warning = error = exception = say

given = json.loads(sys.argv[1])
if given["terminal"]:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
children = [Child(name, [sys.executable, "-c", code], dict(os.environ)) for name, code in given["children"].items()]
children += [Child("absent", [path], {}) for path in given["absent"]]

async def ready():
    if given["unready"]:
        raise ValueError("no answer")
    Log().say("ready")

pace = Pace(first_s=0.01, longest_s=0.04, healthy_s=60)
sys.exit(asyncio.run(supervise(children, log=Log(), ready=ready, grace_s=given["grace_s"], pace=pace)))
"""

# A child that writes down what it hears: a line at its start, and one for each signal.
LISTENER = """
import os, signal, sys
def write(line):
    with open({path!r}, "a") as file:
        print(line, file=file)
def heard(number, frame):
    write(signal.Signals(number).name)
    if number == signal.SIGTERM and {polite}:
        sys.exit(0)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, heard)
write(f"started {{os.getpid()}}")
while True:
    signal.pause()
"""


class Supervisor:
    """A real supervisor in a process of its own."""

    def __init__(self, folder: Path, children: dict[str, str], **given: Any) -> None:
        self.said = folder / "said"
        settings = {
            "children": children,
            "grace_s": DEADLINE_S,
            "unready": False,
            "absent": [],
            "terminal": False,
            **given,
        }
        stdin = settings.pop("stdin", subprocess.DEVNULL)
        with self.said.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, json.dumps(settings)],
                stdin=stdin,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def events(self, event: str = "") -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.said.read_text().split("\n")[:-1] if line.startswith("{")]
        return [line for line in lines if event in ("", line["event"])]

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Callable[..., Supervisor]]:
    with ExitStack() as stack:

        def start(children: dict[str, str], **given: Any) -> Supervisor:
            made = Supervisor(tmp_path, children, **given)
            stack.callback(made.process.wait)
            stack.callback(made.process.kill)
            return made

        yield start


def listener(path: Path, *, polite: bool = True) -> str:
    return LISTENER.format(path=str(path), polite=polite)


def lines(path: Path) -> list[str]:
    return path.read_text().split("\n")[:-1] if path.exists() else []


def started(path: Path) -> list[int]:
    return [int(line.split()[1]) for line in lines(path) if line.startswith("started")]


def test_pauses_double_up_to_the_longest_and_begin_anew_after_a_healthy_life() -> None:
    pace = Pace()
    pauses = [pace.pause_s(None, lived_s=0)]
    for _ in range(7):
        pauses.append(pace.pause_s(pauses[-1], lived_s=1))
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert pace.pause_s(30, lived_s=60) == 0.5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_each_child_with_one_sigterm(
    supervisor: Callable[..., Supervisor], tmp_path: Path, number: int
) -> None:
    files = {name: tmp_path / name for name in ("serve", "worker")}
    running = supervisor({name: listener(path) for name, path in files.items()})
    wait_until(lambda: all(started(path) for path in files.values()))
    assert running.end(number) == 0
    assert [lines(path)[1:] for path in files.values()] == [["SIGTERM"], ["SIGTERM"]]
    assert {event["child"] for event in running.events("stopped")} == {"serve", "worker"}


def test_ctrl_c_in_a_terminal_stops_cleanly_and_reaches_the_child_once(
    supervisor: Callable[..., Supervisor], tmp_path: Path
) -> None:
    terminal, other_end = os.openpty()
    running = supervisor({"serve": listener(tmp_path / "heard")}, stdin=other_end, terminal=True)
    os.close(other_end)
    wait_until(lambda: bool(started(tmp_path / "heard")))
    os.write(terminal, b"\x03")
    assert running.process.wait(DEADLINE_S) == 0
    os.close(terminal)
    assert lines(tmp_path / "heard")[1:] == ["SIGTERM"]
    assert [event["event"] for event in running.events()][-2:] == ["stopping", "stopped"]


def test_a_killed_child_is_started_again_with_a_line_that_says_how_it_died(
    supervisor: Callable[..., Supervisor], tmp_path: Path
) -> None:
    running = supervisor({"worker": listener(tmp_path / "heard"), "serve": listener(tmp_path / "other")})
    wait_until(lambda: bool(started(tmp_path / "heard") and started(tmp_path / "other")))
    os.kill(started(tmp_path / "heard")[0], signal.SIGKILL)
    wait_until(lambda: len(started(tmp_path / "heard")) == 2)
    assert running.events("died") == [
        {"event": "died", "child": "worker", "how": "signal SIGKILL", "restart_in_s": 0.01}
    ]
    assert running.end(signal.SIGTERM) == 0
    assert len(started(tmp_path / "other")) == 1


def test_a_child_that_keeps_dying_is_given_longer_pauses(supervisor: Callable[..., Supervisor]) -> None:
    running = supervisor({"worker": "raise SystemExit(7)"})
    wait_until(lambda: len(running.events("died")) >= 4)
    assert running.end(signal.SIGTERM) == 0
    died = running.events("died")[:4]
    assert [event["restart_in_s"] for event in died] == [0.01, 0.02, 0.04, 0.04]
    assert {event["how"] for event in died} == {"exit status 7"}


def test_a_signal_during_a_pause_ends_at_once(supervisor: Callable[..., Supervisor]) -> None:
    running = supervisor({"worker": "raise SystemExit(7)"})
    wait_until(lambda: bool(running.events("died")))
    assert running.end(signal.SIGTERM) == 0


def test_a_wrong_setting_of_one_child_ends_all_with_status_2(
    supervisor: Callable[..., Supervisor], tmp_path: Path
) -> None:
    heard = tmp_path / "heard"
    wrong = f"import os, sys\nwhile not os.path.exists({str(heard)!r}): pass\nsys.exit(2)"
    running = supervisor({"serve": wrong, "worker": listener(heard)})
    assert running.process.wait(DEADLINE_S) == 2
    assert lines(heard)[1:] == ["SIGTERM"]
    assert [event["child"] for event in running.events("started")].count("serve") == 1


def test_a_child_that_does_not_stop_in_time_is_killed_with_its_group(
    supervisor: Callable[..., Supervisor], tmp_path: Path
) -> None:
    helper = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {listener(tmp_path / 'helper')!r}])\n"
    running = supervisor({"worker": helper + listener(tmp_path / "heard", polite=False)}, grace_s=0.1)
    wait_until(lambda: bool(started(tmp_path / "heard") and started(tmp_path / "helper")))
    assert running.end(signal.SIGTERM) == 0
    assert len(running.events("killed: it did not stop in time")) == 1
    pids = [started(tmp_path / name)[0] for name in ("heard", "helper")]
    wait_until(lambda: not any(exists(pid) for pid in pids))


def test_a_second_signal_does_not_wait(supervisor: Callable[..., Supervisor], tmp_path: Path) -> None:
    running = supervisor({"worker": listener(tmp_path / "heard", polite=False)}, grace_s=3600)
    wait_until(lambda: bool(started(tmp_path / "heard")))
    running.process.send_signal(signal.SIGINT)
    wait_until(lambda: "SIGTERM" in lines(tmp_path / "heard"))
    assert running.end(signal.SIGINT) == 0


def test_children_end_when_the_supervisor_is_killed(supervisor: Callable[..., Supervisor], tmp_path: Path) -> None:
    running = supervisor({"worker": listener(tmp_path / "heard")})
    wait_until(lambda: bool(started(tmp_path / "heard")))
    assert running.end(signal.SIGKILL) == -signal.SIGKILL
    wait_until(lambda: not exists(started(tmp_path / "heard")[0]))


def test_a_server_that_does_not_get_ready_is_said_and_goes_on(
    supervisor: Callable[..., Supervisor], tmp_path: Path
) -> None:
    running = supervisor({"serve": listener(tmp_path / "heard")}, unready=True)
    wait_until(lambda: bool(started(tmp_path / "heard") and running.events("not ready")))
    assert running.events("not ready") == [{"event": "not ready", "error": "no answer"}]
    assert running.end(signal.SIGTERM) == 0


def test_a_child_that_cannot_be_run_is_tried_again(supervisor: Callable[..., Supervisor]) -> None:
    running = supervisor({}, absent=["/absent/program"])
    wait_until(lambda: len(running.events("died")) >= 2)
    assert running.end(signal.SIGTERM) == 0
