"""`showme backup`: the database as pg_dump writes it, and a listing of the store, in a folder that `restore` reads.

The folder holds `database.dump`, `store.jsonl` (one object a line), with `--with-objects` also `objects/<key>`, and at
last `manifest.json`: a folder without it is no backup. No secret is in it; the secret key is kept elsewhere.
"""

import asyncio
import contextlib
import hashlib
import subprocess
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec
from sqlalchemy.engine import make_url

from api.app import VERSION
from api.embedded import Urls
from api.parts import store_of
from api.pg_tools import ToolError, Tools, connect, find_tools, has_embedded, one_line, operated
from api.settings import SettingError, Settings, secret_key
from media import keys
from media.storage import NoSuchKey, Storage, StorageError, StoredObject

FORMAT = 1
MANIFEST, DUMP, LISTING, OBJECTS = "manifest.json", "database.dump", "store.jsonl", "objects"
NEWS_S = 5.0
AT_ONCE = 4
CHUNK_BYTES = 1024 * 1024

Say = Callable[[str], None]


class Manifest(msgspec.Struct, kw_only=True):
    """`store` is told without its options, of which some are secret; `files` are digests, SHA-256 in hex."""

    format: int = FORMAT
    showme: str = VERSION
    made_at: datetime
    postgres: int
    revision: str
    app_role: str
    store: str
    objects: int
    object_bytes: int
    with_objects: bool
    files: dict[str, str]


class Line(msgspec.Struct, omit_defaults=True):
    """An object in the listing. With the object itself come its type and the SHA-256 of its bytes, base64."""

    key: str
    size_bytes: int
    etag: str
    content_type: str = ""
    sha256: str = ""


class News:
    """Lines about a long work, one every few seconds."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self._next = time.monotonic() + NEWS_S

    def tell(self, line: Callable[[], str]) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + NEWS_S
            self.say(line())


def backup(settings: Settings, folder: Path, *, with_objects: bool, say: Say) -> None:
    """Write a backup into a new folder.

    The database comes first: what is made later is in the listing at most, and not in the dump without its object.

    Raises:
        SettingError: an argument or a setting cannot be used.
        ToolError: the database or the store did not give what was asked.
    """
    if settings.embedded_database and not has_embedded(settings):
        raise SettingError(f"there is no database in {settings.data_dir}: set SHOWME_DATA_DIR or SHOWME_DATABASE_URL.")
    storage = store_of(settings, secret_key(settings))
    with operated(settings, alone=False) as urls:
        new_folder(folder)
        manifest, orgs = _dump(urls, folder, settings.store, say)
        try:
            asyncio.run(_list(storage, orgs, folder, manifest, with_objects=with_objects, say=say))
        except StorageError as error:
            raise ToolError(f"the store: {one_line(str(error))}") from error
    manifest.files[LISTING] = digest(folder / LISTING)
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
    say(f"Made the backup {folder}: {manifest.objects} objects of {megabytes(manifest.object_bytes)} are listed.")
    say("The secret key is not in it. Keep it too: without it everybody has to sign in again.")


def new_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise SettingError(f"{folder} is not empty: name a new folder.")
    except OSError as error:
        raise SettingError(f"{folder} cannot be written: {error.strerror}.") from error


def _dump(urls: Urls, folder: Path, store: str, say: Say) -> tuple[Manifest, list[UUID]]:
    with connect(urls.migrate) as connection:
        tools = find_tools(urls.migrate, connection)
        if connection.execute("SELECT to_regclass('public.alembic_version')").fetchone() == (None,):
            raise ToolError("the database is empty: there is nothing to back up.")
        [(revision,)] = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        run_dump(tools, folder / DUMP, say)
        orgs = [row[0] for row in connection.execute("SELECT id FROM org ORDER BY id")]
        postgres = connection.info.server_version // 10_000
    manifest = Manifest(
        made_at=datetime.now(UTC),
        postgres=postgres,
        revision=revision,
        app_role=make_url(urls.app).username or "",
        store=store.partition("?")[0],
        objects=0,
        object_bytes=0,
        with_objects=False,
        files={DUMP: digest(folder / DUMP)},
    )
    return manifest, orgs


def run_dump(tools: Tools, path: Path, say: Say) -> None:
    say("Dumping the database ...")
    news = News(say)
    command = tools.command("pg_dump", "--format=custom", "--lock-wait-timeout=60000", f"--file={path}")
    dumping = subprocess.Popen(
        command, env=tools.environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    with dumping:
        while True:
            try:
                _, complaint = dumping.communicate(timeout=1)
                break
            except subprocess.TimeoutExpired:
                news.tell(lambda: f"  {megabytes(path.stat().st_size if path.exists() else 0)} so far")
            except BaseException:
                dumping.kill()
                raise
    if dumping.returncode != 0:
        raise ToolError(f"pg_dump failed: {one_line(complaint)}")
    path.chmod(0o600)
    say(f"  {megabytes(path.stat().st_size)}")


async def _list(
    storage: Storage, orgs: list[UUID], folder: Path, manifest: Manifest, *, with_objects: bool, say: Say
) -> None:
    say("Copying the objects of the store ..." if with_objects else "Listing the objects of the store ...")
    news = News(say)
    manifest.with_objects = with_objects
    with (folder / LISTING).open("wb") as listing:
        async for line in _lines(storage, orgs, folder / OBJECTS if with_objects else None):
            listing.write(msgspec.json.encode(line) + b"\n")
            manifest.objects += 1
            manifest.object_bytes += line.size_bytes
            news.tell(lambda: f"  {manifest.objects} objects, {megabytes(manifest.object_bytes)} so far")
    await storage.close()


async def _lines(storage: Storage, orgs: list[UUID], objects: Path | None) -> AsyncGenerator[Line]:
    for org_id in orgs:
        found = await storage.list_objects(keys.org_prefix(org_id))
        for start in range(0, len(found), AT_ONCE):
            some = found[start : start + AT_ONCE]
            if objects is None:
                copied: list[Line | None] = [Line(one.key, one.size_bytes, one.etag) for one in some]
            else:
                copied = await asyncio.gather(*(_copy(storage, one, objects) for one in some))
            for line in filter(None, copied):
                yield line


async def _copy(storage: Storage, one: StoredObject, objects: Path) -> Line | None:
    """Copy an object into the backup; None when it was erased since it was listed."""
    path = objects / keys.checked(one.key)
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(NoSuchKey):
        info = await storage.head(one.key)
        sha256 = await storage.download(one.key, path, sha256=True)
        if info is not None and sha256 is not None:
            return Line(one.key, path.stat().st_size, info.etag, info.content_type, sha256)
    return None


def read_lines(path: Path) -> Iterator[Line]:
    decoder = msgspec.json.Decoder(Line)
    with path.open("rb") as listing:
        for line in listing:
            yield decoder.decode(line)


def digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            found.update(chunk)
    return found.hexdigest()


def megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"
