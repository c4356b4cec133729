"""What settings may say: the bounds of numbers, the shapes of hosts and URLs. Each check returns what is wrong, or ''.

No value of a URL is repeated: it may hold a password.
"""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from types import MappingProxyType
from urllib.parse import urlsplit

from media.signing import MAX_LIFE_S, ROUND_S
from media.verbs import ABANDONED_DAYS, MAX_PART_BYTES, MAX_PARTS, MIN_PART_BYTES

MIB = 1024 * 1024
DAY_MS = 24 * 3600 * 1000
BOUNDS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "port": (1, 65_535),
        "drain_s": (0, 600),
        "quick_slots": (1, 256),
        "long_slots": (1, 256),
        "worker_silence_s": (3, 3600),
        "pool_size": (1, 500),
        # A URL that reads may live for an hour more than was asked.
        "media_url_life_s": (10, MAX_LIFE_S - ROUND_S),
        # A bucket forgets what was sent once it is older.
        "upload_life_days": (1, ABANDONED_DAYS - 1),
        "part_size_bytes": (MIN_PART_BYTES, MAX_PART_BYTES),
        "max_upload_bytes": (MIB, MAX_PARTS * MAX_PART_BYTES),
        "max_attachment_bytes": (MIB, 1024 * MIB),
        "max_duration_ms": (1000, DAY_MS),
        "source_retention_days": (0, 36_500),
        "event_retention_days": (31, 36_500),
        "requests_per_minute": (0, 1_000_000),
        "org_requests_per_minute": (0, 100_000_000),
        "open_uploads_per_person": (0, 1_000_000),
        "open_uploads_per_org": (0, 100_000_000),
        "org_quota_bytes": (0, 10**15),
        "slow_query_ms": (0, 3_600_000),
        "worker_metrics_port": (0, 65_535),
        "trace_percent": (0, 100),
    }
)
_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_NAME}(?:\.{_NAME})*\.?", re.ASCII)


def wrong_number(name: str, value: int) -> str:
    least, most = BOUNDS[name]
    if least <= value <= most:
        return ""
    return f"must be between {_said(name, least)} and {_said(name, most)}, but is {value}."


def _said(name: str, value: int) -> str:
    return f"{value} ({value // MIB} MiB)" if name.endswith("_bytes") and value and value % MIB == 0 else str(value)


def is_host(host: str) -> bool:
    """Tell whether it can be an address or the name of a machine; whether there is one only trying tells."""
    try:
        ip_address(host)
    except ValueError:
        return _HOST.fullmatch(host) is not None
    return True


def wrong_host(host: str) -> str:
    return "" if is_host(host) else f"must be an address or a host name, without port or brackets, but is {host!r}."


def wrong_web_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.port != 0 and is_host(parts.hostname or "")
    except ValueError:  # a port that is no number, an address with half a bracket
        return "has a host or a port that cannot be."
    if parts.scheme not in ("http", "https"):
        return "must begin with http:// or https://."
    if not usable:
        return "has a host or a port that cannot be."
    if parts.query or parts.fragment or re.search(r"\s", url):
        return "must end with its path: without spaces, ? and #."
    return ""


def wrong_database_url(url: str) -> str:
    from sqlalchemy.engine import make_url  # noqa: PLC0415  # only where there is one to check
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    if not url.startswith("postgresql+asyncpg://"):
        return "must begin with postgresql+asyncpg://."
    try:
        make_url(url)
    except (ArgumentError, ValueError):
        return "must be as postgresql+asyncpg://role:password@host:port/database."
    return ""


def wrong_smtp_url(url: str) -> str:
    from media.mail import check_smtp_url  # noqa: PLC0415  # as above

    try:
        check_smtp_url(url)
    except ValueError as error:
        return f"cannot be used. {error}"
    return ""
