"""Backup and restore: what comes back is what was there, row by row and object by object."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.engine import make_url

from api.backup import DUMP, LISTING, MANIFEST, OBJECTS, Manifest, backup, read_lines
from api.embedded import EmbeddedPostgres, Urls, psycopg_dsn
from api.pg_tools import ToolError
from api.restore import read_backup, restore
from api.settings import SettingError, Settings
from media import keys
from media.queue import defer
from media.storage import Storage, StoredObject, open_storage
from models.database import Database
from models.ids import new_id
from models.migrate import migrate
from tests.conftest import SECRET
from tests.factories.people import new_org
from tests.factories.rows import fill
from tests.s3_shim import running_s3

BYTES = {"playable.mp4": b"the video" * 1000, "poster.jpg": b"the poster", "v/720.m4s": b""}


@dataclass
class Place:
    """A database and a store of it, as a process that runs there has them in its settings."""

    urls: Urls
    settings: Settings
    storage: Storage

    def rows(self) -> dict[str, list[str]]:
        """Return each table's rows, sorted, as the superuser sees them."""
        with psycopg.connect(psycopg_dsn(self.urls.superuser)) as connection:
            tables = connection.execute(
                "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE n.nspname IN ('public', 'queue') AND c.relkind = 'r'"
            ).fetchall()
            query = sql.SQL("SELECT to_jsonb(t)::text FROM {} t ORDER BY 1")
            return {
                name: [row[0] for row in connection.execute(query.format(sql.Identifier(schema, name)))]
                for schema, name in tables
            }

    def orgs(self) -> list[UUID]:
        with psycopg.connect(psycopg_dsn(self.urls.migrate)) as connection:
            return [row[0] for row in connection.execute("SELECT id FROM org")]

    def grants(self) -> list[Any]:
        with psycopg.connect(psycopg_dsn(self.urls.superuser)) as connection:
            return connection.execute(
                "SELECT relname, relacl::text, relrowsecurity FROM pg_class WHERE relkind IN ('r', 'p')"
                " AND relnamespace IN ('public'::regnamespace, 'queue'::regnamespace) ORDER BY 1"
            ).fetchall()


Make = Callable[..., Place]


def silent(_line: str) -> None:
    """Say nothing."""


@pytest.fixture(scope="module")
def make_place(cluster: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    """Make places, each with an empty database and an empty store of its own."""
    names: list[str] = []

    def make(store_url: str = "") -> Place:
        names.append(f"place_{new_id().hex}")
        urls, folder = cluster.create_database(names[-1]), tmp_path_factory.mktemp("place")
        store_url = store_url or f"file:{folder / 'store'}"
        settings = Settings(folder / "data", database_url=urls.app, migrate_url=urls.migrate, store_url=store_url)
        return Place(urls, settings, open_storage(store_url, secret=SECRET, public_url="http://testserver"))

    yield make
    for name in names:
        cluster.drop_database(name)


@pytest.fixture(scope="module")
async def source(make_place: Make) -> Place:
    """A place with a row in every table, jobs among them, and objects of one organization in the store."""
    made = make_place()
    await asyncio.to_thread(migrate, made.urls.migrate, made.urls.app)
    database = Database(made.urls.app, pool_size=2)
    one = await new_org(made.urls.migrate)
    async with database.tenant(one.id) as session:
        await fill(session, one.id)
        await defer(session, "nobodys_task", queue="long", asset_id=str(new_id()))
    await database.dispose()
    prefix = keys.asset_prefix(one.id, new_id())
    for name, data in BYTES.items():
        await made.storage.put_bytes(prefix + name, data, "video/mp4")
    return made


@pytest.fixture(scope="module")
async def backed_up(source: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("backups") / "whole"
    await asyncio.to_thread(backup, source.settings, folder, with_objects=True, say=silent)
    return folder


async def bring_back(
    place: Place, folder: Path, *, replace: bool = False, anyway: bool = False, said: list[str] | None = None
) -> tuple[bool, list[str]]:
    said = [] if said is None else said
    options = {"replace": replace, "anyway": anyway}
    whole = await asyncio.to_thread(restore, place.settings, folder, **options, say=said.append)
    return whole, said


async def objects_of(storage: Storage, listing: Path) -> dict[str, tuple[bytes, str]]:
    found = {}
    for line in read_lines(listing):
        info = await storage.head(line.key)
        assert info
        found[line.key] = (await storage.read_bytes(line.key), info.content_type)
    return found


async def test_what_comes_back_in_an_empty_place_is_what_was_there(
    source: Place, make_place: Make, backed_up: Path
) -> None:
    target = make_place()
    whole, said = await bring_back(target, backed_up)
    assert (whole, said[-1]) == (True, "Restored, and all 3 objects are there.")
    assert target.rows() == source.rows()
    assert all(source.rows()[name] for name in ("org", "person", "take", "event_202611", "procrastinate_jobs"))
    assert target.grants() == source.grants()
    objects = await objects_of(target.storage, backed_up / LISTING)
    assert objects == await objects_of(source.storage, backed_up / LISTING)
    assert sorted(data for data, _ in objects.values()) == sorted(BYTES.values())


async def test_the_application_works_on_what_came_back_and_sees_its_own_tenant_only(
    make_place: Make, backed_up: Path
) -> None:
    target = make_place()
    await bring_back(target, backed_up)
    database = Database(target.urls.app, pool_size=1)
    try:
        async with database.tenant(new_id()) as session:
            assert await session.scalar(text("SELECT count(*) FROM person")) == 0
            await defer(session, "nobodys_task", queue="long", asset_id=str(new_id()))
    finally:
        await database.dispose()


async def test_a_database_with_organizations_is_replaced_only_when_told(make_place: Make, backed_up: Path) -> None:
    target = make_place()
    await bring_back(target, backed_up)
    newer = await new_org(target.urls.migrate)
    with pytest.raises(SettingError, match=r"has organizations \(2\), which would be lost: say --replace"):
        await bring_back(target, backed_up)
    assert str(newer.id) in str(target.rows()["org"])
    await bring_back(target, backed_up, replace=True)
    assert str(newer.id) not in str(target.rows()["org"])
    assert len(target.rows()["org"]) == 1


async def test_what_cannot_be_restored_leaves_the_database_as_it_was(
    make_place: Make, backed_up: Path, tmp_path: Path
) -> None:
    target = make_place()
    await bring_back(target, backed_up)
    before = target.rows()
    broken = copy_of(backed_up, tmp_path / "broken")
    dump = (broken / DUMP).read_bytes()
    (broken / DUMP).write_bytes(dump[: len(dump) * 2 // 3])
    manifest = msgspec.json.decode((broken / MANIFEST).read_bytes(), type=Manifest)
    manifest.files.pop(DUMP)
    (broken / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    with pytest.raises(ToolError, match="failed"):
        await bring_back(target, broken, replace=True)
    assert target.rows() == before


async def test_objects_that_are_damaged_are_all_named_before_anything_is_replaced(
    make_place: Make, backed_up: Path, tmp_path: Path
) -> None:
    target = make_place()
    await bring_back(target, backed_up)
    newer = await new_org(target.urls.migrate)
    broken = copy_of(backed_up, tmp_path / "broken")
    changed, whole, gone = sorted(line.key for line in read_lines(backed_up / LISTING))
    damage(broken / OBJECTS / changed)
    (broken / OBJECTS / gone).unlink()
    said: list[str] = []
    with pytest.raises(SettingError, match=r"2 objects of .* are damaged: nothing was replaced\..* --anyway"):
        await bring_back(target, broken, replace=True, said=said)
    assert sorted(said[1:]) == [f"  not as it was written: {changed}", f"  not in the backup: {gone}"]
    assert str(newer.id) in str(target.rows()["org"])

    empty = make_place()
    complete, said = await bring_back(empty, broken, anyway=True)
    assert not complete
    assert said[-1] == "Restored; 2 of 3 objects are not there."
    assert str(newer.id) not in str(empty.rows()["org"])
    assert [await empty.storage.head(key) is not None for key in (changed, gone, whole)] == [False, False, True]


def damage(path: Path) -> None:
    """Change one byte."""
    data = path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])


async def test_objects_that_an_s3_has_lost_are_named(source: Place, make_place: Make, tmp_path: Path) -> None:
    with running_s3() as s3:
        lived_in = replace(source.settings, store_url=s3.store_url)
        keys_there = [line.key for line in await copy_objects(source, s3.store_url)]
        await asyncio.to_thread(backup, lived_in, tmp_path / "b", with_objects=False, say=silent)
        assert not (tmp_path / "b" / OBJECTS).exists()
        client = s3.client()
        client.delete_object(Bucket=s3.bucket, Key=keys_there[0])
        client.put_object(Bucket=s3.bucket, Key=keys_there[1], Body=b"cut short")
        whole, said = await bring_back(make_place(s3.store_url), tmp_path / "b")
        client.close()
    assert not whole
    assert said[-3:] == [
        f"  missing: {keys_there[0]}",
        f"  of another size: {keys_there[1]}",
        "Restored; 2 of 3 objects are not there.",
    ]


async def copy_objects(source: Place, store_url: str) -> list[StoredObject]:
    there = open_storage(store_url, secret=SECRET, public_url="http://testserver")
    [org_id] = source.orgs()
    found = await source.storage.list_objects(keys.org_prefix(org_id))
    for one in found:
        await there.put_bytes(one.key, await source.storage.read_bytes(one.key), "video/mp4")
    await there.close()
    return found


async def test_what_uses_the_database_has_to_be_stopped_first(make_place: Make, backed_up: Path) -> None:
    target = make_place()
    with psycopg.connect(psycopg_dsn(target.urls.app)), pytest.raises(SettingError, match="showme_app has 1 connec"):
        await bring_back(target, backed_up)


async def test_tables_of_something_else_are_never_touched(make_place: Make, backed_up: Path) -> None:
    target = make_place()
    with psycopg.connect(psycopg_dsn(target.urls.migrate)) as connection:
        connection.execute("CREATE TABLE accounts (id int)")
    with pytest.raises(SettingError, match="not Showme's"):
        await bring_back(target, backed_up, replace=True)
    assert target.rows() == {"accounts": []}


async def test_another_role_than_the_one_with_the_rights_is_refused(make_place: Make, backed_up: Path) -> None:
    target = make_place()
    target.settings = replace(target.settings, database_url=target.urls.migrate)
    with pytest.raises(SettingError, match="lets the role showme_app use the tables"):
        await bring_back(target, backed_up)


def copy_of(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to)
    return to


def test_a_damaged_backup_is_refused_before_anything_is_lost(backed_up: Path, tmp_path: Path) -> None:
    broken = copy_of(backed_up, tmp_path / "broken")
    with (broken / LISTING).open("ab") as listing:
        listing.write(b"{}")
    with pytest.raises(SettingError, match=r"store\.jsonl is not as it was written"):
        read_backup(broken)
    (broken / MANIFEST).unlink()
    with pytest.raises(SettingError, match="is no whole backup"):
        read_backup(broken)


def test_a_newer_versions_backup_is_refused(backed_up: Path, tmp_path: Path) -> None:
    newer = copy_of(backed_up, tmp_path / "newer")
    manifest = msgspec.json.decode((newer / MANIFEST).read_bytes(), type=Manifest)
    manifest.revision, manifest.showme = "2999_01_01_0001", "9.0.0"
    (newer / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    with pytest.raises(SettingError, match=r"made by Showme 9\.0\.0, which is newer"):
        read_backup(newer)


def test_a_backup_never_writes_over_another_and_holds_no_secret(source: Place, backed_up: Path) -> None:
    with pytest.raises(SettingError, match="is not empty: name a new folder"):
        backup(source.settings, backed_up, with_objects=False, say=silent)
    assert sorted(path.name for path in backed_up.iterdir()) == sorted([DUMP, LISTING, MANIFEST, OBJECTS])
    assert backed_up.stat().st_mode & 0o077 == 0
    password = make_url(source.urls.app).password
    assert password
    assert str(password) not in (backed_up / MANIFEST).read_text()


def test_without_the_owners_url_or_a_database_it_says_what_to_set(source: Place, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="set SHOWME_MIGRATE_URL"):
        backup(replace(source.settings, migrate_url=""), tmp_path / "b", with_objects=False, say=silent)
    with pytest.raises(SettingError, match="there is no database in"):
        backup(Settings(tmp_path / "data"), tmp_path / "b", with_objects=False, say=silent)
    nowhere = replace(source.settings, migrate_url="postgresql+asyncpg://nobody:x@127.0.0.1:1/none")
    with pytest.raises(ToolError, match="the database does not answer"):
        backup(nowhere, tmp_path / "b", with_objects=False, say=silent)
