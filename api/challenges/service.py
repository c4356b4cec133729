"""Challenges through their life: drafted, published, closed, reopened, archived."""

from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.audiences import AudienceIn, check_manages, save_audience
from api.auth import Actor
from api.challenges import drafting, parts, reach
from api.challenges.copying import check_unbound
from api.challenges.schemas import ChallengeIn, ChallengePatch, PromptIn, TimedIn
from api.creation import existing
from models import assignments
from models.base import now
from models.challenge import Challenge
from models.errors import ConflictError, IllegalMoveError
from models.event import write_event
from models.ids import new_id
from models.org import hold_org
from models.rubric import Rubric, RubricVersion

DATES = ("opens_at", "due_at", "due_local")
# What still changes once people have it.
ALIVE = {"audience", *DATES, "late", "model_answer", "attachments"}


async def create_challenge(session: AsyncSession, actor: Actor, data: ChallengeIn) -> tuple[Challenge, bool]:
    """Return the draft and whether it is new.

    Raises:
        ForbiddenError: the audience reaches beyond what the actor manages.
        InvalidError: rubric, video, team or person are not there, or the dates contradict each other.
    """
    if found := await existing(session, actor, Challenge, data.id):
        return found, False
    await check_manages(session, actor, data.audience)
    dates = drafting.read_dates(data.opens_at, data.due_at, data.due_local)
    await drafting.check_rubric(session, actor.org_id, data.rubric_id)
    await drafting.check_prompts(session, actor, data.prompts)
    await parts.check_model_answer(session, actor, data.model_answer)
    await parts.check_attachments(session, actor, data.attachments)
    challenge = Challenge(
        org_id=actor.org_id,
        id=data.id or new_id(),
        title=data.title,
        kind=data.kind,
        brief=data.brief,
        rubric_id=data.rubric_id,
        audience_id=await save_audience(session, actor, data.audience),
        max_takes=data.max_takes,
        pass_mark=data.pass_mark,
        opens_at=dates.opens_at,
        due_at=dates.due_at,
        due_local=dates.due_local,
        created_by=actor.person_id,
        late_accepted=data.late == "accepted",
        practice_allowed=data.practice != "none",
    )
    _set_clock(challenge, data.timed)
    session.add(challenge)
    await session.flush()
    await drafting.write_prompts(session, challenge, data.prompts)
    await parts.write_model_answer(session, challenge, data.model_answer)
    await parts.write_attachments(session, challenge, data.attachments)
    named = {name for name in ("timed", "practice", "max_takes") if getattr(data, name) is not None}
    await parts.check_timed(session, challenge, named)
    return challenge, True


def _set_clock(challenge: Challenge, timed: TimedIn | None) -> None:
    challenge.timed = timed is not None
    challenge.window_ms = timed.window_ms if timed is not None else None


async def lock(session: AsyncSession, challenge: Challenge) -> None:
    """Take the challenge's row before its assignments', always in this order, and read it as it is now.

    Before it the organization is held, as it is for somebody who joins a team: whichever of the two is second sees the
    first, so that no joiner is left out.
    """
    await hold_org(session, challenge.org_id)
    await session.refresh(challenge, with_for_update={"key_share": True})


async def change_challenge(session: AsyncSession, actor: Actor, challenge: Challenge, data: ChallengePatch) -> None:
    """Change what the patch names; the row is locked. Assignments follow the audience and the dates.

    Raises:
        ConflictError: it is past changing, or past changing this.
        ForbiddenError, InvalidError: as for a new one.
    """
    named = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not msgspec.UNSET}
    if not named:
        return
    _check_changeable(challenge, named)
    await check_unbound(session, challenge, set(named))
    audience: AudienceIn | None = named.pop("audience", None)
    if audience is not None:
        await check_manages(session, actor, audience)
    await _set(session, actor, challenge, named)
    await _set_parts(session, actor, challenge, named)
    if named.keys() & set(DATES):
        await _set_dates(session, challenge, named)
    if audience is not None:
        await reach.change_audience(session, actor, challenge, audience)
    challenge.version += 1
    write_event(session, challenge, "changed", fields=sorted({*named} | ({"audience"} if audience else set())))
    await session.flush()


def _check_changeable(challenge: Challenge, named: dict[str, Any]) -> None:
    if challenge.state == "draft":
        return
    late = sorted(named.keys() - ALIVE) if challenge.state == "published" else sorted(named)
    if late:
        raise ConflictError(
            f"This challenge is {challenge.state}; {', '.join(late)} can change no more.",
            code="not-a-draft",
            state=challenge.state,
        )


async def _set(session: AsyncSession, actor: Actor, challenge: Challenge, named: dict[str, Any]) -> None:
    if "rubric_id" in named:
        await drafting.check_rubric(session, actor.org_id, named["rubric_id"])
    for name in ("title", "kind", "brief", "rubric_id", "max_takes", "pass_mark"):
        if name in named:
            setattr(challenge, name, named[name])
    if "rubric_id" in named:
        challenge.rubric_version_id = None
    if "prompts" in named:
        prompts = msgspec.convert(named["prompts"], list[PromptIn])
        await drafting.check_prompts(session, actor, prompts, challenge)
        await drafting.write_prompts(session, challenge, prompts)
    if "practice" in named:
        challenge.practice_allowed = named["practice"] == "allowed"
    if "late" in named:
        challenge.late_accepted = named["late"] == "accepted"
    if "timed" in named:
        _set_clock(challenge, named["timed"])
    await parts.check_timed(session, challenge, named)


async def _set_parts(session: AsyncSession, actor: Actor, challenge: Challenge, named: dict[str, Any]) -> None:
    if "model_answer" in named:
        await parts.check_model_answer(session, actor, named["model_answer"], challenge)
        await parts.write_model_answer(session, challenge, named["model_answer"])
    if "attachments" in named:
        await parts.check_attachments(session, actor, named["attachments"], challenge)
        await parts.write_attachments(session, challenge, named["attachments"])
    if challenge.state != "draft" and named.keys() & {"model_answer", "attachments"}:
        await drafting.check_parts(session, challenge)


async def _set_dates(session: AsyncSession, challenge: Challenge, named: dict[str, Any]) -> None:
    """Naming one kind of due time takes the place of the other."""
    present = {name: getattr(challenge, name) for name in DATES}
    if named.get("due_at") is not None:
        present["due_local"] = None
    if named.get("due_local") is not None:
        present["due_at"] = None
    wanted = {**present, **{name: named[name] for name in DATES if name in named}}
    dates = drafting.read_dates(**wanted, named=named.keys())
    challenge.opens_at, challenge.due_at, challenge.due_local = dates.opens_at, dates.due_at, dates.due_local
    await session.flush()
    if challenge.state == "published":
        await assignments.follow_dates(session, challenge, due=bool(named.keys() & {"due_at", "due_local"}))


async def publish(session: AsyncSession, actor: Actor, challenge: Challenge) -> None:
    """Pin the rubric's latest version and give the challenge to its audience. Done again, it changes nothing.

    Raises:
        ForbiddenError: the actor does not manage its audience (any more).
        IllegalMoveError: it has been closed.
        ConflictError: it was due before now, or a prompt's video is not there.
    """
    await lock(session, challenge)
    if challenge.state == "published":
        return
    _require(challenge, "draft", "published")
    await reach.check_reach(session, actor, challenge)
    await drafting.check_publishable(session, challenge)
    if challenge.rubric_version_id is None:  # that of a follow-up is its baseline's
        challenge.rubric_version_id = await session.scalar(
            select(RubricVersion.id)
            .join(Rubric, (Rubric.org_id == RubricVersion.org_id) & (Rubric.id == RubricVersion.rubric_id))
            .where(
                Rubric.org_id == challenge.org_id,
                Rubric.id == challenge.rubric_id,
                RubricVersion.version == Rubric.latest_version,
            )
        )
    challenge.published_at = now()
    await _go(session, challenge, "published")
    await reach.assign_all(session, actor, challenge)


async def close(session: AsyncSession, challenge: Challenge) -> None:
    """End it: what is not done closes, and can come back. Done again, it changes nothing."""
    await lock(session, challenge)
    if challenge.state != "closed":
        await _go(session, challenge, "closed")
        await assignments.close_all(session, challenge)


async def reopen(session: AsyncSession, actor: Actor, challenge: Challenge) -> None:
    """Take the end back: assignments are where they were. Those who joined meanwhile get it if it takes joiners."""
    await lock(session, challenge)
    if challenge.state != "published":
        _require(challenge, "closed", "published")
        await _go(session, challenge, "published")
        await reach.bring_back(session, actor, challenge)


async def archive(session: AsyncSession, challenge: Challenge) -> None:
    """Put a closed one away. Done again, it changes nothing."""
    await lock(session, challenge)
    if challenge.state != "archived":
        await _go(session, challenge, "archived")


def _require(challenge: Challenge, state: str, to: str) -> None:
    if challenge.state != state:
        raise IllegalMoveError(
            f"This challenge is {challenge.state}; it cannot become {to} this way.", state=challenge.state
        )


async def _go(session: AsyncSession, challenge: Challenge, to: str) -> None:
    challenge.move(to)
    challenge.version += 1
    await session.flush()
