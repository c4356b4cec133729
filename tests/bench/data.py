"""The organizations the reads are measured on: one holds half of all rows. Written with COPY, as the owner role."""

import json
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy.engine import make_url

from media import keys
from models.ids import new_id

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
SKILLS = ("Positioning", "Discovery", "Storytelling")
KINDS = ("positioning", "objection_play", "discovery", "value_story")
# As the ladder leaves them: name, kind, width, height.
RENDITIONS = (
    ("playable", "progressive", 1280, 720),
    ("720p", "progressive", 1280, 720),
    ("720", "video", 1280, 720),
    ("audio", "audio", None, None),
)
INDEX = json.dumps({"init_length": 800, "codecs": "avc1.64001f", "segments": [[4.0, 800, 250_000]] * 5})
FACTS = json.dumps({"how": "copy", "waveform": True, "tiles": {"interval_ms": 2000, "count": 10}})

COLUMNS = {
    "org": "id slug name time_zone created_at",
    "person": "org_id id name email org_role state created_at",
    "session": "org_id id person_id user_agent address created_at last_used_at expires_at",
    "team": "org_id id name parent_id created_at",
    "membership": "org_id id team_id person_id role from_at",
    "skill": "org_id id name description created_at",
    "rubric": "org_id id title latest_version created_at",
    "rubric_version": "org_id id rubric_id version note created_at",
    "criterion": "org_id id rubric_version_id position key skill_id title weight required must_pass allow_na",
    "audience": "org_id id everyone include_subteams joiners",
    "audience_team": "org_id id audience_id team_id",
    "challenge": "org_id id title kind brief state rubric_id rubric_version_id audience_id max_takes created_by"
    " created_at published_at",
    "prompt": "org_id id challenge_id position text",
    "assignment": "org_id id challenge_id person_id team_id state due_at due_at_own extra_takes created_at",
    "take": "org_id id assignment_id challenge_id person_id team_id number practice state note created_at submitted_at"
    " opened_at reviewed_at",
    "asset": "org_id id owner_id purpose state renditions_pending content_type size_bytes duration_ms width height"
    " facts storyboard poster created_at playable_at ready_at",
    "rendition": "org_id id asset_id name kind key size_bytes width height index",
    "response": "org_id id take_id prompt_id asset_id updated_at",
    "critique": "org_id id take_id reviewer_id perspective rubric_version_id state summary strengths value created_at"
    " updated_at published_at",
    "next_step": "org_id id critique_id position person_id skill_id text created_at published_at outcome outcome_at",
    "skill_observation": "org_id id person_id skill_id team_id take_id critique_id reviewer_id rubric_version_id"
    " perspective value step observed_at published_at",
    "bright_spot": "org_id id maker_id title why_it_works kind state cut audience_id clip_asset_id created_at"
    " published_at",
    "segment": "org_id id bright_spot_id position take_id prompt_id person_id start_ms end_ms",
    "consent": "org_id id bright_spot_id person_id cut granted answered_at",
    "bright_spot_tag": "org_id id bright_spot_id tag",
    "bright_spot_skill": "org_id id bright_spot_id skill_id",
}
CURRENT = "UPDATE assignment a SET current_take_id = t.id FROM (SELECT DISTINCT ON (org_id, assignment_id) org_id,"
CURRENT += " assignment_id, id FROM take WHERE state <> 'draft' ORDER BY org_id, assignment_id, number DESC) t"
CURRENT += " WHERE a.org_id = t.org_id AND a.id = t.assignment_id"


@dataclass(frozen=True)
class Scale:
    """How much there is of everything; the first organization holds half."""

    orgs: int = 20
    people: int = 2_000
    challenges: int = 22  # in each organization; everybody gets each of them
    bright_spots: int = 4_000
    reps_a_team: int = 12


@dataclass(frozen=True)
class Who:
    """Somebody who will ask, as their token names them."""

    org_id: UUID
    person_id: UUID
    session_id: UUID


@dataclass
class World:
    """Who and what requests can be made about."""

    reps: list[Who] = field(default_factory=list)
    managers: list[Who] = field(default_factory=list)
    coaches: list[Who] = field(default_factory=list)
    takes: list[tuple[Who, UUID]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


class Writer:
    """Collects rows by table, and copies them in the order of the foreign keys."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.rows: dict[str, list[tuple[Any, ...]]] = defaultdict(list)

    def add(self, table: str, org_id: UUID, *values: Any) -> UUID:
        key = new_id()
        self.rows[table].append((org_id, key, *values))
        return key

    async def copy(self, connection: Any) -> dict[str, int]:
        for table, columns in COLUMNS.items():
            await connection.copy_records_to_table(table, records=self.rows[table], columns=columns.split())
        return {table: len(rows) for table, rows in self.rows.items()}


async def make_world(owner_url: str, scale: Scale, *, seed: int = 1) -> World:
    world, writer = World(), Writer(seed)
    for place in range(scale.orgs):
        share = 0.5 if place == 0 else 0.5 / (scale.orgs - 1)
        _org(writer, world, place, scale, share)
    dsn = make_url(owner_url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(dsn)
    try:
        world.counts = await writer.copy(connection)
        await connection.execute(CURRENT)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
    return world


@dataclass
class _Org:
    """What the rows of one organization have in common."""

    id: UUID
    writer: Writer
    rubric_id: UUID
    version_id: UUID
    skills: list[UUID]
    coach: Who
    takes: list[tuple[UUID, UUID, Who]] = field(default_factory=list)  # take, prompt, rep

    def add(self, table: str, *values: Any) -> UUID:
        return self.writer.add(table, self.id, *values)


def _org(writer: Writer, world: World, place: int, scale: Scale, share: float) -> None:
    org_id = new_id()
    writer.rows["org"].append((org_id, f"org-{place}", f"Organization {place}", "UTC", NOW))
    skills = [writer.add("skill", org_id, name, "", NOW) for name in SKILLS]
    rubric = writer.add("rubric", org_id, "In a minute", 1, NOW)
    version = writer.add("rubric_version", org_id, rubric, 1, "", NOW)
    for position, skill in enumerate(skills):
        row = (version, position, f"k{position}", skill, SKILLS[position], 1.0, True, False, False)
        writer.add("criterion", org_id, *row)
    org = _Org(org_id, writer, rubric, version, skills, _person(writer, org_id, "Coach", "enablement"))
    world.coaches.append(org.coach)
    challenges = [_challenge(org, number) for number in range(scale.challenges)]
    teams = []
    for team, reps in _teams(org, world, round(scale.people * share), scale.reps_a_team):
        teams.append(team)
        for rep in reps:
            world.reps.append(rep)
            for challenge in challenges:
                _assignment(org, rep, team, challenge, world)
    for number in range(round(scale.bright_spots * share)):
        _bright_spot(org, number, teams)


def _person(writer: Writer, org_id: UUID, name: str, org_role: str = "member") -> Who:
    number = len(writer.rows["person"])
    key = writer.add("person", org_id, f"{name} {number}", f"p{number}@example.com", org_role, "active", NOW)
    session = writer.add("session", org_id, key, "bench", "", NOW, NOW, NOW + 30 * DAY)
    return Who(org_id, key, session)


def _teams(org: _Org, world: World, people: int, size: int) -> Iterable[tuple[UUID, list[Who]]]:
    """Yield teams with their reps: ten teams each stand below one, and each has a manager."""
    above = None
    for place in range(max(1, people // (size + 1))):
        if place % 10 == 0:
            above = _team(org, world, f"Region {place}", None)
        team = _team(org, world, f"Team {place}", above)
        reps = [_person(org.writer, org.id, "Rep") for _ in range(size)]
        for rep in reps:
            org.add("membership", team, rep.person_id, "rep", NOW - 400 * DAY)
        yield team, reps


def _team(org: _Org, world: World, name: str, parent: UUID | None) -> UUID:
    team, manager = org.add("team", name, parent, NOW), _person(org.writer, org.id, "Manager")
    org.add("membership", team, manager.person_id, "manager", NOW - 400 * DAY)
    world.managers.append(manager)
    return team


def _challenge(org: _Org, number: int) -> tuple[UUID, UUID]:
    audience = org.add("audience", True, False, "exclude")
    brief = "Open a conversation with what the buyer loses each month, before you name us. " * 2
    row = (f"Challenge {number}", KINDS[number % len(KINDS)], brief, "published", org.rubric_id, org.version_id)
    challenge = org.add("challenge", *row, audience, 3, org.coach.person_id, NOW - 300 * DAY, NOW - 300 * DAY)
    return challenge, org.add("prompt", challenge, 0, "Why us, and why now?")


def _assignment(org: _Org, rep: Who, team: UUID, challenge: tuple[UUID, UUID], world: World) -> None:
    """A quarter each is open, being worked on, handed in for the second time, and done at the second."""
    challenge_id, prompt_id = challenge
    state = org.writer.random.choice(("open", "in_progress", "submitted", "done"))
    due_at = NOW + org.writer.random.randint(1, 60) * DAY
    assignment = org.add("assignment", challenge_id, rep.person_id, team, state, due_at, False, 0, NOW - 200 * DAY)
    takes = {"open": (), "in_progress": ("draft",), "submitted": ("reviewed", "submitted"), "done": ("reviewed",)}
    for number, take_state in enumerate(takes[state], 1):
        take = _take(org, (assignment, challenge_id, rep, team), number, take_state, prompt_id)
        world.takes.append((rep, take))
        if take_state == "reviewed":
            org.takes.append((take, prompt_id, rep))


def _take(org: _Org, of: tuple[UUID, UUID, Who, UUID], number: int, state: str, prompt_id: UUID) -> UUID:
    assignment, challenge, rep, team = of
    at = NOW - org.writer.random.uniform(1, 180) * DAY
    submitted_at = None if state == "draft" else at
    reviewed_at = at + DAY / 2 if state == "reviewed" else None
    row = (
        assignment,
        challenge,
        rep.person_id,
        team,
        number,
        False,
        state,
        "As agreed.",
        at,
        submitted_at,
        reviewed_at,
    )
    take = org.add("take", *row, reviewed_at)
    org.add("response", take, prompt_id, _asset(org, rep, "response", at), at)
    if reviewed_at:
        _critique(org, rep, team, take, reviewed_at)
    return take


def _asset(org: _Org, owner: Who, purpose: str, at: datetime) -> UUID:
    row = (purpose, "ready", False, "video/mp4", 9_000_000, 20_000, 1280, 720, FACTS, True, True, at, at, at)
    asset = org.add("asset", owner.person_id, *row)
    for name, kind, width, height in RENDITIONS:
        key = f"{keys.asset_prefix(org.id, asset)}{name}.mp4"
        org.add("rendition", asset, name, kind, key, 2_000_000, width, height, INDEX)
    return asset


def _critique(org: _Org, rep: Who, team: UUID, take: UUID, at: datetime) -> None:
    """Three observations and one next step, which four times of five has been found done."""
    coach, draw = org.coach.person_id, org.writer.random
    row = (take, coach, "manager", org.version_id, "published", "Clear.", "The opening.", 0.6, at, at, at)
    critique = org.add("critique", *row)
    for skill in org.skills:
        seen = (rep.person_id, skill, team, take, critique, coach, org.version_id)
        org.add("skill_observation", *seen, "manager", draw.choice((0.25, 0.5, 0.75, 1.0)), 0.25, at - DAY / 2, at)
    done = draw.random() < 0.8
    step = (critique, 0, rep.person_id, draw.choice(org.skills), "Name the loss before the product.", at, at)
    org.add("next_step", *step, "done" if done else None, at if done else None)


def _bright_spot(org: _Org, number: int, teams: list[UUID]) -> None:
    """One in four is for one team only, the others for all."""
    draw = org.writer.random
    for_team = draw.random() < 0.25
    audience = org.add("audience", not for_team, False, "exclude")
    if for_team:
        org.add("audience_team", audience, draw.choice(teams))
    at = NOW - draw.uniform(1, 180) * DAY
    take, prompt, rep = draw.choice(org.takes)
    clip = _asset(org, rep, "clip", at)
    row = (org.coach.person_id, f"Opens with the loss {number}", "It names two lost days a month before it names us.")
    spot = org.add("bright_spot", *row, draw.choice(KINDS), "published", 1, audience, clip, at, at)
    org.add("segment", spot, 0, take, prompt, rep.person_id, 1000, 9000)
    org.add("consent", spot, rep.person_id, 1, True, at)
    for tag in draw.sample(("opening", "loss", "pricing", "story", "close"), 2):
        org.add("bright_spot_tag", spot, tag)
    org.add("bright_spot_skill", spot, draw.choice(org.skills))
