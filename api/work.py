"""The worker as a process, made from the settings."""

import asyncio
import signal

from api.embedded import Urls
from api.logs import configure_logs
from api.metrics import worker_metrics
from api.parts import Parts, database_urls, directly, opened_parts
from api.settings import SettingError, Settings
from api.tracing import start_tracing
from media import traces
from media.binaries import BinaryMissing, Tools, find_binaries
from media.mail import check_smtp_url
from media.worker import Pace, WorkerContext, run_worker


def work(settings: Settings) -> int:
    """Work off jobs until a signal.

    Raises:
        SettingError: there is no database or no ffmpeg to work with, no mail server that could be, or a port is taken.
    """
    configure_logs(settings.log_format, settings.log_level)
    settings = directly(settings)
    start_tracing(settings, "showme-worker")
    urls = database_urls(settings)
    try:
        tools = Tools(find_binaries(settings.ffmpeg, settings.ffprobe))
        check_smtp_url(settings.smtp_url)
    except BinaryMissing as error:
        raise SettingError(str(error)) from error
    except ValueError as error:
        raise SettingError(f"SHOWME_SMTP_URL: {error}") from error
    try:
        return asyncio.run(_work(settings, urls, tools))
    finally:
        traces.end()


async def _work(settings: Settings, urls: Urls, tools: Tools) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with opened_parts(settings) as parts, worker_metrics(settings, parts.database):
        context = worker_context(parts, urls, tools)
        slots = {"quick_slots": settings.quick_slots, "long_slots": settings.long_slots}
        await run_worker(context, **slots, stop=stop, pace=pace_of(settings))
    return 0


def pace_of(settings: Settings) -> Pace:
    """Give signs of life so often that a busy moment is not taken for death."""
    return Pace(heartbeat_s=settings.worker_silence_s / 6, stalled_s=settings.worker_silence_s)


def worker_context(parts: Parts, urls: Urls, tools: Tools) -> WorkerContext:
    settings = parts.settings
    return WorkerContext(
        database=parts.database,
        database_url=urls.app,
        storage=parts.storage,
        tools=tools,
        work_dir=settings.data_dir.resolve() / "work",
        secret=parts.secret,
        base_url=settings.base_url,
        smtp_url=settings.smtp_url,
        mail_from=settings.mail_from,
        max_duration_ms=settings.max_duration_ms,
        max_bytes=settings.max_upload_bytes,
        source_retention_days=settings.source_retention_days,
        event_retention_days=settings.event_retention_days,
        media_url_life_s=settings.media_url_life_s,
        captions_model=settings.captions_model.resolve() if settings.captions_model else None,
    )
