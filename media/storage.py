"""Where objects are kept: one `Storage`, on S3 or in a folder, opened from a URL."""

import re
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

from media.local_store import LocalStorage
from media.verbs import (
    MAX_PARTS,
    MIN_PART_BYTES,
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
    Storage,
    StorageError,
    StorageUnavailable,
    StoredObject,
    StoredPart,
)

__all__ = [
    "MAX_PARTS",
    "MIN_PART_BYTES",
    "FoundObject",
    "Held",
    "LocalStorage",
    "NoSuchKey",
    "NoSuchMultipart",
    "ObjectInfo",
    "OpenMultipart",
    "PartRefused",
    "PartToJoin",
    "SignedRequest",
    "Storage",
    "StorageError",
    "StorageUnavailable",
    "StoredObject",
    "StoredPart",
    "open_storage",
]

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION = re.compile(r"[a-z0-9-]{1,32}")
_S3_OPTIONS = ("endpoint", "region", "public_endpoint", "style", "access_key", "secret_key")


def open_storage(url: str, *, secret: bytes, public_url: str, clock: Clock = time.time) -> Storage:
    """Open the store of a SHOWME_STORE_URL: `file:` and a folder, or `s3://bucket` with options.

    Options: `endpoint` and `region` (as the API and the workers reach it), `public_endpoint` (as clients do), `style`
    (`path` or `virtual`), `access_key` and `secret_key` (else what boto3 finds). `secret` signs the URLs of a folder,
    which clients reach under `public_url`.

    Raises:
        ValueError: the URL cannot be used; the message is one sentence that says why.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "file":
        return _open_folder(rest, secret, public_url, clock)
    if scheme == "s3":
        from media.s3_store import S3Place, S3Storage  # noqa: PLC0415 - boto3 loads slowly, and a folder needs none

        bucket, options = _s3_place(url)
        return S3Storage(S3Place(bucket, **options), clock=clock)
    raise ValueError("The store URL must begin with file: or s3://.")


def _open_folder(rest: str, secret: bytes, public_url: str, clock: Clock) -> LocalStorage:
    path = rest.removeprefix("//")
    if not path:
        raise ValueError("The store URL file: must name a folder, as in file:/var/lib/showme/store.")
    if rest.startswith("//") and not path.startswith("/"):
        raise ValueError("The store URL names a host; write file: and the path of a folder on this machine.")
    folder = Path(path).resolve()
    try:
        return LocalStorage(folder, secret=secret, public_url=public_url, clock=clock)
    except OSError as error:
        raise ValueError(f"The store folder {folder} cannot be used: {error.strerror or error}.") from error


def _s3_place(url: str) -> tuple[str, dict[str, str]]:
    parts = urlsplit(url)
    bucket, options = parts.netloc, _options(parts.query)
    if not _BUCKET.fullmatch(bucket) or parts.path.strip("/") or parts.fragment:
        raise ValueError("The store URL must be s3:// and the name of a bucket, as in s3://videos?region=eu-central-1.")
    for name in ("endpoint", "public_endpoint"):
        if name in options and not _is_base_url(options[name]):
            raise ValueError(f"The {name} of the store URL must be an http:// or https:// address without a query.")
    if not _REGION.fullmatch(options.get("region", "us-east-1")):
        raise ValueError("The region of the store URL must be a name such as eu-central-1.")
    if options.get("style", "path") not in ("path", "virtual"):
        raise ValueError("The style of the store URL must be path or virtual.")
    if ("access_key" in options) != ("secret_key" in options):
        raise ValueError("The store URL must give access_key and secret_key together, or neither.")
    return bucket, options


def _options(query: str) -> dict[str, str]:
    """Split by hand: a plus sign is one here, since secret keys contain it."""
    options = {}
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        if name not in _S3_OPTIONS:
            raise ValueError(f"The store URL has an option {name[:40]!r}; it may have {', '.join(_S3_OPTIONS)}.")
        options[name] = unquote(value)
    return options


def _is_base_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and parts.port != 0
    except ValueError:
        return False
