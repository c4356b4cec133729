"""`showme up`: the embedded database, the migrations, the API and the worker under one supervisor."""

import asyncio
import os
import signal
import sys
from contextlib import ExitStack

import httpx
import structlog

from api.embedded import EmbeddedError, EmbeddedPostgres, Urls
from api.logs import configure_logs
from api.parts import database_urls, listen, migrate_to_head, store_of
from api.settings import SettingError, Settings, make_data_dir, secret_key
from api.supervisor import Child, supervise
from media.storage import StorageUnavailable

log = structlog.get_logger()


async def up(settings: Settings, *, demo: bool) -> int:
    """Run until a signal. Returns the exit status.

    Raises:
        CancelledError: a signal came before everything was started; what was has ended.
    """
    configure_logs(settings.log_format, settings.log_level)
    _end_at(signal.SIGTERM, signal.SIGHUP)
    listen(settings).close()  # a taken port is said before anything is started
    with ExitStack() as stack:
        urls, postgres = _database(settings, stack)
        if urls.migrate:
            await asyncio.to_thread(migrate_to_head, urls)
        await _ensure_store(settings)
        keeping = asyncio.create_task(postgres.keep_running(log=log)) if postgres else None
        try:
            status: int = await supervise(_children(urls), log=log, ready=lambda: _ready(settings, demo=demo))
        finally:
            if keeping:
                keeping.cancel()
        return status


def _end_at(*signals: signal.Signals) -> None:
    """End what is being started as Ctrl-C would, until the supervisor listens for itself."""
    starting = asyncio.current_task()
    assert starting is not None
    for number in signals:
        if signal.getsignal(number) is not signal.SIG_IGN:
            asyncio.get_running_loop().add_signal_handler(number, starting.cancel)


async def _ensure_store(settings: Settings) -> None:
    """Make what the store needs. One that is away for a while keeps nothing else from starting."""
    storage = store_of(settings, secret_key(settings))
    try:
        await storage.ensure()
    except StorageUnavailable as error:
        log.warning("the store does not answer yet", error=str(error), see="showme doctor")
    finally:
        await storage.close()


def _database(settings: Settings, stack: ExitStack) -> tuple[Urls, EmbeddedPostgres | None]:
    if not settings.embedded_database:
        return database_urls(settings), None
    make_data_dir(settings)
    postgres = EmbeddedPostgres(settings.data_dir)
    try:
        return stack.enter_context(postgres), postgres
    except EmbeddedError as error:
        raise SettingError(str(error)) from error


def _children(urls: Urls) -> list[Child]:
    # -P: a folder named `api` or `models` where the user stands must not shadow ours.
    command = [sys.executable, "-P", "-m", "api.cli"]
    # They get the URL, since one that starts while the database is down could not find it, and would end us all.
    env = {**os.environ, "SHOWME_DATABASE_URL": urls.app}
    return [Child(name, [*command, name], env) for name in ("serve", "worker")]


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
