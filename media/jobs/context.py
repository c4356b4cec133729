"""What jobs work with: the parts of the process, a tenant's transaction, a folder that is gone afterwards."""

import asyncio
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from structlog.contextvars import get_contextvars

from media.binaries import Tools
from media.facts import Limits
from media.storage import Storage
from models.database import Database
from models.ids import new_id


@dataclass(frozen=True, kw_only=True)
class WorkerContext:
    """`work_dir` is made when it is needed; `smtp_url` may be empty: then links go to the log (`media.mail`).

    `media_url_life_s`: how long URLs hold that players are given. `source_retention_days` of 0: what clients send is
    kept for ever. Without a `captions_model` none are made here.
    """

    database: Database
    database_url: str = field(repr=False)
    storage: Storage
    tools: Tools
    work_dir: Path
    secret: bytes = field(repr=False)
    base_url: str
    smtp_url: str = field(repr=False)
    mail_from: str
    max_duration_ms: int
    max_bytes: int = 4 << 30
    source_retention_days: int = 0
    event_retention_days: int = 400
    media_url_life_s: int = 8 * 3600
    captions_model: Path | None = None

    @property
    def limits(self) -> Limits:
        return Limits(max_bytes=self.max_bytes, max_duration_ms=self.max_duration_ms)

    @asynccontextmanager
    async def tenant(self, org_id: UUID) -> AsyncGenerator[AsyncSession]:
        """Open a transaction of the organization; jobs deferred in it carry on the request id of this one."""
        async with self.database.tenant(org_id) as session:
            session.info["request_id"] = get_contextvars().get("request_id", "")
            yield session

    @asynccontextmanager
    async def folder(self) -> AsyncGenerator[Path]:
        """Make a folder for one job; whatever ends the job, it is removed."""
        path = self.work_dir / f"job-{new_id().hex}"
        path.mkdir(parents=True)
        try:
            yield path
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, path, ignore_errors=True))
