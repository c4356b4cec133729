"""One of everything in each state that matters, and everyone who can stand in some relation to it."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor, load_actor
from api.policy import Subject
from models.asset import Asset, Upload
from models.base import Tenant, now
from models.bright_spot import BrightSpot, Segment
from models.challenge import Assignment, Challenge, Prompt
from models.conversation import CritiqueRemark, DraftVersion, MomentReply
from models.critique import Critique, Moment, NextStep
from models.person import Person
from models.rubric import Rubric, RubricVersion
from models.skill import Skill
from models.take import Response, Take
from models.team import Audience, AudiencePerson, AudienceTeam, Membership, Team
from tests.factories.people import OrgKit, Somebody
from tests.factories.relations_library import add_library
from tests.factories.relations_parts import add_parts
from tests.factories.relations_reviews import add_reviews


@dataclass
class World:
    """Actors by their relation to what `rep` does in the team `north`; things by name, such as `take-submitted`."""

    org: OrgKit
    people: dict[str, Somebody] = field(default_factory=dict)
    actors: dict[str, Actor] = field(default_factory=dict)
    teams: dict[str, UUID] = field(default_factory=dict)
    things: dict[str, Any] = field(default_factory=dict)
    _challenges: dict[str, Challenge] = field(default_factory=dict)
    _version: RubricVersion | None = None

    def id_of(self, relation: str) -> UUID:
        return self.people[relation].id

    async def add(self, session: AsyncSession, row: Tenant, name: str = "") -> Any:
        session.add(row)
        await session.flush()
        if name:
            self.things[name] = row
        return row


async def make_world(org: OrgKit, other: OrgKit) -> World:
    world = World(org)
    await _people(world, other)
    async with org.database.tenant(org.id) as session:
        await _challenges(world, session)
        await _takes(world, session)
        await add_parts(world, session)
        await add_library(world, session)
        await add_reviews(world, session)
        await _critiques(world, session)
        await _bright_spots(world, session)
        world.things["subject"] = Subject(
            await session.get_one(Person, (org.id, world.id_of("rep"))), frozenset({world.teams["north"]})
        )
        world.things["team-north"] = await session.get_one(Team, (org.id, world.teams["north"]))
    for kit, names in ((org, set(world.people) - {"stranger"}), (other, {"stranger"})):
        async with kit.database.tenant(kit.id) as session:
            for name in names:
                world.actors[name] = await load_actor(session, _caller(kit, world.people[name]))
    return world


def _caller(kit: OrgKit, somebody: Somebody) -> Any:
    return kit.tokens.read(somebody.client.headers["authorization"].removeprefix("Bearer "))


async def _people(world: World, other: OrgKit) -> None:
    org, teams = world.org, world.teams
    teams["region"] = await org.team("Region")
    teams["north"] = await org.team("North", teams["region"])
    teams["south"] = await org.team("South", teams["region"])
    roles = {"enablement": "enablement", "admin": "admin"}
    for name in ("rep", "peer", "outsider", "manager", "above", "elsewhere", "former", "enablement", "admin"):
        world.people[name] = await org.person(name, roles.get(name, "member"))
    for name, team, role in (
        ("rep", "north", "rep"),
        ("peer", "north", "rep"),
        ("outsider", "south", "rep"),
        ("manager", "north", "manager"),
        ("above", "region", "manager"),
        ("elsewhere", "south", "manager"),
        ("former", "north", "manager"),
    ):
        await org.member(teams[team], world.people[name], role)
    async with org.database.tenant(org.id) as session:
        former = update(Membership).where(Membership.org_id == org.id, Membership.person_id == world.id_of("former"))
        await session.execute(former.values(until_at=now(), from_at=now() - timedelta(days=30)))
    world.people["stranger"] = await other.person("stranger", "enablement")
    await other.member(await other.team("North"), world.people["stranger"], "manager")


async def _challenges(world: World, session: AsyncSession) -> None:
    org_id, manager = world.org.id, world.id_of("manager")
    rubric = await world.add(session, Rubric(org_id=org_id, title="Opening"))
    await world.add(session, Skill(org_id=org_id, name="Opening"), "skill")
    world._version = await world.add(session, RubricVersion(org_id=org_id, rubric_id=rubric.id, version=1))
    for name, state, maker in (
        ("published", "published", manager),
        ("draft", "draft", manager),
        ("of-former", "published", world.id_of("former")),
    ):
        audience = await world.add(session, Audience(org_id=org_id))
        challenge = Challenge(
            org_id=org_id,
            title="Open",
            kind="positioning",
            state=state,
            rubric_id=rubric.id,
            rubric_version_id=world._version.id,
            audience_id=audience.id,
            created_by=maker,
        )
        world._challenges[name] = await world.add(session, challenge, f"challenge-{name}")
        asset = await _asset(world, session, f"asset-prompt-{name}", maker, purpose="prompt")
        prompt = Prompt(org_id=org_id, challenge_id=challenge.id, position=1, asset_id=asset.id)
        world.things[f"prompt-{name}"] = await world.add(session, prompt)


async def _asset(world: World, session: AsyncSession, name: str, owner_id: UUID, purpose: str = "response") -> Any:
    return await world.add(session, Asset(org_id=world.org.id, owner_id=owner_id, purpose=purpose, state="ready"), name)


async def _takes(world: World, session: AsyncSession) -> None:
    challenge, rep, north = world._challenges["published"], world.id_of("rep"), world.teams["north"]
    assignment = Assignment(org_id=world.org.id, challenge_id=challenge.id, person_id=rep, team_id=north)
    await world.add(session, assignment, "assignment")
    await _upload(world, session, rep)
    deleted = await _asset(world, session, "asset-deleted", rep)
    deleted.state = "deleted"
    states = ("draft", "submitting", "submitted", "needs_replacement", "reviewed", "withdrawn", "discarded")
    for number, (name, state) in enumerate([*((s, s) for s in states), ("practice", "draft")], start=1):
        take = Take(
            org_id=world.org.id,
            assignment_id=assignment.id,
            challenge_id=challenge.id,
            person_id=rep,
            team_id=north,
            number=number,
            practice=name == "practice",
            state=state,
            submitted_at=None if state in ("draft", "discarded") else now(),
        )
        await world.add(session, take, f"take-{name}")
        asset = await _asset(world, session, f"asset-of-{name}", rep)
        prompt_id = world.things["prompt-published"].id
        await world.add(session, Response(org_id=world.org.id, take_id=take.id, prompt_id=prompt_id, asset_id=asset.id))


async def _upload(world: World, session: AsyncSession, rep: UUID) -> None:
    asset = await world.add(session, Asset(org_id=world.org.id, owner_id=rep, purpose="response"))
    upload = Upload(
        org_id=world.org.id,
        asset_id=asset.id,
        person_id=rep,
        filename="talk.mp4",
        content_type="video/mp4",
        size_bytes=9_000_000,
        part_size_bytes=8 * 1024 * 1024,
        part_count=2,
        life_days=7,
        expires_at=now() + timedelta(days=7),
    )
    await world.add(session, upload, "upload")


async def _critiques(world: World, session: AsyncSession) -> None:
    assert world._version
    take = world.things["take-submitted"]
    for writer, state in (
        ("manager", "draft"),
        ("manager", "published"),
        ("manager", "superseded"),
        ("manager", "discarded"),
        ("former", "published"),
        ("rep", "draft"),
    ):
        critique = Critique(
            org_id=world.org.id,
            take_id=take.id,
            reviewer_id=world.id_of(writer),
            perspective="self" if writer == "rep" else "manager",
            rubric_version_id=world._version.id,
            state=state,
            published_at=now() if state in ("published", "superseded") else None,
        )
        await world.add(session, critique, f"critique-{state}-by-{writer}")
        if writer == "manager" and state in ("draft", "published"):
            await world.add(session, _moment(world, take, critique.id), f"moment-of-{state}-critique")
            await world.add(session, _next_step(world, critique), f"next-step-{state}")
    await world.add(session, _moment(world, take, None), "moment-alone")
    await _talk(world, session)


async def _talk(world: World, session: AsyncSession) -> None:
    org_id, manager = world.org.id, world.id_of("manager")
    for state in ("published", "superseded"):
        critique_id = world.things[f"critique-{state}-by-manager"].id
        remark = CritiqueRemark(org_id=org_id, critique_id=critique_id, author_id=world.id_of("rep"), body="Why?")
        await world.add(session, remark, f"remark-on-{state}-critique")
    for name in ("moment-alone", "moment-of-published-critique"):
        moment_id = world.things[name].id
        reply = MomentReply(org_id=org_id, moment_id=moment_id, author_id=manager, body="So?")
        await world.add(session, reply, f"reply-to-{name}")
    kept = DraftVersion(
        org_id=org_id,
        critique_id=world.things["critique-draft-by-manager"].id,
        author_id=manager,
        kept_as="stale",
        content={"summary": "From the desk"},
        digest="x",
    )
    await world.add(session, kept, "draft-version-of-manager")


def _next_step(world: World, critique: Critique) -> NextStep:
    return NextStep(
        org_id=world.org.id,
        critique_id=critique.id,
        position=0,
        person_id=world.id_of("rep"),
        skill_id=world.things["skill"].id,
        text="Ask one question more",
        published_at=critique.published_at,
    )


def _moment(world: World, take: Take, critique_id: UUID | None) -> Moment:
    return Moment(
        org_id=world.org.id,
        take_id=take.id,
        prompt_id=world.things["prompt-published"].id,
        critique_id=critique_id,
        author_id=world.id_of("manager"),
        start_ms=0,
        body="Here",
        tone="strength",
    )


async def _bright_spots(world: World, session: AsyncSession) -> None:
    north, region, outsider = world.teams["north"], world.teams["region"], world.id_of("outsider")
    for state in ("draft", "awaiting_consent", "declined", "ready", "published", "revoked", "archived"):
        await _bright_spot(world, session, state, state, team_id=north)
    await _bright_spot(world, session, "published", "to-everyone", everyone=True)
    await _bright_spot(world, session, "published", "to-region-and-below", team_id=region, include_subteams=True)
    await _bright_spot(world, session, "published", "to-region-alone", team_id=region)
    await _bright_spot(world, session, "published", "to-outsider", person_id=outsider)


async def _bright_spot(
    world: World,
    session: AsyncSession,
    state: str,
    name: str,
    *,
    team_id: UUID | None = None,
    person_id: UUID | None = None,
    **values: bool,
) -> None:
    org_id, take = world.org.id, world.things["take-submitted"]
    audience = await world.add(session, Audience(org_id=org_id, **values))
    if team_id:
        await world.add(session, AudienceTeam(org_id=org_id, audience_id=audience.id, team_id=team_id))
    if person_id:
        await world.add(session, AudiencePerson(org_id=org_id, audience_id=audience.id, person_id=person_id))
    maker = world.id_of("manager")
    clip = await _asset(world, session, f"asset-clip-{name}", maker, purpose="clip")
    spot = BrightSpot(
        org_id=org_id,
        maker_id=maker,
        title="A good opening",
        kind="positioning",
        state=state,
        audience_id=audience.id,
        clip_asset_id=clip.id,
    )
    await world.add(session, spot, f"bright-spot-{name}")
    segment = Segment(
        org_id=org_id,
        bright_spot_id=spot.id,
        position=1,
        take_id=take.id,
        prompt_id=world.things["prompt-published"].id,
        person_id=take.person_id,
        start_ms=0,
        end_ms=5000,
    )
    await world.add(session, segment, f"segment-{name}")
