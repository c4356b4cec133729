"""`showme restore`: a backup becomes the database again, in one transaction; each object of the store is looked for.

A backup is read whole, its objects too, before anything is replaced.
"""

import asyncio
import base64
import shutil
import subprocess
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile

import msgspec
import psycopg
from sqlalchemy.engine import make_url

from api.backup import (
    AT_ONCE,
    DUMP,
    FORMAT,
    LISTING,
    MANIFEST,
    OBJECTS,
    Line,
    Manifest,
    News,
    Say,
    digest,
    megabytes,
    read_lines,
)
from api.embedded import Urls
from api.parts import migrate_to_head, store_of
from api.pg_tools import ToolError, Tools, connect, find_tools, one_line, operated
from api.settings import SettingError, Settings, secret_key
from media import keys
from media.storage import Storage, StorageError, StoredObject
from models.migrate import known

NAMED = 20
# What the owner role has made: the queue's schema, and in `public` the tables, views and functions.
EMPTY = """
DROP SCHEMA IF EXISTS queue CASCADE;
DO $$
DECLARE statement text;
BEGIN
  FOR statement IN
    SELECT format('DROP %s IF EXISTS %s CASCADE', CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, oid::regclass)
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')
      AND NOT relispartition AND relowner = current_user::regrole
    UNION ALL
    SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', oid::regprocedure)
    FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proowner = current_user::regrole
  LOOP
    EXECUTE statement;
  END LOOP;
END $$;
"""
FOREIGN = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = %s"


@dataclass
class Findings:
    """Keys of objects that are not as the backup says; `changed` ones have the right size, and another etag."""

    missing: list[str] = field(default_factory=list)
    other_size: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unknown: int = 0


def restore(settings: Settings, folder: Path, *, replace: bool, anyway: bool, say: Say) -> bool:
    """Restore a backup, and tell whether the store has all of its objects.

    `anyway`: also a backup of which objects are damaged; those are not brought back.

    Raises:
        SettingError: an argument or a setting cannot be used, or there is something that would be lost.
        ToolError: the database or the store did not do it. The database is as it was before, unless it says otherwise.
    """
    manifest = read_backup(folder)
    storage = store_of(settings, secret_key(settings))
    with operated(settings, alone=True) as urls:
        _check_role(manifest, urls)
        with connect(urls.migrate) as connection:
            tools = find_tools(urls.migrate, connection)
            _check_target(connection, make_url(urls.app).username or "", replace=replace)
        damaged = damaged_objects(folder, manifest, say)
        if damaged and not anyway:
            raise SettingError(_refusal(folder, damaged))
        say(f"Restoring the database of {manifest.made_at:%Y-%m-%d %H:%M} UTC ...")
        fill(tools, folder / DUMP)
        migrate_to_head(urls)
    try:
        findings = asyncio.run(_store(storage, folder, manifest, damaged, say))
    except StorageError as error:
        raise ToolError(f"the database is restored, but the store fails: {one_line(str(error))}") from error
    return _tell(findings, manifest, say)


def read_backup(folder: Path) -> Manifest:
    """Return what a backup says of itself, once its files are found whole.

    Raises:
        SettingError: it is no backup, a broken one, or a newer version's.
    """
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
        broken = [name for name, expected in manifest.files.items() if digest(folder / name) != expected]
    except (OSError, msgspec.DecodeError) as error:
        raise SettingError(f"{folder} is no whole backup: {one_line(str(error))}.") from error
    if broken:
        raise SettingError(f"{folder / broken[0]} is not as it was written: the backup is damaged.")
    if manifest.format != FORMAT or not known(manifest.revision):
        raise SettingError(f"{folder} was made by Showme {manifest.showme}, which is newer: restore it with that one.")
    return manifest


def damaged_objects(folder: Path, manifest: Manifest, say: Say) -> frozenset[str]:
    """Return the keys of the objects in the backup that are not as they were written, and say each."""
    if not manifest.with_objects:
        return frozenset()
    say(f"Reading the {manifest.objects} objects of the backup, {megabytes(manifest.object_bytes)} ...")
    damaged, news, done = [], News(say), 0
    for line in read_lines(folder / LISTING):
        path = folder / OBJECTS / keys.checked(line.key)
        found = _sha256(path)
        if found != line.sha256:
            say(f"  {'not in the backup' if found is None else 'not as it was written'}: {line.key}")
            damaged.append(line.key)
        done += line.size_bytes
        news.tell(lambda: f"  {megabytes(done)} of {megabytes(manifest.object_bytes)}")  # noqa: B023  # told at once
    return frozenset(damaged)


def _refusal(folder: Path, damaged: frozenset[str]) -> str:
    return (
        f"{len(damaged)} objects of {folder} are damaged: nothing was replaced. Bring a whole backup, or say --anyway "
        "to restore all but those."
    )


def _check_role(manifest: Manifest, urls: Urls) -> None:
    role = make_url(urls.app).username
    if role != manifest.app_role:
        raise SettingError(
            f"the backup lets the role {manifest.app_role} use the tables: name it in SHOWME_DATABASE_URL, not {role}."
        )


def _check_target(connection: psycopg.Connection, app_role: str, *, replace: bool) -> None:
    if connection.execute("SELECT to_regclass('public.org')").fetchone() != (None,):
        [(orgs,)] = connection.execute("SELECT count(*) FROM org").fetchall()
        if orgs and not replace:
            raise SettingError(
                f"the database has organizations ({orgs}), which would be lost: say --replace if they may."
            )
    elif connection.execute(FOREIGN).fetchone() != (0,):
        raise SettingError("the database has tables that are not Showme's: name an empty one.")
    [(sessions,)] = connection.execute(SESSIONS, [app_role]).fetchall()
    if sessions:
        raise SettingError(f"stop what uses the database first: {app_role} has {sessions} connections to it.")


def fill(tools: Tools, dump: Path) -> None:
    """Empty the database and fill it from the dump, or change nothing: it is committed once the dump was read whole."""
    quiet = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-")
    with TemporaryFile() as unread, TemporaryFile() as refused:
        reading = subprocess.Popen(
            tools.command("pg_restore", "--no-owner", "--file=-", str(dump)),
            env=tools.environment,
            stdout=subprocess.PIPE,
            stderr=unread,
        )
        writing = subprocess.Popen(
            tools.command("psql", *quiet),
            env=tools.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=refused,
        )
        with reading, writing:
            _pump(reading, writing)
        for process, program, complaint in ((writing, "psql", refused), (reading, "pg_restore", unread)):
            if process.returncode != 0:
                complaint.seek(0)
                said = one_line(complaint.read().decode(errors="replace"))
                raise ToolError(f"{program} failed, and the database is as it was: {said}")


def _pump(reading: subprocess.Popen[bytes], writing: subprocess.Popen[bytes]) -> None:
    """Bring what one program writes to the other in a transaction, which is committed only if the first was well."""
    assert reading.stdout
    assert writing.stdin
    with suppress(BrokenPipeError), writing.stdin:  # it says itself why it ended
        writing.stdin.write(f"BEGIN;\n{EMPTY}".encode())
        shutil.copyfileobj(reading.stdout, writing.stdin)
        if reading.wait() == 0:
            writing.stdin.write(b"\nCOMMIT;\n")
    reading.stdout.close()


async def _store(storage: Storage, folder: Path, manifest: Manifest, damaged: frozenset[str], say: Say) -> Findings:
    """Bring the objects of the backup to the store, if they are in it, and look for each."""
    by_org: dict[str, list[Line]] = defaultdict(list)
    for line in read_lines(folder / LISTING):
        by_org[line.key.partition("/")[0] + "/"].append(line)
    say(f"{'Bringing back' if manifest.with_objects else 'Looking for'} {manifest.objects} objects ...")
    findings, news, done = Findings(), News(say), 0
    for prefix, lines in by_org.items():
        there = {one.key: one for one in await storage.list_objects(prefix)}
        if manifest.with_objects:
            for start in range(0, len(lines), AT_ONCE):
                some = [line for line in lines[start : start + AT_ONCE] if not _same(line, there.get(line.key))]
                some = [line for line in some if line.key not in damaged]
                await asyncio.gather(*(_bring_back(storage, folder, line) for line in some))
                news.tell(lambda: f"  {done + start} of {manifest.objects}")  # noqa: B023  # told at once, or never
            there = {one.key: one for one in await storage.list_objects(prefix)}
        _compare(lines, there, findings, by_etag=not manifest.with_objects)
        done += len(lines)
        news.tell(lambda: f"  {done} of {manifest.objects}")  # noqa: B023  # likewise
    await storage.close()
    return findings


def _same(line: Line, there: StoredObject | None) -> bool:
    return there is not None and (there.size_bytes, there.etag) == (line.size_bytes, line.etag)


async def _bring_back(storage: Storage, folder: Path, line: Line) -> None:
    await storage.upload(folder / OBJECTS / keys.checked(line.key), line.key, line.content_type)


def _sha256(path: Path) -> str | None:
    if not path.is_file():
        return None
    return base64.b64encode(bytes.fromhex(digest(path))).decode()


def _compare(lines: list[Line], there: dict[str, StoredObject], findings: Findings, *, by_etag: bool) -> None:
    for line in lines:
        found = there.pop(line.key, None)
        if found is None:
            findings.missing.append(line.key)
        elif found.size_bytes != line.size_bytes:
            findings.other_size.append(line.key)
        elif by_etag and found.etag != line.etag:
            findings.changed.append(line.key)
    findings.unknown += len(there)


def _tell(findings: Findings, manifest: Manifest, say: Say) -> bool:
    for kind, found in (("missing", findings.missing), ("of another size", findings.other_size)):
        for key in found[:NAMED]:
            say(f"  {kind}: {key}")
        if len(found) > NAMED:
            say(f"  {kind}: {len(found) - NAMED} more")
    if findings.changed:
        say(f"  {len(findings.changed)} objects have another etag: they were copied, or written again since.")
    if findings.unknown:
        say(f"  {findings.unknown} objects are newer than the backup, and belong to nothing now.")
    lost = len(findings.missing) + len(findings.other_size)
    say(
        f"Restored; {lost} of {manifest.objects} objects are not there."
        if lost
        else f"Restored, and all {manifest.objects} objects are there."
    )
    return not lost
