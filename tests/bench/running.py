"""A server as `showme up` runs it, for figures of the whole: with somebody signed in, and its clock in the database."""

import statistics
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from sqlalchemy.engine import make_url

from api.demo.command import free_port, start_up, stop, wait_until_up
from api.demo.org import ADMIN, SLUG, Speaker, demo_password, token
from api.embedded import Urls, running_urls

# What the database itself notes: the moment a transaction commits, in which a job was deferred or a video became
# playable (a trigger put off to the commit), and the moment a worker takes a job.
CLOCK = """
CREATE TABLE bench_job (id bigint PRIMARY KEY, task text, committed_at timestamptz, started_at timestamptz);
CREATE TABLE bench_playable (id uuid PRIMARY KEY, at timestamptz);
CREATE FUNCTION bench_deferred() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
  INSERT INTO public.bench_job VALUES (NEW.id, NEW.task_name, clock_timestamp()); RETURN NULL; END $$;
CREATE FUNCTION bench_started() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
  UPDATE public.bench_job SET started_at = clock_timestamp() WHERE id = NEW.id AND started_at IS NULL;
  RETURN NULL; END $$;
CREATE FUNCTION bench_played() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
  INSERT INTO public.bench_playable VALUES (NEW.id, clock_timestamp()) ON CONFLICT DO NOTHING; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER bench_deferred AFTER INSERT ON queue.procrastinate_jobs DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION bench_deferred();
CREATE TRIGGER bench_started AFTER UPDATE ON queue.procrastinate_jobs
  FOR EACH ROW WHEN (OLD.status = 'todo' AND NEW.status = 'doing') EXECUTE FUNCTION bench_started();
CREATE CONSTRAINT TRIGGER bench_played AFTER UPDATE ON asset DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (OLD.state = 'processing' AND NEW.state = 'playable') EXECUTE FUNCTION bench_played();
"""


@dataclass(frozen=True)
class House:
    """A running server, its administrator, and a connection as the owner of its tables."""

    pid: int
    folder: Path
    urls: Urls
    client: httpx.AsyncClient
    speaker: Speaker
    owner: Any

    async def begin_upload(self, size_bytes: int) -> Any:
        body = {"filename": "talk.mp4", "content_type": "video/mp4", "size_bytes": size_bytes, "purpose": "prompt"}
        return await self.speaker.post("/v1/uploads", body)

    async def upload(self, content: bytes) -> Any:
        """Bring a video, part after part, and return its asset as `complete` answers it."""
        upload = await self.begin_upload(len(content))
        path, size = f"/v1/uploads/{upload['id']}", upload["part_size_bytes"]
        wanted = [{"part_number": number} for number in range(1, upload["part_count"] + 1)]
        items = (await self.speaker.post(f"{path}/part-urls", {"parts": wanted}))["items"]
        for place, item in enumerate(items):
            part = content[place * size : (place + 1) * size]
            (await self.client.put(item["url"], content=part, headers=item["headers"])).raise_for_status()
        return await self.speaker.post(f"{path}/complete", {})


@asynccontextmanager
async def house(folder: Path, **settings: str) -> AsyncGenerator[House]:
    base_url = f"http://127.0.0.1:{free_port()}"
    process = start_up(folder / "data", base_url, **settings)
    try:
        await wait_until_up(process, base_url, folder / "data")
        urls = running_urls(folder / "data")
        assert urls is not None
        owner = await asyncpg.connect(
            make_url(urls.migrate).set(drivername="postgresql").render_as_string(hide_password=False)
        )
        await owner.execute(CLOCK)
        async with httpx.AsyncClient(base_url=base_url, timeout=120) as client:
            speaker = Speaker(client, await token(client, SLUG, ADMIN, demo_password(folder / "data")))
            yield House(process.pid, folder, urls, client, speaker, owner)
        await owner.close()
    finally:
        stop(process)


def share(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
