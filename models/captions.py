"""The captions of an asset: one for each language, and what a person sent is never replaced by what a machine heard."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from models.asset import Asset, Caption
from models.event import write_event


async def captions_of(session: AsyncSession, asset: Asset, *, words: bool = False) -> Sequence[Caption]:
    """Return them by language; what is said in them, which can be long, only with `words`."""
    options = [] if words else [defer(Caption.text, raiseload=True)]
    rows = await session.scalars(
        select(Caption)
        .where(Caption.org_id == asset.org_id, Caption.asset_id == asset.id)
        .order_by(Caption.language)
        .options(*options)
    )
    return rows.all()


async def put_caption(session: AsyncSession, asset: Asset, caption: Caption) -> str | None:
    """Keep it in the place of that of its language. The asset's row is locked.

    Returns the key of the object that nothing names any more: the one before it, or its own, when it was made by a
    machine and a person has sent one.
    """
    there = await _of_language(session, asset, caption.language)
    if there is not None and there.origin == "uploaded" and caption.origin == "automatic":
        return caption.key
    if there is not None:
        await session.delete(there)
        await session.flush()
    session.add(caption)
    write_event(session, asset, "captioned", language=caption.language, origin=caption.origin)
    return there.key if there else None


async def remove_caption(session: AsyncSession, asset: Asset, language: str) -> None:
    """The asset's row is locked. Done again, it changes nothing."""
    there = await _of_language(session, asset, language)
    if there is not None:
        await session.delete(there)
        write_event(session, asset, "caption_removed", language=language)


async def key_of(session: AsyncSession, asset: Asset, language: str) -> str | None:
    there = await _of_language(session, asset, language)
    return there.key if there else None


async def _of_language(session: AsyncSession, asset: Asset, language: str) -> Caption | None:
    found: Caption | None = await session.scalar(
        select(Caption).where(
            Caption.org_id == asset.org_id, Caption.asset_id == asset.id, Caption.language == language
        )
    )
    return found


def captioning(asset: Asset) -> dict[str, Any]:
    """Return how far the captions are that a machine makes: `state`, `at`, and `problem` when they failed."""
    found: dict[str, Any] = (asset.facts or {}).get("captioning", {})
    return found


def note_captioning(asset: Asset, state: str, **more: Any) -> None:
    """`state`: `pending`, `made` or `failed`."""
    asset.facts = {**(asset.facts or {}), "captioning": {"state": state, **more}}
