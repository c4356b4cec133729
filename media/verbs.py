"""The verbs of an object store, their values and their errors; `media.storage` opens one."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

MIN_PART_BYTES = 5 * 1024 * 1024
"""Every part but the last has at least so many, on S3 and therefore everywhere."""
MAX_PART_BYTES = 512 * 1024 * 1024
MAX_PARTS = 10_000
ABANDONED_DAYS = 14
"""What is left of an upload that nobody finished is forgotten after so many days."""

Clock = Callable[[], float]
"""Seconds since the epoch, as `time.time` gives them."""


class StorageError(Exception):
    """The store could not do what was asked; the message is a sentence for an operator."""

    retryable = False


class StorageUnavailable(StorageError):  # noqa: N818 - what it says, not what it is
    """The store cannot be reached, or refuses for now: ask again later."""

    retryable = True


class NoSuchKey(StorageError):  # noqa: N818 - the name S3 gives it
    """There is no object under this key."""


class NoSuchMultipart(StorageError):  # noqa: N818 - the name S3 gives it, in our word
    """This multipart never was, or has been completed or aborted: `head` tells which."""


class PartRefused(StorageError):  # noqa: N818 - what happened
    """Parts that cannot become an object: absent, other than said, too small, out of order, with a wrong checksum."""


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part that has arrived. `etag` is quoted; the checksum is base64, None where the store does not tell it."""

    part_number: int
    size_bytes: int
    etag: str
    checksum_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as a listing shows it. `etag` is quoted."""

    key: str
    size_bytes: int
    etag: str


@dataclass(frozen=True, slots=True)
class FoundObject:
    """An object as it is met on a walk through the store."""

    key: str
    size_bytes: int
    written_at: datetime


@dataclass(frozen=True, slots=True)
class OpenMultipart:
    """An upload in parts that was begun, and neither completed nor aborted."""

    key: str
    multipart_id: str
    begun_at: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """All that a store keeps under a prefix.

    `keys` names those too of which only old versions are left; `versions` counts each version and delete marker, and is
    the number of objects where no old ones are kept. `unseen`: a sentence that says why there may be more.
    """

    keys: tuple[str, ...] = ()
    versions: int = 0
    multiparts: int = 0
    unseen: str = ""

    @property
    def is_nothing(self) -> bool:
        return not (self.keys or self.versions or self.multiparts or self.unseen)


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    size_bytes: int
    etag: str
    content_type: str


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request its holder may send until `expires_at`; `headers` must be sent as they are."""

    url: str
    method: str
    expires_at: datetime
    headers: dict[str, str] = field(default_factory=dict)


PartToJoin = tuple[int, str, str | None]
"""(part_number, etag, checksum_sha256); the etag with its quotes or without."""


class Storage(Protocol):
    """Objects by key. Every verb may raise `StorageUnavailable`, and `ValueError` for what is no key of ours."""

    async def create_multipart(self, key: str, content_type: str, *, checksum: bool) -> str:
        """Begin an upload in parts and return its id.

        With `checksum` every part must come with its SHA-256; without it none may: S3 refuses a mixture, so the
        embedded store does too.
        """

    async def list_parts(self, key: str, multipart_id: str) -> list[StoredPart]:
        """Return all parts, by number. Raises `NoSuchMultipart`."""

    async def complete_multipart(self, key: str, multipart_id: str, parts: Sequence[PartToJoin]) -> None:
        """Join the parts into the object. Raises `NoSuchMultipart` (also when done before), `PartRefused`."""

    async def abort_multipart(self, key: str, multipart_id: str) -> None:
        """Forget the multipart and its parts; one that is not there is forgotten already."""

    async def head(self, key: str) -> ObjectInfo | None: ...

    async def download(self, key: str, path: Path, *, sha256: bool = False) -> str | None:
        """Write the object to `path`, chunk by chunk; with `sha256` return its digest, base64. Raises `NoSuchKey`.

        A failed download leaves no file.
        """

    async def upload(self, path: Path, key: str, content_type: str) -> None: ...

    async def put_bytes(self, key: str, data: bytes, content_type: str) -> None: ...

    async def read_bytes(self, key: str) -> bytes:
        """Return a small object whole. Raises `NoSuchKey`."""

    async def list_keys(self, prefix: str) -> list[str]:
        """Return the keys under a prefix that ends in a slash, sorted."""

    async def list_objects(self, prefix: str) -> list[StoredObject]:
        """Return the objects under a prefix that ends in a slash, by key."""

    def walk(self, prefix: str) -> AsyncIterator[Sequence[FoundObject]]:
        """Yield the objects under a prefix that ends in a slash, some at a time, each asset's after the one before it.

        However many there are, few are in memory.
        """

    async def list_multiparts(self, prefix: str) -> list[OpenMultipart]:
        """Return what was begun under a prefix that ends in a slash and is not finished, by key."""

    async def held(self, prefix: str) -> Held:
        """Return all there is under a prefix that ends in a slash: what `delete_prefix` would have to erase."""

    async def delete_prefix(self, prefix: str) -> list[str]:
        """Erase all under a prefix that ends in a slash: objects, their versions, unfinished multiparts.

        Returns the keys of the objects erased, sorted.
        """

    async def delete_keys(self, keys: Sequence[str]) -> None:
        """Erase these objects, and their old versions; one that is not there is erased already."""

    async def ping(self) -> None:
        """Return when the store answers."""

    async def check(self) -> list[str]:
        """Return what is wrong with the store and what to do, a sentence each; empty when all is well."""

    async def ensure(self) -> None:
        """Make what the store needs (the folder; the bucket, its CORS and its lifecycle) where it is allowed."""

    async def tidy(self) -> None:
        """Remove what crashes and clients left behind, where the store does not do so by itself."""

    async def close(self) -> None: ...

    def sign_get(
        self, key: str, *, expires_in_s: int, content_type: str | None = None, download_name: str | None = None
    ) -> str:
        """Return a URL that reads the object for `expires_in_s` at least, and an hour or a quarter more at most.

        It is the same URL all that time, so that caches hit. Only when the store's own credentials end sooner does it:
        `media.signing.url_expires_at` tells when.
        """

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
        """Return the request that brings a part: so many bytes, which the client announces as its `Content-Length`.

        The checksum is base64. The store refuses another length before it reads, and other bytes than the checksum's.
        """
