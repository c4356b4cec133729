"""Signed URLs, made without asking anybody: SigV4 queries for S3, an HMAC of ours for the embedded store.

SigV4: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html. Range is never signed, so one URL
serves every range. URLs that read are dated down to the hour: they repeat, so caches hit.
"""

import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from ipaddress import ip_address
from urllib.parse import parse_qs, quote, urlsplit

ROUND_S = 3600
MAX_LIFE_S = 7 * 24 * 3600
"""No SigV4 query lives longer."""
CHECKSUM_HEADER = "x-amz-checksum-sha256"

_ALGORITHM = "AWS4-HMAC-SHA256"
_DATE = "%Y%m%dT%H%M%SZ"
_DEFAULT_PORTS = {"http": 80, "https": 443}


class UrlRefusedError(Exception):
    """A URL that was not signed by us for this request, or no longer holds."""

    def __init__(self, detail: str, *, expired: bool) -> None:
        super().__init__(detail)
        self.expired = expired


@dataclass(frozen=True, slots=True)
class Keys:
    """Credentials as they are now; `expires_at` (seconds since the epoch) when they end by themselves."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires_at: float | None = None


def step_s(life_s: int) -> int:
    """Return how far apart the dates are of URLs that are to live so long: an hour, less where that is much to them."""
    return max(1, min(ROUND_S, life_s // 4))


def round_down(now: float, life_s: int) -> int:
    step = step_s(life_s)
    return int(now) // step * step


def content_disposition(download_name: str) -> str:
    """Return the header that saves a response under a name (RFC 6266), whatever the name holds."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%/' else "_" for c in download_name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(download_name, safe='')}"


def url_expires_at(url: str) -> datetime:
    """Read from a signed URL of either kind when it ends.

    Raises:
        ValueError: it is not one.
    """
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    if "X-Amz-Date" in query:
        begins = datetime.strptime(query["X-Amz-Date"], _DATE).replace(tzinfo=UTC)
        return begins + timedelta(seconds=int(query.get("X-Amz-Expires", "0")))
    if "expires" in query:
        return datetime.fromtimestamp(int(query["expires"]), UTC)
    raise ValueError("This is not a signed URL.")


@lru_cache(maxsize=64)
def _signing_key(secret_key: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for text in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, text.encode(), "sha256")
    return key


@lru_cache(maxsize=64)
def _date_texts(at: int) -> tuple[str, str]:
    text = time.strftime(_DATE, time.gmtime(at))
    return text[:8], text


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class SigV4Signer:
    """Signs query strings for one bucket. `endpoint` is the address clients use, as `https://host[:port][/path]`."""

    def __init__(self, endpoint: str, bucket: str, region: str, *, path_style: bool) -> None:
        parts = urlsplit(endpoint)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        if parts.port and parts.port != _DEFAULT_PORTS[parts.scheme]:
            host = f"{host}:{parts.port}"
        # An address has no subdomains, and a certificate covers no dots: boto3 falls back in the same way.
        path_style = path_style or _is_address(parts.hostname or "") or (parts.scheme == "https" and "." in bucket)
        base = parts.path.rstrip("/")
        self._host = host if path_style else f"{bucket}.{host}"
        self._path = f"{base}/{bucket}/" if path_style else f"{base}/"
        self._origin = f"{parts.scheme}://{self._host}"
        self._region = region

    def sign(
        self,
        key: str,
        *,
        keys: Keys,
        at: float,
        expires_in_s: int,
        method: str = "GET",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """Return the URL. `headers` (lower-case names, host apart) must come with the request as they are."""
        day, date = _date_texts(int(at))
        scope = f"{day}/{self._region}/s3/aws4_request"
        signed = {"host": self._host, **(headers or {})}
        names = ";".join(sorted(signed))
        fields = {
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Credential": f"{keys.access_key}/{scope}",
            "X-Amz-Date": date,
            "X-Amz-Expires": str(expires_in_s),
            "X-Amz-SignedHeaders": names,
            **(query or {}),
        }
        if keys.token is not None:
            fields["X-Amz-Security-Token"] = keys.token
        # Sorted by the escaped name, as the canonical request wants it, and so sent.
        pairs = sorted((quote(name, safe=""), quote(value, safe="")) for name, value in fields.items())
        query_text = "&".join(f"{name}={value}" for name, value in pairs)
        path = self._path + quote(key, safe="/")
        header_text = "".join(f"{name}:{' '.join(signed[name].split())}\n" for name in sorted(signed))
        request = f"{method}\n{path}\n{query_text}\n{header_text}\n{names}\nUNSIGNED-PAYLOAD"
        text = f"{_ALGORITHM}\n{date}\n{scope}\n{sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(_signing_key(keys.secret_key, day, self._region), text.encode(), "sha256").hex()
        return f"{self._origin}{path}?{query_text}&X-Amz-Signature={signature}"


@dataclass(frozen=True, slots=True)
class Grant:
    """What one URL of the embedded store allows: to read an object, or to bring one part."""

    method: str
    key: str
    multipart_id: str = ""
    part_number: int = 0
    size_bytes: int = 0
    checksum_sha256: str = ""
    content_type: str = ""
    download_name: str = ""

    @property
    def query(self) -> dict[str, str]:
        """Its fields that travel in the query; the rest is in the path, the method and a header."""
        found = {
            "content_type": self.content_type,
            "download_name": self.download_name,
            "multipart_id": self.multipart_id,
            "part_number": str(self.part_number or ""),
            "size_bytes": str(self.size_bytes or ""),
        }
        return {name: value for name, value in found.items() if value}


class LocalSigner:
    """Signs URLs of the embedded store. They live under `public_url`/store/."""

    def __init__(self, secret: bytes, public_url: str) -> None:
        self._key = hmac.digest(secret, b"showme embedded store urls 1", "sha256")
        self._base = f"{public_url.rstrip('/')}/store/"

    def sign(self, grant: Grant, *, expires_at: int) -> str:
        query = {**grant.query, "expires": str(expires_at), "signature": self._signature(grant, expires_at)}
        text = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        return f"{self._base}{quote(grant.key, safe='/')}?{text}"

    def check(self, grant: Grant, *, expires: str, signature: str, now: float) -> int:
        """Return when the URL ends, in seconds since the epoch.

        Raises:
            UrlRefusedError: the signature is not ours for this request, or the URL has expired.
        """
        expires_at = int(expires) if expires.isascii() and expires.isdecimal() and len(expires) < 15 else 0
        if not hmac.compare_digest(self._signature(grant, expires_at).encode(), signature.encode()):
            raise UrlRefusedError("This URL was not signed for this request.", expired=False)
        if now >= expires_at:
            raise UrlRefusedError("This URL has expired; ask for a fresh one.", expired=True)
        return expires_at

    def _signature(self, grant: Grant, expires_at: int) -> str:
        text = json.dumps(
            [
                grant.method,
                grant.key,
                grant.multipart_id,
                grant.part_number,
                grant.size_bytes,
                grant.checksum_sha256,
                grant.content_type,
                grant.download_name,
                expires_at,
            ]
        )
        return hmac.digest(self._key, text.encode(), "sha256").hex()
