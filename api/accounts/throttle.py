"""Attempts counted across all processes, by account and by address."""

import hashlib
import math
from datetime import UTC, datetime

from sqlalchemy import text

from models.database import Database
from models.errors import TooManyError

WINDOW_S = 15 * 60
PER_ACCOUNT = 10
PER_ADDRESS = 100


def _digest(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()


def account_key(what: str, org: str, email: str) -> str:
    return _digest(what, "account", org.lower(), email.lower())


def address_key(what: str, address: str) -> str:
    return _digest(what, "address", address)


async def count_attempt(database: Database, what: str, org: str, email: str, address: str) -> None:
    """Count one attempt, whatever comes of it.

    Raises:
        TooManyError: this account or this address has tried too often lately.
    """
    limits = ((account_key(what, org, email), PER_ACCOUNT), (address_key(what, address), PER_ADDRESS))
    async with database.without_tenant() as session:
        query = text("SELECT attempts, ends_at FROM throttle_hit(:key, :window)")
        found = [((await session.execute(query, {"key": key, "window": WINDOW_S})).one(), most) for key, most in limits]
    for row, most in found:
        if row.attempts > most:
            wait = max(1, math.ceil((row.ends_at - datetime.now(UTC)).total_seconds()))
            raise TooManyError(f"Too many attempts. Try again in {wait} seconds.", retry_after_s=wait)


async def forget_attempts(database: Database, what: str, org: str, email: str, *, address: str | None = None) -> None:
    """Begin anew with an account, and take back the attempt that succeeded from its address.

    The address does not begin anew: whoever has one account could guess others for ever.
    """
    async with database.without_tenant() as session:
        await session.execute(text("SELECT throttle_forget(:key)"), {"key": account_key(what, org, email)})
        if address is not None:
            await session.execute(text("SELECT throttle_give_back(:key)"), {"key": address_key(what, address)})
