import string
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.credentials import Credentials, RefreshableCredentials
from botocore.session import get_session
from hypothesis import given, settings
from hypothesis import strategies as st

from media.s3_store import S3Place, S3Storage
from media.signing import (
    ROUND_S,
    Grant,
    Keys,
    LocalSigner,
    SigV4Signer,
    UrlRefusedError,
    content_disposition,
    round_down,
    step_s,
    url_expires_at,
)
from media.storage import StorageUnavailable
from media.verbs import MAX_PART_BYTES

REGION = "eu-central-1"
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)
# A key of dots alone is a path that urllib3 would shorten; none of ours can be one.
OBJECT_KEYS = st.lists(TEXT.filter(lambda part: part.strip("./") != ""), min_size=1, max_size=4).map("/".join)
CHECKSUMS = st.none() | st.binary(min_size=32, max_size=32).map(lambda data: data.hex()[:44])
SIZES = st.none() | st.integers(1, MAX_PART_BYTES)
TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2037, 1, 1)).map(  # noqa: DTZ001 - given a zone next
    lambda when: when.replace(microsecond=0, tzinfo=UTC)
)
ACCESS_KEYS = st.text(string.ascii_uppercase + string.digits, min_size=16, max_size=20)
SECRET_KEYS = st.text(string.ascii_letters + string.digits + "+/=", min_size=1, max_size=40)
TOKENS = st.none() | st.text(string.ascii_letters + string.digits + "+/=", min_size=1, max_size=60)
ENDPOINTS = st.sampled_from(
    ["https://s3.eu-central-1.amazonaws.com", "http://127.0.0.1:9000", "https://s3.example:443", "http://s3.example:80"]
)
STYLES = st.sampled_from(["path", "virtual"])


@dataclass(frozen=True)
class Asked:
    """Who signs, where and when."""

    endpoint: str
    style: str
    keys: Keys
    at: datetime
    life_s: int

    def ours(self, key: str, **request: Any) -> str:
        signer = SigV4Signer(self.endpoint, "videos", REGION, path_style=self.style == "path")
        return signer.sign(key, keys=self.keys, at=self.at.timestamp(), expires_in_s=self.life_s, **request)

    def theirs(self, verb: str, params: dict[str, Any]) -> str:
        """Return the URL botocore makes for this instant."""
        client = client_of(self.endpoint, self.style)
        client._request_signer._credentials = Credentials(self.keys.access_key, self.keys.secret_key, self.keys.token)
        with patch("botocore.auth.get_current_datetime", lambda: self.at.replace(tzinfo=None)):
            url: str = client.generate_presigned_url(verb, {"Bucket": "videos", **params}, ExpiresIn=self.life_s)
        return url


@cache
def client_of(endpoint: str, style: str) -> Any:
    addressing: Any = {"addressing_style": style}
    config = Config(signature_version="s3v4", s3=addressing, request_checksum_calculation="when_required")
    return boto3.Session("AKIA", "s").client("s3", region_name=REGION, endpoint_url=endpoint, config=config)


ASKED = st.builds(
    Asked, ENDPOINTS, STYLES, st.builds(Keys, ACCESS_KEYS, SECRET_KEYS, TOKENS), TIMES, st.integers(1, 604_800)
)


def parts_of(url: str) -> tuple[object, ...]:
    """Take a URL apart; a port that goes without saying is none."""
    parts = urlsplit(url)
    port = parts.port if parts.port not in (80, 443) else None
    return parts.scheme, parts.hostname, port, parts.path, sorted(parse_qsl(parts.query, keep_blank_values=True))


@settings(max_examples=100, deadline=None)
@given(asked=ASKED, key=OBJECT_KEYS, overrides=st.fixed_dictionaries({}, optional={"type": TEXT, "disposition": TEXT}))
def test_a_url_that_reads_is_the_one_botocore_makes(asked: Asked, key: str, overrides: dict[str, str]) -> None:
    params = {f"ResponseContent{name.title()}": value for name, value in overrides.items()}
    query = {f"response-content-{name}": value for name, value in overrides.items()}
    expected = asked.theirs("get_object", {"Key": key, **params})
    assert parts_of(asked.ours(key, query=query)) == parts_of(expected)


@settings(max_examples=100, deadline=None)
@given(
    asked=ASKED,
    key=OBJECT_KEYS,
    upload_id=TEXT,
    part_number=st.integers(1, 10_000),
    size_bytes=SIZES,
    checksum=CHECKSUMS,
)
def test_a_url_that_brings_a_part_is_the_one_botocore_makes(
    asked: Asked, key: str, upload_id: str, part_number: int, size_bytes: int | None, checksum: str | None
) -> None:
    params: dict[str, Any] = {"Key": key, "UploadId": upload_id, "PartNumber": part_number}
    headers = {}
    if checksum is not None:
        params["ChecksumSHA256"] = headers["x-amz-checksum-sha256"] = checksum
    if size_bytes is not None:
        params["ContentLength"], headers["content-length"] = size_bytes, str(size_bytes)
    query = {"partNumber": str(part_number), "uploadId": upload_id}
    ours = asked.ours(key, method="PUT", query=query, headers=headers)
    assert parts_of(ours) == parts_of(asked.theirs("upload_part", params))


def test_a_url_never_outlives_the_token_of_its_credentials() -> None:
    ends = datetime.now(UTC) + timedelta(seconds=1800)
    storage = with_role(ends)
    url = storage.sign_get("a/b.mp4", expires_in_s=8 * 3600)
    assert "X-Amz-Security-Token=token" in url
    assert url_expires_at(url) == ends.replace(microsecond=0)
    signed = storage.sign_part("a/b.mp4", "id", 1, size_bytes=5, expires_in_s=8 * 3600)
    assert signed.expires_at == url_expires_at(signed.url) == ends.replace(microsecond=0)


def test_credentials_that_have_ended_sign_nothing() -> None:
    storage = with_role(datetime.now(UTC) - timedelta(seconds=5))
    with pytest.raises(StorageUnavailable):
        storage.sign_get("a/b.mp4", expires_in_s=600)


def test_rotated_credentials_are_used_at_once() -> None:
    storage = with_role(datetime.now(UTC) + timedelta(hours=5))
    before = storage.sign_get("a/b.mp4", expires_in_s=600)
    credentials = storage._session.get_credentials()
    assert isinstance(credentials, RefreshableCredentials)
    rotate(credentials, "AKIANEXT", datetime.now(UTC) + timedelta(hours=5))
    after = storage.sign_get("a/b.mp4", expires_in_s=600)
    assert "AKIAROLE" in before
    assert "AKIANEXT" in after


def test_no_url_of_s3_lives_longer_than_a_week() -> None:
    storage = with_role(datetime.now(UTC) + timedelta(days=30))
    assert "X-Amz-Expires=604800&" in storage.sign_get("a/b.mp4", expires_in_s=10**9)


def with_role(ends: datetime) -> S3Storage:
    """Open a store whose credentials are those of a role, which end."""
    inner = get_session()

    def refresh() -> dict[str, str]:
        return {"access_key": "AKIAROLE", "secret_key": "s", "token": "token", "expiry_time": ends.isoformat()}

    # Those that are about to end are refreshed to the same end.
    credentials = RefreshableCredentials(
        "AKIAROLE", "s", "token", ends, refresh, "test", advisory_timeout=0, mandatory_timeout=-3600
    )
    inner._credentials = credentials  # type: ignore[attr-defined]  # botocore offers no way to hand them in
    session = boto3.Session(botocore_session=inner)
    return S3Storage(S3Place("videos", endpoint="http://s3.invalid", region=REGION), session=session)


def rotate(credentials: RefreshableCredentials, access_key: str, ends: datetime) -> None:
    credentials._set_from_data(  # type: ignore[attr-defined]  # what a refresh does
        {"access_key": access_key, "secret_key": "s", "token": "next", "expiry_time": ends.isoformat()}
    )
    credentials._frozen_credentials = type(credentials.get_frozen_credentials())(access_key, "s", "next")  # type: ignore[attr-defined]  # as above


LOCAL = LocalSigner(b"a secret", "https://showme.example/")
GRANT = Grant("PUT", "a/b.mp4", "id", 3, 1000, "checksum", "video/mp4", "name.mp4")


def signature_of(url: str) -> str:
    return dict(parse_qsl(urlsplit(url).query))["signature"]


def test_the_embedded_store_takes_what_it_signed_until_it_ends() -> None:
    signature = signature_of(LOCAL.sign(GRANT, expires_at=1000))
    assert LOCAL.check(GRANT, expires="1000", signature=signature, now=999.9) == 1000
    with pytest.raises(UrlRefusedError) as refused:
        LOCAL.check(GRANT, expires="1000", signature=signature, now=1000)
    assert refused.value.expired


@pytest.mark.parametrize(
    "forged",
    [
        replace(GRANT, method="GET"),
        replace(GRANT, key="a/c.mp4"),
        replace(GRANT, multipart_id="other"),
        replace(GRANT, part_number=4),
        replace(GRANT, size_bytes=1001),
        replace(GRANT, checksum_sha256=""),
        replace(GRANT, content_type="text/html"),
        replace(GRANT, download_name=""),
        replace(GRANT, content_type="", download_name="video/mp4name.mp4"),
    ],
)
def test_the_embedded_store_refuses_any_other_request(forged: Grant) -> None:
    signature = signature_of(LOCAL.sign(GRANT, expires_at=1000))
    with pytest.raises(UrlRefusedError) as refused:
        LOCAL.check(forged, expires="1000", signature=signature, now=0)
    assert not refused.value.expired


@given(expires=st.text(max_size=20), signature=st.text(max_size=70))
def test_no_garbage_passes_for_a_signature(expires: str, signature: str) -> None:
    with pytest.raises(UrlRefusedError):
        LOCAL.check(GRANT, expires=expires, signature=signature, now=0)


def test_another_secret_signs_otherwise() -> None:
    other = LocalSigner(b"another secret", "https://showme.example/")
    assert signature_of(other.sign(GRANT, expires_at=9)) != signature_of(LOCAL.sign(GRANT, expires_at=9))


@given(st.floats(0, 4e9), st.integers(1, 7 * 24 * 3600))
def test_rounding_goes_down_by_less_than_an_hour_and_little_of_the_life(now: float, life_s: int) -> None:
    rounded = round_down(now, life_s)
    assert 0 <= now - rounded < step_s(life_s) <= max(1, min(ROUND_S, life_s / 4))
    assert rounded % step_s(life_s) == 0


def test_urls_that_live_for_hours_are_dated_to_the_hour() -> None:
    assert [step_s(hours * 3600) for hours in (4, 8, 24)] == [ROUND_S] * 3


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_a_download_name_never_breaks_its_header(name: str) -> None:
    header = content_disposition(name)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2


def test_only_a_signed_url_has_an_end() -> None:
    assert url_expires_at(LOCAL.sign(GRANT, expires_at=1_700_000_000)) == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    with pytest.raises(ValueError, match="not a signed URL"):
        url_expires_at("https://showme.example/store/a")
