"""What only S3 does: buckets and their settings, pages, versions, and failing from afar."""

import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import httpx
import pytest

from media.s3_store import S3Place, S3Storage
from media.storage import Held, NoSuchMultipart, StorageUnavailable
from models.base import now
from tests.s3_shim import S3Server
from tests.stores import ASSET, BIG, KEY, SMALL, Clock, begin, open_s3


@pytest.fixture
async def bucket(s3: S3Server, clock: Clock) -> AsyncIterator[S3Storage]:
    """Open a store whose pages are of two."""
    opened = open_s3(s3, f"t-{uuid4()}", clock, page=2)
    await opened.ensure()
    yield opened
    await opened.close()


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port that is taken, and where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])


@pytest.fixture
def look(s3: S3Server) -> Iterator[Any]:
    """A client of boto3, to see the bucket as it is."""
    client = s3.client()
    yield client
    client.close()


async def test_all_pages_of_parts_are_listed(bucket: S3Storage, http: httpx.AsyncClient) -> None:
    upload = await begin(bucket, http)
    for number in range(1, 6):
        await upload.put(number, SMALL)
    assert [part.part_number for part in await bucket.list_parts(KEY, upload.id)] == [1, 2, 3, 4, 5]


async def test_all_pages_of_a_prefix_are_listed_and_erased(bucket: S3Storage, look: Any) -> None:
    names = [f"{ASSET}v/{n}.m4s" for n in range(5)]
    for key in names:
        await bucket.put_bytes(key, SMALL, "video/mp4")
    assert await bucket.list_keys(ASSET) == names
    assert await bucket.delete_prefix(ASSET) == names
    assert "Contents" not in look.list_objects_v2(Bucket=bucket.bucket)


async def test_erasing_takes_the_versions_too(bucket: S3Storage, look: Any) -> None:
    look.put_bucket_versioning(Bucket=bucket.bucket, VersioningConfiguration={"Status": "Enabled"})
    for data in (b"one", b"two", b"three"):
        await bucket.put_bytes(KEY, data, "video/mp4")
    await bucket.put_bytes(ASSET + "poster.jpg", SMALL, "image/jpeg")
    look.delete_object(Bucket=bucket.bucket, Key=ASSET + "poster.jpg")
    assert await bucket.held(ASSET) == Held((ASSET + "poster.jpg", KEY), versions=5)
    assert await bucket.delete_prefix(ASSET) == [KEY]
    left = look.list_object_versions(Bucket=bucket.bucket)
    assert "Versions" not in left
    assert "DeleteMarkers" not in left
    assert (await bucket.held(ASSET)).is_nothing


async def test_erasing_keys_takes_their_versions_and_nobody_elses(bucket: S3Storage, look: Any) -> None:
    look.put_bucket_versioning(Bucket=bucket.bucket, VersioningConfiguration={"Status": "Enabled"})
    for key in (KEY, KEY, KEY + ".old"):
        await bucket.put_bytes(key, SMALL, "video/mp4")
    await bucket.delete_keys([KEY])
    assert await bucket.held(ASSET) == Held((KEY + ".old",), versions=1)


async def test_versions_that_may_not_be_listed_are_said_to_be_unseen(
    s3: S3Server, bucket: S3Storage, look: Any
) -> None:
    await bucket.put_bytes(KEY, SMALL, "video/mp4")
    with s3.denying("versions"):
        assert await bucket.held(ASSET) == Held((KEY,), versions=1)  # this bucket never kept any
        look.put_bucket_versioning(Bucket=bucket.bucket, VersioningConfiguration={"Status": "Enabled"})
        assert await bucket.delete_prefix(ASSET) == [KEY]
        held = await bucket.held(ASSET)
    assert (held.keys, held.is_nothing) == ((), False)
    assert "s3:ListBucketVersions" in held.unseen
    assert (await bucket.held(ASSET)).versions == 2  # the object, and the mark of its deletion


async def test_a_bucket_that_tells_nothing_of_versions_may_keep_some(s3: S3Server, bucket: S3Storage) -> None:
    with s3.denying("versions", "versioning"):
        assert (await bucket.held(ASSET)).unseen


async def test_what_is_not_finished_is_listed_by_key(bucket: S3Storage, http: httpx.AsyncClient) -> None:
    made = sorted([(KEY, (await begin(bucket, http)).id) for _ in range(3)])
    listed = await bucket.list_multiparts(ASSET)
    assert [(one.key, one.multipart_id) for one in listed] == made
    assert all(one.begun_at < now() for one in listed)
    assert (await bucket.held(ASSET)).multiparts == 3


async def test_a_large_file_is_uploaded_in_parts(bucket: S3Storage, look: Any, tmp_path: Path) -> None:
    (tmp_path / "large.mp4").write_bytes(BIG * 3)
    await bucket.upload(tmp_path / "large.mp4", KEY, "video/mp4")
    found = look.head_object(Bucket=bucket.bucket, Key=KEY)
    assert (found["ContentLength"], found["ContentType"]) == (len(BIG) * 3, "video/mp4")
    assert found["ETag"].strip('"').endswith("-2")


async def test_a_bucket_set_up_answers_browsers_and_drops_abandoned_uploads(bucket: S3Storage, look: Any) -> None:
    [rule] = look.get_bucket_cors(Bucket=bucket.bucket)["CORSRules"]
    assert set(rule["AllowedMethods"]) == {"GET", "HEAD", "PUT"}
    assert "x-amz-checksum-sha256" in rule["AllowedHeaders"]
    [lifecycle] = look.get_bucket_lifecycle_configuration(Bucket=bucket.bucket)["Rules"]
    assert lifecycle["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] > 7


async def test_settings_an_operator_made_are_left_alone(bucket: S3Storage, look: Any) -> None:
    rule = {"ID": "ours", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 3}}
    look.put_bucket_lifecycle_configuration(Bucket=bucket.bucket, LifecycleConfiguration={"Rules": [rule]})
    await bucket.ensure()
    assert [r["ID"] for r in look.get_bucket_lifecycle_configuration(Bucket=bucket.bucket)["Rules"]] == ["ours"]


async def test_each_setting_that_is_wrong_is_told(bucket: S3Storage, look: Any) -> None:
    look.delete_bucket_cors(Bucket=bucket.bucket)
    look.delete_bucket_lifecycle(Bucket=bucket.bucket)
    look.put_bucket_versioning(Bucket=bucket.bucket, VersioningConfiguration={"Status": "Enabled"})
    cors, lifecycle, versions = await bucket.check()
    assert "CORS" in cors
    assert "lifecycle" in lifecycle
    assert "versions" in versions


async def test_a_bucket_that_is_not_there_is_told(s3: S3Server, clock: Clock) -> None:
    absent = open_s3(s3, f"t-{uuid4()}", clock)
    [problem] = await absent.check()
    assert "does not exist" in problem
    with pytest.raises(StorageUnavailable):
        await absent.ping()
    with pytest.raises(StorageUnavailable):
        await absent.create_multipart(KEY, "video/mp4", checksum=False)
    await absent.close()


async def test_wrong_credentials_are_told(s3: S3Server) -> None:
    session = boto3.Session(s3.access_key, "not the secret", region_name=s3.region)
    stranger = S3Storage(S3Place(s3.bucket, endpoint=s3.endpoint), session=session)
    [problem] = await stranger.check()
    assert "refuses these credentials" in problem
    with pytest.raises(StorageUnavailable):
        await stranger.read_bytes(KEY)
    with pytest.raises(StorageUnavailable):
        await stranger.create_multipart(KEY, "video/mp4", checksum=False)
    await stranger.close()


async def test_a_store_that_does_not_answer_is_unavailable(s3: S3Server, deaf_port: int) -> None:
    nowhere = S3Storage(S3Place(s3.bucket, endpoint=f"http://127.0.0.1:{deaf_port}"), session=s3.session)
    with pytest.raises(StorageUnavailable) as refused:
        await nowhere.head(KEY)
    assert refused.value.retryable
    [problem] = await nowhere.check()
    assert "does not answer" in problem
    await nowhere.close()


async def test_what_was_sent_is_completed_from_the_list_alone(bucket: S3Storage, http: httpx.AsyncClient) -> None:
    upload = await begin(bucket, http)
    await upload.put(1, BIG)
    await upload.put(2, SMALL)
    parts = await bucket.list_parts(KEY, upload.id)
    await bucket.complete_multipart(KEY, upload.id, [(p.part_number, p.etag, p.checksum_sha256) for p in parts])
    assert await bucket.read_bytes(KEY) == BIG + SMALL
    with pytest.raises(NoSuchMultipart):
        await bucket.list_parts(KEY, upload.id)


async def test_signed_urls_end_when_the_server_s_clock_says_so(
    s3: S3Server, bucket: S3Storage, http: httpx.AsyncClient
) -> None:
    await bucket.put_bytes(KEY, SMALL, "video/mp4")
    url = bucket.sign_get(KEY, expires_in_s=3600)
    assert (await http.get(url)).status_code == 200
    s3.expire()
    try:
        response = await http.get(url)
    finally:
        s3.expire(0)
    assert response.status_code == 403
    assert "expired" in response.text


@pytest.mark.parametrize("header", ["x-amz-acl", "x-amz-checksum-sha256"])
async def test_a_header_that_nobody_signed_is_refused(bucket: S3Storage, http: httpx.AsyncClient, header: str) -> None:
    upload = await begin(bucket, http)
    signed = bucket.sign_part(KEY, upload.id, 1, size_bytes=len(SMALL), expires_in_s=60)
    response = await http.put(signed.url, content=SMALL, headers={header: "public-read"})
    assert response.status_code == 403
    assert "not signed" in response.text
