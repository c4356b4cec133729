"""Stories that nobody thought of: any action at any time, over the API, against a small model of the loop."""

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import httpx
import hypothesis
import pytest
from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from api.app import create_app
from api.auth import Tokens
from api.embedded import Urls
from api.parts import Parts
from api.settings import Settings
from media.storage import Storage
from models.asset import Asset
from models.base import Stateful
from models.challenge import Assignment, Challenge
from models.critique import Critique
from models.database import Database
from models.event import Event
from models.submission import asset_arrived, asset_failed
from models.take import Take
from tests.client import Document
from tests.conftest import SECRET
from tests.factories.challenges import Cast, act, drafted, make_cast
from tests.factories.loop_model import CritiqueModel, LoopModel, TakeModel
from tests.factories.people import OrgKit, Somebody, new_org
from tests.factories.takes import make_asset

T = TypeVar("T")
WHICH = st.integers(0, 2)
DECISIONS = st.sampled_from([None, "pass", "retake"])
STORIES = hypothesis.settings(
    max_examples=12,
    stateful_step_count=30,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@dataclass
class House:
    """The application on a loop of its own, and an organization for each story: nobody acts too often in one."""

    runner: asyncio.Runner
    owner_url: str
    database: Database
    document: Document
    app: Any

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(what)

    async def cast(self) -> Cast:
        org = await new_org(self.owner_url)
        return await make_cast(OrgKit(org.id, org.slug, self.database, Tokens(SECRET), self.document, self.app))


@pytest.fixture
def house(urls: Urls, storage: Storage, document: Document, settings: Settings) -> Iterator[House]:
    """Hypothesis runs no coroutines: so the machine brings the loop, and all that lives on it."""
    with asyncio.Runner() as runner:
        database = Database(urls.app)
        app = create_app(Parts(settings, database, storage, SECRET))
        yield House(runner, urls.migrate, database, document, app)
        runner.run(database.dispose())


class Loop(RuleBasedStateMachine):
    """Each rule does something both ways; what is refused is tried as well."""

    house: ClassVar[House]

    @initialize()
    def begin_with_a_draft(self) -> None:
        self.model = LoopModel()
        self.cast = self._run(self.house.cast())
        self.challenge = self._run(drafted(self.cast))
        self.assignment_id: str | None = None
        self.ids: dict[TakeModel | CritiqueModel, str] = {}
        self.videos: dict[TakeModel, UUID] = {}

    # The challenge and the copy of it.

    @rule()
    def publish(self) -> None:
        self._challenge("publish", self.model.publish())

    @rule()
    def close(self) -> None:
        self._challenge("close", self.model.close())

    @rule()
    def reopen(self) -> None:
        self._challenge("reopen", self.model.reopen())

    @precondition(lambda self: len(self.model.takes) > 2)  # it is the end of a story
    @rule()
    def archive(self) -> None:
        self._challenge("archive", self.model.archive())

    @precondition(lambda self: self.assignment_id)
    @rule(excused=st.booleans())
    def excuse(self, *, excused: bool) -> None:
        expected = self.model.excuse() if excused else self.model.expect_again()
        url = f"/v1/assignments/{self.assignment_id}"
        self._expect(self._edit(self.manager, url, {"excused": excused}), expected)

    # Takes.

    @precondition(lambda self: self.assignment_id)
    @rule(video=st.sampled_from([None, "here", "uploading"]))
    def start(self, video: str | None) -> None:
        answer = self._post(self.rep, f"/v1/assignments/{self.assignment_id}/takes", self.model.start())
        if answer.status_code == 201:
            self.ids[self.model.takes[-1]] = answer.json()["id"]
            if video:
                self.answer(0, video)

    @precondition(lambda self: self.model.takes)
    @rule(which=WHICH, video=st.sampled_from(["here", "uploading"]))
    def answer(self, which: int, video: str) -> None:
        take = self._take(which)
        asset = self._run(make_asset(self.org, self.rep.id, "playable" if video == "here" else "uploading"))
        prompt = self.challenge["prompts"][0]["id"]
        body = {"asset_id": str(asset)}
        answer = self._run(self.rep.client.put(f"/v1/takes/{self.ids[take]}/responses/{prompt}", json=body))
        self._expect(answer, self.model.answer(take, video))
        if answer.status_code == 200:
            self.videos[take] = asset

    @precondition(lambda self: self.model.takes)
    @rule(which=WHICH)
    def submit(self, which: int) -> None:
        take = self._take(which)
        self._post(self.rep, f"/v1/takes/{self.ids[take]}/submit", self.model.submit(take))

    @precondition(lambda self: self.model.takes)
    @rule(which=WHICH)
    def withdraw(self, which: int) -> None:
        take = self._take(which)
        self._post(self.rep, f"/v1/takes/{self.ids[take]}/withdraw", self.model.withdraw(take))

    @precondition(lambda self: self.model.takes)
    @rule(which=WHICH)
    def discard(self, which: int) -> None:
        take = self._take(which)
        self._delete(self.rep, f"/v1/takes/{self.ids[take]}", self.model.discard(take))

    @precondition(lambda self: any(take.video == "uploading" for take in self.model.takes))
    @rule()
    def arrive(self) -> None:
        take = next(take for take in reversed(self.model.takes) if take.video == "uploading")
        self.model.arrive(take)
        self._run(self._settle(take, failed=False))

    @precondition(lambda self: any(take.video in {"uploading", "here"} for take in self.model.takes))
    @rule()
    def fail(self) -> None:
        take = next(take for take in reversed(self.model.takes) if take.video in {"uploading", "here"})
        self.model.fail(take)
        self._run(self._settle(take, failed=True))

    # Critiques.

    @precondition(lambda self: self.model.takes)
    @rule(which=WHICH)
    def look(self, which: int) -> None:
        take = self._take(which)
        self._expect(self._run(self.manager.client.get(f"/v1/takes/{self.ids[take]}")), self.model.look(take))

    @precondition(lambda self: self.model.takes)
    @rule(which=WHICH, decision=DECISIONS)
    def begin(self, which: int, decision: str | None) -> None:
        take = self._take(which)
        answer = self._post(self.manager, f"/v1/takes/{self.ids[take]}/critiques", self.model.begin(take))
        if answer.status_code == 201:
            self.ids[take.critiques[-1]] = answer.json()["id"]
            self._write(take.critiques[-1], decision, complete=True)

    @precondition(lambda self: self._judged())
    @rule(which=WHICH, decision=DECISIONS, complete=st.booleans())
    def write(self, which: int, decision: str | None, *, complete: bool) -> None:
        self._write(self._critique(which)[1], decision, complete=complete)

    @precondition(lambda self: self._judged())
    @rule(which=WHICH)
    def judge(self, which: int) -> None:
        take, critique = self._critique(which)
        self._act(self.manager, critique, "publish", self.model.judge(take, critique))

    @precondition(lambda self: self._judged())
    @rule(which=WHICH)
    def throw_away(self, which: int) -> None:
        _, critique = self._critique(which)
        self._delete(self.manager, f"/v1/critiques/{self.ids[critique]}", self.model.throw_away(critique))

    @precondition(lambda self: self._judged())
    @rule(which=WHICH)
    def take_back(self, which: int) -> None:
        take, critique = self._critique(which)
        self._act(self.manager, critique, "restore", self.model.take_back(take, critique))

    @precondition(lambda self: self._judged())
    @rule(which=WHICH)
    def acknowledge(self, which: int) -> None:
        _, critique = self._critique(which)
        self._act(self.rep, critique, "acknowledge", self.model.acknowledge(critique))

    # What holds at any time.

    @invariant()
    def is_as_the_model_says(self) -> None:
        self._run(self._compare())

    async def _compare(self) -> None:
        model = self.model
        challenge, assignment, takes, critiques = await self._rows()
        assert challenge.state == model.challenge
        assert (assignment.state if assignment else None) == model.assignment
        if assignment is not None:
            assert (assignment.resume_state, assignment.extra_takes) == (model.resume, model.extra_takes)
            assert _text(assignment.current_take_id) == self._id(model.current)
            assert _text(assignment.accepted_take_id) == self._id(model.accepted)
        assert [(str(take.id), take.state, take.opened_at is not None) for take in takes] == [
            (self.ids[take], take.state, take.opened) for take in model.takes
        ]
        assert {(str(one.id), one.state, one.decision, one.acknowledged_at is not None) for one in critiques} == {
            (self.ids[one], one.state, one.decision, one.acknowledged) for take in model.takes for one in take.critiques
        }

    def teardown(self) -> None:
        self._run(self._each_move_was_told())
        for client in self.org.clients:
            self._run(client.aclose())

    async def _each_move_was_told(self) -> None:
        """Of each thing, the events are one way through its table, from nowhere to where it is."""
        challenge, assignment, takes, critiques = await self._rows()
        rows: list[Stateful] = [challenge, *([assignment] if assignment else []), *takes, *critiques]
        told = await self._told([row.id for row in rows])
        for row in rows:
            states = [(data.get("from"), to) for to, data in told[row.id] if to in row.MOVES]
            assert states[0][0] is None, states
            assert states[-1][1] == row.state, states
            assert all(before[1] == after[0] and after[1] in row.MOVES[before[1]] for before, after in pairwise(states))

    # How it is done.

    @property
    def org(self) -> OrgKit:
        return self.cast.org

    @property
    def rep(self) -> Somebody:
        return self.cast.rep

    @property
    def manager(self) -> Somebody:
        return self.cast.manager

    def _run(self, what: Coroutine[Any, Any, T]) -> T:
        return self.house.run(what)

    def _take(self, which: int) -> TakeModel:
        """The last one, or one before it."""
        return self.model.takes[-1 - which % len(self.model.takes)]

    def _judged(self) -> list[tuple[TakeModel, CritiqueModel]]:
        return [(take, one) for take in self.model.takes for one in take.critiques]

    def _critique(self, which: int) -> tuple[TakeModel, CritiqueModel]:
        found = self._judged()
        return found[-1 - which % len(found)]

    def _id(self, one: TakeModel | None) -> str | None:
        return None if one is None else self.ids[one]

    def _expect(self, answer: httpx.Response, status: int) -> httpx.Response:
        assert answer.status_code == status, answer.text
        if status == 409:
            assert "state" in answer.json(), answer.text
        return answer

    def _challenge(self, verb: str, expected: int) -> None:
        answer = self._expect(self._run(act(self.manager, self.challenge, verb)), expected)
        if self.assignment_id is None and answer.status_code == 200:
            found = self._run(self.rep.client.get("/v1/me/assignments", params={"limit": 100})).json()["items"]
            ids = [one["id"] for one in found if one["challenge"]["id"] == self.challenge["id"]]
            self.assignment_id = ids[0]

    def _post(self, who: Somebody, url: str, expected: int) -> httpx.Response:
        return self._expect(self._run(who.client.post(url, json={})), expected)

    def _act(self, who: Somebody, critique: CritiqueModel, verb: str, expected: int) -> None:
        self._expect(self._run(who.client.post(f"/v1/critiques/{self.ids[critique]}/{verb}")), expected)

    def _delete(self, who: Somebody, url: str, expected: int) -> None:
        self._expect(self._run(who.client.delete(url)), expected)

    def _edit(self, who: Somebody, url: str, body: dict[str, Any]) -> httpx.Response:
        seen = self._run(who.client.get(url))
        return self._run(who.client.patch(url, json=body, headers={"if-match": seen.headers["etag"]}))

    def _write(self, critique: CritiqueModel, decision: str | None, *, complete: bool) -> None:
        expected = self.model.write(critique, decision, complete=complete)
        scores = [
            {"criterion_id": one["id"], "level_id": one["levels"][-1]["id"] if complete else None}
            for one in self.cast.rubric["criteria"]
        ]
        body = {"decision": decision, "scores": scores}
        self._expect(self._edit(self.manager, f"/v1/critiques/{self.ids[critique]}", body), expected)

    async def _settle(self, take: TakeModel, *, failed: bool) -> None:
        async with self.org.database.tenant(self.org.id) as session:
            asset = await session.get_one(Asset, (self.org.id, self.videos[take]))
            if failed:
                asset.problem_code = "no-video"
            asset.move("failed" if failed else "processing")
            await (asset_failed if failed else asset_arrived)(session, asset)

    async def _rows(self) -> tuple[Challenge, Assignment | None, list[Take], list[Critique]]:
        org_id, key = self.org.id, UUID(self.challenge["id"])
        async with self.org.database.tenant(org_id) as session:
            challenge = await session.get_one(Challenge, (org_id, key))
            mine = (Assignment.org_id == org_id) & (Assignment.challenge_id == key)
            assignment = await session.scalar(select(Assignment).where(mine))
            of_it = (Take.org_id == org_id) & (Take.challenge_id == key)
            takes = list(await session.scalars(select(Take).where(of_it).order_by(Take.number)))
            judged = Critique.take_id.in_([take.id for take in takes])
            critiques = list(await session.scalars(select(Critique).where(Critique.org_id == org_id, judged)))
        return challenge, assignment, takes, critiques

    async def _told(self, ids: list[UUID]) -> dict[UUID, list[tuple[str, dict[str, Any]]]]:
        wanted = (Event.org_id == self.org.id) & Event.subject_id.in_(ids)
        found: dict[UUID, list[tuple[str, dict[str, Any]]]] = {key: [] for key in ids}
        async with self.org.database.tenant(self.org.id) as session:
            for event in await session.scalars(select(Event).where(wanted).order_by(Event.at, Event.id)):
                found[event.subject_id].append((event.name.split(".")[1], event.data))
        return found


def _text(key: UUID | None) -> str | None:
    return None if key is None else str(key)


def test_any_story_ends_as_the_model_says(house: House) -> None:
    class OfThisHouse(Loop):
        pass

    OfThisHouse.house = house
    run_state_machine_as_test(OfThisHouse, settings=STORIES)
