"""What must be true at the end: nothing lost, nothing twice, nothing left lying about."""

import asyncio
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from api.embedded import running_urls
from tests.chaos.house import House
from tests.chaos.story import Handed
from tests.phone.phone import sha256_of
from tests.s3_shim import S3Server

UNDONE = """
SELECT (SELECT count(*) FROM queue.procrastinate_jobs WHERE status IN ('todo', 'doing'))
     + (SELECT count(*) FROM asset WHERE state IN ('processing', 'uploading') OR renditions_pending)
"""
TAKES = """
SELECT t.id::text, t.state, p.email, a.id::text AS asset, a.state AS asset_state, a.sha256
FROM take t JOIN person p ON p.id = t.person_id
LEFT JOIN response r ON r.take_id = t.id LEFT JOIN asset a ON a.id = r.asset_id
WHERE t.state NOT IN ('draft', 'discarded')
"""
ASSETS = "SELECT id::text, org_id::text, state, problem_code, problem_detail, storyboard, poster, facts FROM asset"
# All videos are good: a failure is true only if the job was killed, or the store was away, as often as it is tried.
TRUE_REASONS = ("ended its worker", "StorageUnavailable", "UnavailableError")


@dataclass
class Truth:
    """Looks at the database and the store themselves, as their owner."""

    house: House
    s3: S3Server

    async def quiet(self, seconds: float) -> bool:
        """Wait until nothing is left to do; tell whether that came in time."""
        try:
            async with asyncio.timeout(seconds):
                while await self._undone():  # noqa: ASYNC110 - the last job of all tells nobody
                    await asyncio.sleep(0.3)
        except TimeoutError:
            return False
        return True

    async def _undone(self) -> int:
        """Count jobs to do and assets that wait for one; 1 while the database cannot be asked."""
        try:
            [row] = await self._read(UNDONE)
            return int(row[0])
        except (OSError, LookupError):
            return 1

    async def _read(self, query: str) -> list[Any]:
        urls = running_urls(self.house.data_dir)
        if urls is None:
            raise LookupError("no database runs")
        engine: AsyncEngine = create_async_engine(urls.superuser)
        try:
            async with engine.connect() as connection:
                return list((await connection.execute(text(query))).all())
        finally:
            await engine.dispose()

    async def lies(self, handed: list[Handed]) -> list[str]:
        """Return what does not hold, a sentence each."""
        assets = await self._read(ASSETS)
        return [
            *await self._takes(handed),
            *self._assets(assets),
            *await self._store(assets),
            *[
                f"job {row[1]} is {row[0]}"
                for row in await self._read(
                    "SELECT status::text, task_name FROM queue.procrastinate_jobs WHERE status IN ('todo', 'doing')"
                )
            ],
            *[
                f"upload {row[0]} is still open"
                for row in await self._read("SELECT id::text FROM upload WHERE state = 'open'")
            ],
        ]

    async def _takes(self, handed: list[Handed]) -> list[str]:
        rows = await self._read(TAKES)
        found = []
        for one in handed:
            mine = [row for row in rows if row.id == one.saved.take_id]
            want = sha256_of(one.video.read_bytes())
            if len(mine) != 1:
                found.append(f"take {one.saved.take_id} of {one.email} is there {len(mine)} times")
            elif mine[0].state != "submitted":
                found.append(f"take {one.saved.take_id} of {one.email} is {mine[0].state}")
            elif mine[0].sha256 != want:
                found.append(f"take {one.saved.take_id} has {mine[0].sha256} and not {want}")
        known = {one.saved.take_id for one in handed}
        found += [f"take {row.id} of {row.email} was handed in by nobody" for row in rows if row.id not in known]
        return found

    def _assets(self, assets: list[Any]) -> list[str]:
        found = []
        for row in assets:
            true = any(reason in (row.problem_detail or "") for reason in TRUE_REASONS)
            given_up = row.state == "failed" or (row.state == "playable" and row.problem_code)
            if row.state not in ("ready", "deleted") and not (given_up and true):
                found.append(f"asset {row.id} is {row.state}: {row.problem_code} {row.problem_detail}")
        return found

    async def _store(self, assets: list[Any]) -> list[str]:
        """Compare what is in the bucket with what the rows say, both ways."""
        wanted = {row[0] for row in await self._read("SELECT key FROM rendition")}
        for row in assets:
            if row.state == "deleted":
                continue
            prefix = f"{row.org_id}/assets/{row.id}/"
            wanted.add(prefix + "source.bin")
            wanted |= {prefix + "poster.jpg"} if row.poster else set()
            wanted |= {prefix + "storyboard.jpg"} if row.storyboard else set()
            wanted |= {prefix + "waveform.json"} if (row.facts or {}).get("waveform") else set()
        client = self.s3.client()
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=self.s3.bucket)
        there = {item["Key"] for page in pages for item in page.get("Contents", [])}
        unfinished = self._unfinished(client)
        client.close()
        ready = {row.id for row in assets if row.state == "ready"}
        orphans = [
            key
            for key in there - wanted
            if key.split("/")[2] in ready or key.split("/")[2] not in {row.id for row in assets}
        ]
        return [
            *[f"object {key} belongs to nothing" for key in sorted(orphans)],
            *[f"object {key} is not there" for key in sorted(wanted - there)],
            *[f"multipart of {key} holds parts that nobody will join" for key in unfinished],
        ]

    def _unfinished(self, client: Any) -> list[str]:
        """Return the keys of multiparts with parts; empty ones, of a begin whose answer was lost, cost nothing."""
        uploads = client.list_multipart_uploads(Bucket=self.s3.bucket).get("Uploads", [])
        return [
            upload["Key"]
            for upload in uploads
            if client.list_parts(Bucket=self.s3.bucket, Key=upload["Key"], UploadId=upload["UploadId"]).get("Parts")
        ]
