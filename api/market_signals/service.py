"""What reviewers hear of the market in takes, rolled up for who has to know: quotes and counts, without people.

A remark counts once it is out, as long as the take is shown: those of a critique that was superseded are in the next
one. The names of who is judged and of who writes are left out of the text; other names, as of customers, are not known.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from api.auth import Actor
from api.market_signals.schemas import OfKind, OfMonth, OfSkill, SignalOut, SignalsOut
from api.paging import after, encode
from api.policy import SHOWN
from api.refs import SkillRef
from models.challenge import Challenge
from models.critique import Critique, Moment
from models.person import Person
from models.rubric import Criterion
from models.skill import Skill
from models.take import Take

MOST_EXPORTED = 10_000
BOM = "\ufeff"
NAMELESS = "[name]"
# A spreadsheet takes what begins with one of these for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
_rep, _author = aliased(Person), aliased(Person)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which ones: `since` a time and before `until`, and those on a criterion of the skill."""

    since: datetime | None = None
    until: datetime | None = None
    skill_id: UUID | None = None


async def list_signals(session: AsyncSession, actor: Actor, asked: Asked, limit: int, cursor: str | None) -> SignalsOut:
    query = after(_quotes(actor, asked), [Moment.created_at, Moment.id], cursor, limit, descending=True)
    rows = (await session.execute(query)).all()
    page = rows[:limit]
    more = encode(page[-1].created_at, page[-1].id) if len(rows) > limit else None
    kinds, skills, months = await _counts(session, actor, asked)
    return SignalsOut(
        [_out(row) for row in page],
        more,
        sum(kinds.values()),
        [OfKind(kind, count) for kind, count in _most_first(kinds)],
        [OfSkill(skill and SkillRef(*skill), count) for skill, count in _most_first(skills)],
        [OfMonth(month, count) for month, count in sorted(months.items())],
    )


async def export(session: AsyncSession, actor: Actor, asked: Asked) -> str:
    """Return the newest as CSV, at most MOST_EXPORTED, with a mark at its beginning that tells spreadsheets UTF-8."""
    query = _quotes(actor, asked).order_by(Moment.created_at.desc(), Moment.id.desc()).limit(MOST_EXPORTED)
    found = io.StringIO(newline="")
    writer = csv.writer(found)
    writer.writerow(["day", "challenge_kind", "skill", "tone", "text"])
    for row in await session.execute(query):
        one = _out(row)
        skill = one.skill.name if one.skill else ""
        writer.writerow(map(_cell, [one.day.isoformat(), one.challenge_kind, skill, one.tone, one.text]))
    return BOM + found.getvalue()


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


def _quotes(actor: Actor, asked: Asked) -> Select[*tuple[Any, ...]]:
    columns = (Moment.id, Moment.created_at, Moment.body, Moment.tone, Challenge.kind, Skill.id.label("skill_id"))
    people = (_rep.name.label("rep"), _author.name.label("author"))
    return (
        _signals(select(*columns, Skill.name.label("skill"), *people), actor, asked)
        .join(_rep, (_rep.org_id == Take.org_id) & (_rep.id == Take.person_id))
        .join(_author, (_author.org_id == Moment.org_id) & (_author.id == Moment.author_id))
    )


def _signals(query: Select[*tuple[Any, ...]], actor: Actor, asked: Asked) -> Select[*tuple[Any, ...]]:
    return (
        query.select_from(Moment)
        .join(Take, (Take.org_id == Moment.org_id) & (Take.id == Moment.take_id))
        .join(Challenge, (Challenge.org_id == Take.org_id) & (Challenge.id == Take.challenge_id))
        .outerjoin(Critique, (Critique.org_id == Moment.org_id) & (Critique.id == Moment.critique_id))
        .outerjoin(Criterion, (Criterion.org_id == Moment.org_id) & (Criterion.id == Moment.criterion_id))
        .outerjoin(Skill, (Skill.org_id == Criterion.org_id) & (Skill.id == Criterion.skill_id))
        .where(
            Moment.org_id == actor.org_id,
            Moment.market_signal,
            Take.state.in_(SHOWN),
            Take.practice.is_(False),
            or_(Moment.critique_id.is_(None), Critique.state == "published"),
            *_asked(asked),
        )
    )


def _asked(asked: Asked) -> Iterable[ColumnElement[bool]]:
    if asked.since is not None:
        yield Moment.created_at >= asked.since
    if asked.until is not None:
        yield Moment.created_at < asked.until
    if asked.skill_id is not None:
        yield Criterion.skill_id == asked.skill_id


async def _counts(
    session: AsyncSession, actor: Actor, asked: Asked
) -> tuple[Counter[str], Counter[tuple[UUID, str] | None], Counter[str]]:
    """Return how many there are by kind of challenge, by skill and by month."""
    month = func.to_char(func.timezone("UTC", Moment.created_at), "YYYY-MM")
    parts = (Challenge.kind, Skill.id, Skill.name, month)
    rows = await session.execute(_signals(select(*parts, func.count()), actor, asked).group_by(*parts))
    kinds: Counter[str] = Counter()
    skills: Counter[tuple[UUID, str] | None] = Counter()
    months: Counter[str] = Counter()
    for kind, skill_id, name, when, count in rows:
        kinds[kind] += count
        skills[(skill_id, name) if skill_id else None] += count
        months[when] += count
    return kinds, skills, months


def _most_first(counted: Counter[Any]) -> list[tuple[Any, int]]:
    return sorted(counted.items(), key=lambda pair: (-pair[1], str(pair[0])))


def _out(row: Row[*tuple[Any, ...]]) -> SignalOut:
    skill = SkillRef(row.skill_id, row.skill) if row.skill_id else None
    text = nameless(row.body, [row.rep, row.author])
    return SignalOut(text, row.tone, row.kind, skill, row.created_at.astimezone(UTC).date())


def nameless(text: str, names: Sequence[str]) -> str:
    """Return the text without these names, whole or in parts."""
    parts = {part for name in names for part in (name.strip(), *name.split()) if len(part) > 1}
    if not parts:
        return text
    longest_first = "|".join(re.escape(part) for part in sorted(parts, key=lambda part: (-len(part), part)))
    return re.sub(rf"(?<!\w)(?:{longest_first})(?!\w)", NAMELESS, text)
