"""The hot reads: requests a second beside three rivals that give the same answers, in the same minutes.

Random people of 20 organizations of which one holds half of the rows; every other page of a list is a deep one. Each
server gets a short turn, again and again: what else the machine does meets all alike. A ratio is the median of the
ratios of the turns.
"""

import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import httpx

from api.auth import Caller, Tokens
from api.embedded import EmbeddedPostgres
from api.paging import encode
from models.migrate import migrate
from tests.bench.data import DAY, NOW, Scale, Who, World, make_world
from tests.bench.figures import Figure
from tests.bench.servers import SECRET, describe, running
from tests.clusters import folder_for_clusters

CLIENTS = (16, 50)
TURNS = int(os.environ.get("BENCH_TURNS", "4"))
TURN_S = 1.0
PEOPLE = 150  # who ask, of each kind of read
RIVALS = {
    "handler": ("a handler with the same check, tenant and one Core query", 0.9),
    "bare": ("bare litestar and asyncpg, no token, no tenant", 0.35),
    "fast": ("FastAPI", 1.3),
}
T = TypeVar("T")
CHANGING = ("waiting_s", "as_of")


@dataclass(frozen=True)
class Ask:
    """One request, and who makes it."""

    who: Who
    path: str

    def text(self, tokens: Tokens) -> str:
        token = tokens.issue(Caller(self.who.org_id, self.who.person_id, self.who.session_id))
        return (
            f"GET {self.path} HTTP/1.1\r\nhost: bench\r\naccept: application/json\r\n"
            f"authorization: Bearer {token}\r\nx-person: {self.who.person_id}\r\n\r\n"
        )


def reads() -> list[Figure]:
    with folder_for_clusters() as folder, EmbeddedPostgres(folder / "data") as urls:
        migrate(urls.migrate, urls.app)
        world = asyncio.run(make_world(urls.migrate, Scale()))
        asked = {kind: make(world, random.Random(2)) for kind, make in KINDS.items()}
        people = list({ask.who for asks in asked.values() for ask in asks})
        described = asyncio.run(describe(urls, folder, people))
        with running(described, folder) as ports:
            return [figure for kind, asks in asked.items() for figure in _measure(kind, asks, ports)]


def _inbox(world: World, draw: random.Random) -> list[Ask]:
    """The deep page of an inbox begins at a due time."""
    return [
        Ask(who, "/v1/me/assignments" + _behind(place, NOW + draw.randint(5, 40) * DAY))
        for place, who in enumerate(_some(draw, world.reps))
    ]


def _review_queue(world: World, draw: random.Random) -> list[Ask]:
    """Of managers, and one in ten of who sees the whole organization's: half of those the largest's."""
    managers = _some(draw, world.managers)
    coaches = [world.coaches[0], *world.coaches[1:9]] + [world.coaches[0]] * 7
    return [
        Ask(who, "/v1/me/reviews" + _behind(place, NOW - draw.randint(20, 160) * DAY))
        for place, who in enumerate(draw.sample(managers + coaches, len(managers) + len(coaches)))
    ]


def _take(world: World, draw: random.Random) -> list[Ask]:
    return [Ask(who, f"/v1/takes/{take}") for who, take in _some(draw, world.takes)]


def _progress(world: World, draw: random.Random) -> list[Ask]:
    return [Ask(who, f"/v1/people/{who.person_id}/progress") for who in _some(draw, world.reps)]


def _bright_spots(world: World, draw: random.Random) -> list[Ask]:
    return [
        Ask(who, "/v1/bright-spots" + _behind(place, NOW - draw.randint(5, 150) * DAY))
        for place, who in enumerate(_some(draw, world.reps))
    ]


KINDS: dict[str, Callable[[World, random.Random], list[Ask]]] = {
    "inbox": _inbox,
    "review queue": _review_queue,
    "take": _take,
    "progress": _progress,
    "bright spots": _bright_spots,
}


def _some(draw: random.Random, them: list[T]) -> list[T]:
    return draw.sample(them, min(PEOPLE, len(them)))


def _behind(place: int, at: Any) -> str:
    return f"?cursor={encode(at + timedelta(microseconds=1), UUID(int=0))}" if place % 2 else ""


def _measure(kind: str, asks: list[Ask], ports: dict[str, int]) -> list[Figure]:
    _check_alike(kind, asks[:6], ports)
    tokens = Tokens(SECRET.encode())
    requests = [ask.text(tokens) for ask in asks]
    figures = []
    for clients in CLIENTS:
        turns: dict[str, list[dict[str, Any]]] = {name: [] for name in ports}
        for _ in range(TURNS):
            for name, port in ports.items():
                turns[name].append(_turn(name, port, clients, requests))
        figures += _figures(f"{kind}, {clients} clients", turns)
    return figures


def _turn(name: str, port: int, clients: int, requests: list[str]) -> dict[str, Any]:
    order = {"port": port, "clients": clients, "seconds": TURN_S, "requests": requests}
    command = [sys.executable, "-m", "tests.bench.load"]
    done = subprocess.run(command, input=json.dumps(order), capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    if found["failed"]:
        raise RuntimeError(f"{name} failed: {found['failed']}")
    return found


def _figures(name: str, turns: dict[str, list[dict[str, Any]]]) -> list[Figure]:
    def median(of: str, value: str) -> float:
        return float(statistics.median(turn[value] for turn in turns[of]))

    ours = median("ours", "per_s")
    figures = []
    for rival, (said, target) in RIVALS.items():
        pairs = zip(turns["ours"], turns[rival], strict=True)
        ratio = statistics.median(mine["per_s"] / its["per_s"] for mine, its in pairs)
        wanted = f">= {target} x {said}"
        figures.append(Figure(name, ours, "req/s", median(rival, "per_s"), ratio, wanted, ratio >= target))
    for share in ("p50", "p95", "p99"):
        own = median("ours", share)
        theirs = {rival: median(rival, share) for rival in RIVALS}
        said = "beside " + ", ".join(f"{rival} {value:.0f}" for rival, value in theirs.items())
        figures.append(Figure(f"{name}, {share}", own, "ms", theirs["handler"], own / theirs["handler"], said))
    return figures


def _check_alike(kind: str, asks: list[Ask], ports: dict[str, int]) -> None:
    """Fail when a rival does not give the same answer: it would be compared with something else."""
    tokens = Tokens(SECRET.encode())
    for ask in asks:
        said = dict(line.split(": ") for line in ask.text(tokens).split("\r\n")[1:-2])
        bodies = {
            name: httpx.get(f"http://127.0.0.1:{port}{ask.path}", headers=said, timeout=30)
            for name, port in ports.items()
        }
        wrong = {name: body.text[:300] for name, body in bodies.items() if body.status_code != 200}
        told = {name: _alike(body.json()) for name, body in bodies.items() if name not in wrong}
        wrong |= {name: "another answer" for name, body in told.items() if body != told.get("ours")}
        if wrong:
            raise RuntimeError(f"{kind}, {ask.path}: {wrong}")


def _alike(body: Any) -> Any:
    """Return a body without what the time of asking changes."""
    if isinstance(body, dict):
        return {name: _alike(value) for name, value in body.items() if name not in CHANGING}
    return [_alike(item) for item in body] if isinstance(body, list) else body
