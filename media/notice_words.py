"""Notices in words, from the ids they hold: what they are about, and a sentence about it.

Names and titles only: what people wrote of each other stays in Showme.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Select, Uuid, cast, literal, null, select
from sqlalchemy.ext.asyncio import AsyncSession

from models.assignments import among
from models.bright_spot import BrightSpot
from models.challenge import Assignment, Challenge
from models.critique import Critique, Moment, NextStep
from models.notice import KINDS, Notice
from models.person import Person
from models.review import GuestReview
from models.skill import Skill
from models.take import Take

SOMEBODY = "Somebody"
GONE = "This is not there for you any more."
SENTENCES: Mapping[str, str] = {
    "assignment.open": "“{title}” is open for you{due}.",
    "assignment.due_changed": "The due time of “{title}” has changed{now_due}.",
    "assignment.due_soon": "“{title}” is due soon{due_on}.",
    "assignment.overdue": "“{title}” is overdue{was_due}.",
    "assignment.reminded": "{actor} reminds you of “{title}”{due}.",
    "assignment.retake": "Another take of “{title}” is asked of you.",
    "take.needs_replacement": "A video of your take of “{title}” cannot be played. Please replace it.",
    "take.submitted": "{person} has handed in a take of “{title}”.",
    "critique.published": "{actor} has published a critique of your take of “{title}”.",
    "critique.acknowledged": "{person} has acknowledged your critique of “{title}”.",
    "critique.disputed": "{person} sees your critique of “{title}” otherwise.",
    "critique.remarked": "{actor} has said something about a critique of “{title}”.",
    "moment.replied": "{actor} has replied to a moment of “{title}”.",
    "guest_review.published": "A guest has reviewed {whose} take of “{title}”.",
    "next_step.due": "{whose_step} next step on {title} is due.",
    "next_step.reported": "{person} has reported on a next step on {title}.",
    "review.named": "You are asked to review {person}’s take of “{title}”.",
    "review.handed_over": "The review of {person}’s take of “{title}” is yours now.",
    "review.promise_near": "{person} has been promised feedback on “{title}”, and it is nearly due.",
    "review.escalated": "{person} is still waiting for feedback on “{title}”.",
    "bright_spot.awaiting_consent": "You are asked to agree to the bright spot “{title}”, which shows you.",
    "bright_spot.ready": "Everyone shown has agreed to your bright spot “{title}”.",
    "bright_spot.declined": "Your bright spot “{title}” was not agreed to.",
    "bright_spot.revoked": "A consent to your bright spot “{title}” was taken back, or ran out.",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the subject of a notice is, as it is now."""

    title: str
    state: str | None
    person_id: UUID | None
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Told:
    """A notice with what it is about; `facts` is None where that is not there any more."""

    notice: Notice
    facts: Facts | None
    actor: str | None
    person: str | None

    @property
    def holds(self) -> bool:
        """Whether what it says is still so."""
        states = KINDS[self.notice.kind].while_
        return self.facts is not None and (states is None or self.facts.state in states)

    def sentence(self, zone: str) -> str:
        """Say it to its person, in whose zone times are told."""
        if self.facts is None:
            return GONE
        own = self.facts.person_id == self.notice.person_id
        person = self.person or SOMEBODY
        return SENTENCES[self.notice.event_name].format(
            title=_line(self.facts.title),
            actor=_line(self.actor or SOMEBODY),
            person=_line(person),
            whose="your" if own else f"{_line(person)}’s",
            whose_step="Your" if own else f"{_line(person)}’s",
            **_times(self.facts.due_at, zone),
        )


def _times(due_at: datetime | None, zone: str) -> dict[str, str]:
    if due_at is None:
        return {"due": "", "due_on": "", "was_due": "", "now_due": ": it has none now"}
    at = due_at.astimezone(ZoneInfo(zone))
    said = f"{at:%A}, {at.day} {at:%B}, {at:%H:%M}"
    return {
        "due": f", due {said}",
        "due_on": f": {said}",
        "was_due": f": it was due {said}",
        "now_due": f": it is due {said}",
    }


def _line(text: str) -> str:
    """Return what a person typed as one line."""
    return " ".join(text.split())


async def told(session: AsyncSession, notices: Sequence[Notice]) -> list[Told]:
    """Return notices with what they are about, in their order; a statement for each kind of thing, and one of names."""
    facts = await _facts(session, notices)
    people = {one.actor_id for one in notices} | {fact.person_id for fact in facts.values()}
    names = await _names(session, [one for one in people if one is not None])
    return [_told(notice, facts.get((notice.subject_kind, notice.subject_id)), names) for notice in notices]


def _told(notice: Notice, facts: Facts | None, names: Mapping[UUID, str]) -> Told:
    actor = names.get(notice.actor_id) if notice.actor_id else None
    person = names.get(facts.person_id) if facts is not None and facts.person_id else None
    return Told(notice, facts, actor, person)


async def _facts(session: AsyncSession, notices: Iterable[Notice]) -> dict[tuple[str, UUID], Facts]:
    wanted: dict[str, set[UUID]] = defaultdict(set)
    for notice in notices:
        wanted[notice.subject_kind].add(notice.subject_id)
    found: dict[tuple[str, UUID], Facts] = {}
    for kind, ids in wanted.items():
        query, key = QUERIES[kind]
        rows = await session.execute(query.where(key.class_.org_id == session.info["org_id"], among(key, ids)))
        found |= {(kind, row[0]): Facts(*row[1:]) for row in rows}
    return found


async def _names(session: AsyncSession, ids: list[UUID]) -> dict[UUID, str]:
    query = select(Person.id, Person.name).where(Person.org_id == session.info["org_id"], among(Person.id, ids))
    return {row.id: row.name for row in await session.execute(query)}


def _of_take(model: Any, state: Any) -> Select[Any]:
    """Ask for what belongs to a take: the challenge's title, and whose take it is."""
    query = select(model.id, Challenge.title, state, Take.person_id, null())
    if model is not Take:
        query = query.join(Take, (Take.org_id == model.org_id) & (Take.id == model.take_id))
    return query.join(Challenge, (Challenge.org_id == Take.org_id) & (Challenge.id == Take.challenge_id))


_NOBODY = cast(null(), Uuid)
QUERIES: Mapping[str, tuple[Select[Any], Any]] = {
    "assignment": (
        select(Assignment.id, Challenge.title, Assignment.state, Assignment.person_id, Assignment.due_at).join(
            Challenge, (Challenge.org_id == Assignment.org_id) & (Challenge.id == Assignment.challenge_id)
        ),
        Assignment.id,
    ),
    "take": (_of_take(Take, Take.state), Take.id),
    "critique": (_of_take(Critique, Critique.state), Critique.id),
    "moment": (_of_take(Moment, literal("")), Moment.id),
    "guest_review": (_of_take(GuestReview, GuestReview.state), GuestReview.id),
    "next_step": (
        select(NextStep.id, Skill.name, literal(""), NextStep.person_id, NextStep.due_at).join(
            Skill, (Skill.org_id == NextStep.org_id) & (Skill.id == NextStep.skill_id)
        ),
        NextStep.id,
    ),
    "bright_spot": (select(BrightSpot.id, BrightSpot.title, BrightSpot.state, _NOBODY, null()), BrightSpot.id),
}
