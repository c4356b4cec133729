"""`showme doctor`: looks at every part, says what is wrong and what to do about it."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import text

from api.parts import open_database, store_of
from api.settings import SettingError, Settings, make_data_dir, secret_key
from media.binaries import Binaries, BinaryMissing, describe, find_binaries
from media.isolation import attempt
from media.storage import StorageError
from media.transcribe import unavailable
from models.audits import practice_seen_anywhere
from models.database import Database
from models.migrate import newest, present

LEAST_FREE_BYTES = 5 * 1024**3
MOST_CLOCK_DIFFERENCE_S = 5


@dataclass(frozen=True)
class Finding:
    """What was found of a part; `remedy` is empty when it is well."""

    part: str
    found: str
    remedy: str = ""


async def doctor(settings: Settings, *, mend: bool = False) -> int:
    """Print a line a part. Returns 0 when all are well, else 1.

    `mend` first makes what the store lacks, as far as it is allowed: its folder; the bucket, its CORS, its lifecycle.
    """
    if mend:
        await _mend_store(settings)
    findings = [finding for check in CHECKS for finding in await check(settings)]
    for finding in findings:
        print(f"{'ok  ' if not finding.remedy else 'BAD '} {finding.part:<10} {finding.found}")
        if finding.remedy:
            print(f"     {'':<10} -> {finding.remedy}")
    bad = sum(bool(finding.remedy) for finding in findings)
    print("\nAll is well." if not bad else f"\n{bad} to mend.")
    return 1 if bad else 0


async def _database(settings: Settings) -> list[Finding]:
    try:
        database = open_database(replace(settings, pool_size=1))
    except SettingError as error:
        return [Finding("database", "not found", str(error))]
    try:
        async with asyncio.timeout(10):
            found = [*await _schema(database), *await _roles(database), await _clock(database)]
        return [*found, *await _practice(database)]
    except Exception as error:  # noqa: BLE001  # whatever the driver raises is the finding
        remedy = "Check SHOWME_DATABASE_URL, and that the server runs."
        return [Finding("database", f"does not answer: {error}", remedy)]
    finally:
        await database.dispose()


async def _practice(database: Database) -> list[Finding]:
    """Practice takes are their person's alone: look for any row that would show one to somebody else."""
    async with database.without_tenant() as session:
        if await present(session) != newest():
            return []  # the questions are of the newest tables
    found = await practice_seen_anywhere(database)
    if not found:
        return [Finding("practice", "no practice take can be seen by anybody else")]
    remedy = "Report this, with these lines; nothing of it is a setting of yours."
    return [Finding("practice", f"{one.what} {one.id} of {one.org_id} shows one", remedy) for one in found]


async def _schema(database: Database) -> list[Finding]:
    async with database.without_tenant() as session:
        found, wanted = await present(session), newest()
    remedy = "" if found == wanted else "Run showme migrate with SHOWME_MIGRATE_URL set."
    return [Finding("schema", found or "empty", remedy)]


async def _roles(database: Database) -> list[Finding]:
    query = text(
        "SELECT current_user AS name, r.rolsuper OR r.rolbypassrls AS above,"
        " EXISTS (SELECT 1 FROM pg_tables WHERE tableowner = current_user AND schemaname = 'public') AS owner"
        " FROM pg_roles r WHERE r.rolname = current_user"
    )
    async with database.without_tenant() as session:
        row = (await session.execute(query)).one()
    found = f"{row.name} is plain" if not (row.above or row.owner) else f"{row.name} passes by row-level security"
    remedy = "" if not (row.above or row.owner) else "Let SHOWME_DATABASE_URL name a plain role that owns no table."
    return [Finding("role", found, remedy)]


async def _clock(database: Database) -> Finding:
    async with database.without_tenant() as session:
        theirs: datetime = (await session.execute(text("SELECT clock_timestamp()"))).scalar_one()
    off = abs((theirs - datetime.now(UTC)).total_seconds())
    remedy = "" if off <= MOST_CLOCK_DIFFERENCE_S else "Set the clocks by NTP: signed URLs depend on them."
    return Finding("clock", f"{off:.1f} s from the database's", remedy)


async def _store(settings: Settings) -> list[Finding]:
    try:
        storage = store_of(settings, secret_key(settings))
        complaints = await storage.check()
    except Exception as error:  # noqa: BLE001  # whatever the store raises is the finding
        return [Finding("store", "cannot be used", str(error) or type(error).__name__)]
    place = settings.store.partition("?")[0]
    return [Finding("store", place, complaint) for complaint in complaints] or [Finding("store", place)]


async def _mend_store(settings: Settings) -> None:
    """Whatever stands against it, the check that follows says."""
    with suppress(SettingError, StorageError):
        await store_of(settings, secret_key(settings)).ensure()


async def _programs(settings: Settings) -> list[Finding]:
    try:
        binaries = find_binaries(settings.ffmpeg, settings.ffprobe)
    except BinaryMissing as error:
        return [Finding("ffmpeg", "not found", str(error))]
    return [
        *(Finding(part, found, remedy) for part, found, remedy in await describe(binaries)),
        *_walls(settings, binaries),
    ]


def _walls(settings: Settings, binaries: Binaries) -> list[Finding]:
    """No namespaces are no fault: many containers allow none, and the lists of what may be opened hold without."""
    place = settings.data_dir.resolve()
    if not place.is_dir():
        return []  # which the disk's line says
    for program in (binaries.ffmpeg, binaries.ffprobe):
        walls, reason = attempt(program, place)
        if walls is None:
            return [Finding("isolation", f"only by lists of what ffmpeg may open, without namespaces: {reason}")]
    return [Finding("isolation", "each ffmpeg in namespaces of its own, without network")]


async def _captions(settings: Settings) -> list[Finding]:
    """A fault only where a model is named: else captions are what people send."""
    why = unavailable(settings.captions_model)
    if settings.captions_model is None:
        return [Finding("captions", f"none are made here: {why}")]
    return [Finding("captions", str(settings.captions_model), why)]


async def _disk(settings: Settings) -> list[Finding]:
    try:
        make_data_dir(settings)
    except SettingError as error:
        return [Finding("disk", "the data folder cannot be used", str(error))]
    free = shutil.disk_usage(settings.data_dir).free
    found = f"{free / 1024**3:.1f} GiB free at {settings.data_dir.resolve()}"
    remedy = "" if free >= LEAST_FREE_BYTES else "Make room: a worker needs several times the size of a video."
    return [Finding("disk", found, remedy)]


async def _secret(settings: Settings) -> list[Finding]:
    if not settings.secret_key and not settings.embedded_database:
        return [Finding("secret", "made in the data folder", "Set SHOWME_SECRET_KEY, the same on every machine.")]
    return [Finding("secret", "set" if settings.secret_key else "kept in the data folder")]


CHECKS: tuple[Callable[[Settings], Awaitable[list[Finding]]], ...] = (
    _database,
    _store,
    _disk,
    _programs,
    _captions,
    _secret,
)
