"""`showme up`: the embedded database, the migrations, the API and the worker under one supervisor."""

import asyncio
import os
import sys
from contextlib import ExitStack

import httpx
import structlog

from api.embedded import EmbeddedError, EmbeddedPostgres, Urls
from api.logs import configure_logs
from api.run import database_urls, listen, store_of
from api.settings import SettingError, Settings, secret_key
from api.supervisor import Child, supervise

log = structlog.get_logger()


async def up(settings: Settings, *, demo: bool) -> int:
    """Run until a signal. Returns the exit status."""
    configure_logs(settings.log_format, settings.log_level)
    listen(settings).close()  # a taken port is said before anything is started
    with ExitStack() as stack:
        urls = _database(settings, stack)
        if urls.migrate:
            await asyncio.to_thread(migrate_to_head, urls)
        await store_of(settings, secret_key(settings)).ensure()
        status: int = await supervise(_children(), log=log, ready=lambda: _ready(settings, demo=demo))
        return status


def _database(settings: Settings, stack: ExitStack) -> Urls:
    if not settings.embedded_database:
        return database_urls(settings)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    try:
        return stack.enter_context(EmbeddedPostgres(settings.data_dir))
    except EmbeddedError as error:
        raise SettingError(str(error)) from error


def _children() -> list[Child]:
    # -P: a folder named `api` or `models` where the user stands must not shadow ours.
    command = [sys.executable, "-P", "-m", "api.cli"]
    return [Child(name, [*command, name], dict(os.environ)) for name in ("serve", "worker")]


async def _ready(settings: Settings, *, demo: bool) -> None:
    await wait_until_ready(settings.base_url)
    told = [f"\nShowme listens on {settings.base_url}   (documentation: {settings.base_url}/docs)"]
    if demo:
        from api.demo.org import ensure_demo

        told.append(await ensure_demo(settings))
    told.append(f"Ctrl-C stops it; everything is kept in {settings.data_dir.resolve()}")
    # At once and last, so that no line of the log comes between.
    print("\n".join(told), flush=True)


async def wait_until_ready(base_url: str, *, seconds: float = 60) -> None:
    """Ask the server until it is ready.

    Raises:
        TimeoutError: it is not, after that many seconds.
    """
    async with asyncio.timeout(seconds), httpx.AsyncClient(base_url=base_url) as client:
        while True:
            try:
                if (await client.get("/health/ready")).status_code == 200:
                    return
            except httpx.TransportError:
                pass  # not listening yet
            await asyncio.sleep(0.05)
