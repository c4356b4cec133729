"""Consent: what people shown in a bright spot answered for its present cut, and what state follows from it.

A consent counts for one cut, until the time it names. One that has run out is as good as withdrawn.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from models.asset import Asset
from models.base import now
from models.bright_spot import BrightSpot, Consent, Segment
from models.erasures import request_erasure
from models.errors import IllegalMoveError
from models.event import write_event

Answer = Literal["granted", "refused", "run_out"]


async def people_shown(session: AsyncSession, bright_spot: BrightSpot) -> set[UUID]:
    rows = await session.scalars(
        select(Segment.person_id).where(Segment.org_id == bright_spot.org_id, Segment.bright_spot_id == bright_spot.id)
    )
    return set(rows)


async def answers(session: AsyncSession, bright_spot: BrightSpot) -> dict[UUID, Answer | None]:
    """Return by person shown what counts now, None where there is no answer for this cut."""
    found: dict[UUID, Answer | None] = dict.fromkeys(await people_shown(session, bright_spot))
    for consent in await _consents(session, bright_spot):
        if consent.person_id in found:
            found[consent.person_id] = said(consent)
    return found


class Said(Protocol):
    """A consent, or what has been read of one."""

    @property
    def granted(self) -> bool: ...
    @property
    def until(self) -> datetime | None: ...


def said(consent: Said) -> Answer:
    """Return what an answer is worth now."""
    if not consent.granted:
        return "refused"
    return "run_out" if consent.until is not None and consent.until <= now() else "granted"


async def answer(
    session: AsyncSession, bright_spot: BrightSpot, person_id: UUID, *, granted: bool, until: datetime | None = None
) -> None:
    """Write down what a person shown says to the present cut; the state follows. Said again, it changes nothing.

    Raises:
        IllegalMoveError: it is archived, and nobody can agree to it any more; to refuse is possible at any time.
    """
    if granted and bright_spot.state == "archived":
        raise IllegalMoveError("This bright spot is archived; it asks for no consent.", state=bright_spot.state)
    row = await _own(session, bright_spot, person_id)
    if row is None:
        row = Consent(
            org_id=bright_spot.org_id, bright_spot_id=bright_spot.id, person_id=person_id, cut=bright_spot.cut
        )
        session.add(row)
    if (row.granted, row.until) != (granted, until):
        row.granted, row.until, row.answered_at = granted, until, now()
        bright_spot.version += 1
        write_event(
            session,
            row,
            "given" if granted else "refused",
            bright_spot_id=bright_spot.id,
            cut=bright_spot.cut,
            to=[bright_spot.maker_id],
        )
    await session.flush()
    await settle(session, bright_spot)


async def ask_again(session: AsyncSession, bright_spot: BrightSpot) -> None:
    """Begin a new cut: nobody has agreed to this one yet, so it is shown to nobody else.

    Raises:
        IllegalMoveError: it is archived.
    """
    bright_spot.cut += 1
    bright_spot.note_shown(await people_shown(session, bright_spot))
    if bright_spot.state != "awaiting_consent":
        bright_spot.move("awaiting_consent")
    bright_spot.published_at = None
    await session.flush()


async def settle(session: AsyncSession, bright_spot: BrightSpot) -> None:
    """Bring the state in line with the answers. It may run twice; publishing stays a person's decision."""
    if bright_spot.state == "archived":
        return
    given = await answers(session, bright_spot)
    target = follows(bright_spot.state, given)
    if target == bright_spot.state:
        return
    bright_spot.note_shown(given)
    if target == "ready" and bright_spot.state != "awaiting_consent":
        bright_spot.move("awaiting_consent")
        await session.flush()  # each move is an event of its own
    bright_spot.move(target)
    bright_spot.published_at = None
    await session.flush()


def follows(state: str, given: Mapping[UUID, Answer | None]) -> str:
    """Return the state that these answers lead to from this one."""
    if state in {"draft", "archived"}:
        return state
    if "refused" in given.values() or "run_out" in given.values():
        return _without_consent(state, given)
    if None in given.values():
        return "awaiting_consent"
    return state if state == "published" else "ready"


def _without_consent(state: str, given: Mapping[UUID, Answer | None]) -> str:
    if state in {"declined", "revoked"}:
        return state
    was_agreed = state in {"ready", "published"} or "run_out" in given.values()
    return "revoked" if was_agreed else "declined"


async def run_out(session: AsyncSession, bright_spot_id: UUID) -> UUID | None:
    """Revoke a bright spot with a consent whose time is over; called by the sweep, and it may run twice.

    Returns the clip whose objects are to be erased now, by the job `delete_asset`.
    """
    bright_spot = await session.get(
        BrightSpot, (session.info["org_id"], bright_spot_id), with_for_update=True, populate_existing=True
    )
    if bright_spot is None:
        return None
    before = bright_spot.state
    await settle(session, bright_spot)
    if bright_spot.state != before:
        bright_spot.version += 1
    return await drop_clip(session, bright_spot) if bright_spot.state == "revoked" else None


async def drop_clip(session: AsyncSession, bright_spot: BrightSpot) -> UUID | None:
    """Let go of the clip, and return its asset, now `deleted`, for its objects to be erased."""
    if bright_spot.clip_asset_id is None:
        return None
    clip = await session.get_one(
        Asset, (bright_spot.org_id, bright_spot.clip_asset_id), with_for_update=True, populate_existing=True
    )
    bright_spot.clip_asset_id = None
    if clip.state != "deleted":
        clip.move("deleted")
        clip.deleted_at, clip.renditions_pending = now(), False
        await request_erasure(session, clip)
    await session.flush()
    return clip.id


async def missing(session: AsyncSession, bright_spot: BrightSpot) -> list[str]:
    """Return what stands between a bright spot and its publication: `consent:<person_id>` for each, and `clip`."""
    given = await answers(session, bright_spot)
    asked = [f"consent:{person}" for person in sorted(given) if given[person] != "granted"]
    clip = None
    if bright_spot.clip_asset_id is not None:
        clip = await session.get(Asset, (bright_spot.org_id, bright_spot.clip_asset_id))
    return asked if clip is not None and clip.state == "ready" else [*asked, "clip"]


async def _consents(session: AsyncSession, bright_spot: BrightSpot) -> list[Consent]:
    rows = await session.scalars(
        select(Consent).where(
            Consent.org_id == bright_spot.org_id,
            Consent.bright_spot_id == bright_spot.id,
            Consent.cut == bright_spot.cut,
        )
    )
    return list(rows)


async def _own(session: AsyncSession, bright_spot: BrightSpot, person_id: UUID) -> Consent | None:
    return next((row for row in await _consents(session, bright_spot) if row.person_id == person_id), None)
