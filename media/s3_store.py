"""Objects on S3, or on anything that speaks it. boto3 blocks, so its calls run in threads of their own."""

import asyncio
import base64
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from media import keys, s3_bucket
from media.metrics import counted
from media.s3_bucket import code_of
from media.s3_prefix import Bucket
from media.signing import CHECKSUM_HEADER, MAX_LIFE_S, Keys, SigV4Signer, content_disposition, round_down, step_s
from media.verbs import (
    Clock,
    FoundObject,
    Held,
    NoSuchKey,
    NoSuchMultipart,
    ObjectInfo,
    OpenMultipart,
    PartRefused,
    PartToJoin,
    SignedRequest,
    StorageUnavailable,
    StoredObject,
    StoredPart,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

THREADS = 16
PAGE = 1000
CHUNK_BYTES = 1024 * 1024
DEFAULT_REGION = "us-east-1"

_PART_CODES = frozenset(
    {
        "InvalidPart",
        "InvalidPartOrder",
        "EntityTooSmall",
        "BadDigest",
        "InvalidRequest",
        "MalformedXML",
        "InvalidArgument",
    }
)
_CONFIG = Config(
    signature_version="s3v4",
    retries={"mode": "standard", "max_attempts": 4},
    connect_timeout=5,
    read_timeout=60,
    max_pool_connections=THREADS + 4,
    # Other S3 servers refuse the checksums that boto3 would add by itself.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)
# Memory: 4 parts of 8 MiB at once for each upload.
_TRANSFER = TransferConfig(max_concurrency=4)

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class S3Place:
    """Where a bucket is. Empty: AWS's own endpoint, boto3's region and credentials, the style that fits them."""

    bucket: str
    endpoint: str = ""
    region: str = ""
    public_endpoint: str = ""
    style: str = ""
    access_key: str = ""
    secret_key: str = field(default="", repr=False)


@counted
class S3Storage:
    """A `Storage` on S3. Clients send and read bytes with signed URLs; they never pass through here."""

    def __init__(
        self,
        place: S3Place,
        *,
        clock: Clock = time.time,
        session: boto3.Session | None = None,
        page: int = PAGE,
    ) -> None:
        self.bucket = place.bucket
        self._clock = clock
        self._session = session or boto3.Session(place.access_key or None, place.secret_key or None)
        region = place.region or self._session.region_name or DEFAULT_REGION
        style = place.style or ("path" if place.endpoint or place.public_endpoint else "virtual")
        addressing: Any = {"addressing_style": style}
        config = _CONFIG.merge(Config(s3=addressing))
        self._client: S3Client = self._session.client(
            "s3", region_name=region, endpoint_url=place.endpoint or None, config=config
        )
        self._bucket = Bucket(self._client, place.bucket, page)
        public = place.public_endpoint or place.endpoint or f"https://s3.{region}.amazonaws.com"
        self._signer = SigV4Signer(public, place.bucket, region, path_style=style == "path")
        self._executor = ThreadPoolExecutor(THREADS, "s3")

    # The verbs

    async def create_multipart(self, key: str, content_type: str, *, checksum: bool) -> str:
        options: Any = {"ChecksumAlgorithm": "SHA256"} if checksum else {}
        answer = await self._run(
            self._client.create_multipart_upload, **self._at(key), ContentType=content_type, **options
        )
        return answer["UploadId"]

    async def list_parts(self, key: str, multipart_id: str) -> list[StoredPart]:
        return await self._run(self._list_parts, **self._at(key), UploadId=multipart_id)

    async def complete_multipart(self, key: str, multipart_id: str, parts: Sequence[PartToJoin]) -> None:
        await self._run(self._complete, parts, **self._at(key), UploadId=multipart_id)

    async def abort_multipart(self, key: str, multipart_id: str) -> None:
        with contextlib.suppress(NoSuchMultipart):
            await self._run(self._client.abort_multipart_upload, **self._at(key), UploadId=multipart_id)

    async def head(self, key: str) -> ObjectInfo | None:
        try:
            found = await self._run(self._client.head_object, **self._at(key))
        except NoSuchKey:
            return None
        return ObjectInfo(found["ContentLength"], found["ETag"], found.get("ContentType", ""))

    async def download(self, key: str, path: Path, *, sha256: bool = False) -> str | None:
        return await self._run(self._download, keys.checked(key), path, sha256=sha256)

    async def upload(self, path: Path, key: str, content_type: str) -> None:
        await self._run(
            self._client.upload_file,
            str(path),
            self.bucket,
            keys.checked(key),
            ExtraArgs={"ContentType": content_type},
            Config=_TRANSFER,
        )

    async def put_bytes(self, key: str, data: bytes, content_type: str) -> None:
        await self._run(self._client.put_object, **self._at(key), Body=data, ContentType=content_type)

    async def read_bytes(self, key: str) -> bytes:
        return await self._run(self._read_bytes, keys.checked(key))

    async def list_keys(self, prefix: str) -> list[str]:
        return [found.key for found in await self.list_objects(prefix)]

    async def list_objects(self, prefix: str) -> list[StoredObject]:
        return await self._run(self._bucket.objects, keys.checked_prefix(prefix))

    async def walk(self, prefix: str) -> AsyncIterator[Sequence[FoundObject]]:
        pages = self._bucket.walk(keys.checked_prefix(prefix))
        while found := await self._run(next, pages, None):
            yield found

    async def list_multiparts(self, prefix: str) -> list[OpenMultipart]:
        return await self._run(self._bucket.multiparts, keys.checked_prefix(prefix))

    async def held(self, prefix: str) -> Held:
        return await self._run(self._bucket.held, keys.checked_prefix(prefix))

    async def delete_prefix(self, prefix: str) -> list[str]:
        return await self._run(self._bucket.erase, keys.checked_prefix(prefix))

    async def delete_keys(self, keys_: Sequence[str]) -> None:
        await self._run(self._bucket.erase_keys, [keys.checked(key) for key in keys_])

    async def ping(self) -> None:
        await self._run(self._client.head_bucket, Bucket=self.bucket)

    async def check(self) -> list[str]:
        try:
            return await self._run(lambda: list(s3_bucket.problems(self._client, self.bucket)))
        except StorageUnavailable as error:
            return [f"The store does not answer ({error}): look at the endpoint and the credentials."]

    async def ensure(self) -> None:
        await self._run(s3_bucket.make, self._client, self.bucket)

    async def tidy(self) -> None:
        """Leave it to the bucket's lifecycle."""

    async def close(self) -> None:
        self._executor.shutdown(wait=False)
        self._client.close()

    def sign_get(
        self, key: str, *, expires_in_s: int, content_type: str | None = None, download_name: str | None = None
    ) -> str:
        query = {}
        if content_type:
            query["response-content-type"] = content_type
        if download_name:
            query["response-content-disposition"] = content_disposition(download_name)
        at, held = round_down(self._clock(), expires_in_s), self._keys()
        life_s = self._life_s(at, step_s(expires_in_s) + expires_in_s, held)
        return self._signer.sign(keys.checked(key), keys=held, at=at, expires_in_s=life_s, query=query)

    def sign_part(
        self,
        key: str,
        multipart_id: str,
        part_number: int,
        *,
        size_bytes: int,
        checksum_sha256: str | None = None,
        expires_in_s: int,
    ) -> SignedRequest:
        at, held = int(self._clock()), self._keys()
        life_s = self._life_s(at, expires_in_s, held)
        headers = {CHECKSUM_HEADER: checksum_sha256} if checksum_sha256 else {}
        url = self._signer.sign(
            keys.checked(key),
            keys=held,
            at=at,
            expires_in_s=life_s,
            method="PUT",
            query={"partNumber": str(part_number), "uploadId": multipart_id},
            headers={**headers, "content-length": str(size_bytes)},  # which every client sends by itself
        )
        return SignedRequest(url, "PUT", datetime.fromtimestamp(at + life_s, UTC), headers)

    # Credentials

    def _keys(self) -> Keys:
        """Take the credentials anew each time: those of a role rotate."""
        credentials = self._session.get_credentials()
        if credentials is None:
            raise StorageUnavailable("There are no credentials for S3.")
        try:
            frozen = credentials.get_frozen_credentials()
        except (BotoCoreError, RuntimeError) as error:  # the latter where a refresh brought nothing newer
            raise StorageUnavailable(f"The credentials for S3 have ended: {error}") from error
        ends = getattr(credentials, "_expiry_time", None)  # no public way to ask
        return Keys(
            frozen.access_key or "",
            frozen.secret_key or "",
            frozen.token,
            ends.timestamp() if ends is not None else None,
        )

    def _life_s(self, at: int, asked_s: int, held: Keys) -> int:
        life_s = min(asked_s, MAX_LIFE_S)
        if held.expires_at is not None:
            life_s = min(life_s, int(held.expires_at) - at)
        if at + life_s <= self._clock():
            raise StorageUnavailable("The credentials for S3 have ended.")
        return life_s

    # What blocks, in threads

    async def _run(self, function: Callable[..., R], *args: Any, **options: Any) -> R:
        call = partial(function, *args, **options)
        with _translated():
            return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    def _at(self, key: str) -> dict[str, Any]:
        return {"Bucket": self.bucket, "Key": keys.checked(key)}

    def _list_parts(self, *, Bucket: str, Key: str, UploadId: str) -> list[StoredPart]:  # noqa: N803  # boto3's names
        del Bucket
        return [
            StoredPart(part["PartNumber"], part["Size"], part["ETag"], part.get("ChecksumSHA256"))
            for page in self._bucket.pages("list_parts", Key=Key, UploadId=UploadId)
            for part in page.get("Parts", [])
        ]

    def _complete(self, parts: Sequence[PartToJoin], **at: Any) -> None:
        named: Any = [
            {"PartNumber": number, "ETag": etag} | ({"ChecksumSHA256": checksum} if checksum else {})
            for number, etag, checksum in parts
        ]
        try:
            self._client.complete_multipart_upload(**at, MultipartUpload={"Parts": named})
        except ClientError as error:
            if code_of(error) in _PART_CODES:
                raise PartRefused(_sentence(error)) from error
            raise

    def _download(self, key: str, path: Path, *, sha256: bool) -> str | None:
        digest = hashlib.sha256()
        body = self._client.get_object(**self._at(key))["Body"]
        try:
            with contextlib.closing(body), path.open("wb") as file:
                for chunk in body.iter_chunks(CHUNK_BYTES):
                    file.write(chunk)
                    if sha256:
                        digest.update(chunk)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return base64.b64encode(digest.digest()).decode() if sha256 else None

    def _read_bytes(self, key: str) -> bytes:
        with contextlib.closing(self._client.get_object(**self._at(key))["Body"]) as body:
            return body.read()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise _translate(error) from error
    except (BotoCoreError, Boto3Error) as error:
        raise StorageUnavailable(str(error)) from error


def _translate(error: ClientError) -> Exception:
    code = code_of(error)
    if code == "NoSuchUpload":
        return NoSuchMultipart("There is no such multipart; it may have been completed or aborted.")
    if code == "NoSuchKey" or (code == "404" and error.operation_name == "HeadObject"):
        return NoSuchKey("There is no such object.")
    return StorageUnavailable(_sentence(error))


def _sentence(error: ClientError) -> str:
    return f"{code_of(error)} from {error.operation_name}: {error.response.get('Error', {}).get('Message', '')}"
