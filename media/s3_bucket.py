"""What a bucket must be set to: looked at by `check`, set by `ensure`."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from media.verbs import ABANDONED_DAYS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

METHODS = frozenset({"GET", "HEAD", "PUT"})
ALLOWED = frozenset({"range", "content-type", "x-amz-checksum-sha256"})
EXPOSED = frozenset({"etag", "content-range", "content-length"})

CORS: Any = {
    "CORSRules": [
        {
            "ID": "showme",
            "AllowedOrigins": ["*"],
            "AllowedMethods": sorted(METHODS),
            "AllowedHeaders": sorted(ALLOWED),
            "ExposeHeaders": ["ETag", "Content-Range", "Content-Length"],
            "MaxAgeSeconds": 86400,
        }
    ]
}
ABANDONED_RULE: Any = {
    "ID": "showme-abandoned-multiparts",
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABANDONED_DAYS},
}


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def problems(client: "S3Client", bucket: str) -> Iterator[str]:
    """Yield what is wrong, a sentence each, with what to do."""
    try:
        client.head_bucket(Bucket=bucket)
    except ClientError as error:
        yield _no_bucket(bucket, status_of(error))
        return
    looks = (_cors_problems, _lifecycle_problems, _versioning_problems)
    for look in looks:
        try:
            yield from look(client, bucket)
        except ClientError as error:
            yield f"A setting of the bucket {bucket} could not be read ({code_of(error)}): allow these credentials to."


def _no_bucket(bucket: str, status: int) -> str:
    if status == 404:
        return f"The bucket {bucket} does not exist: create it, or name another in SHOWME_STORE_URL."
    if status in (301, 400):
        return f"The bucket {bucket} is in another region: correct the region in SHOWME_STORE_URL."
    return f"The bucket {bucket} refuses these credentials ({status}): let them list, read, write and delete in it."


def _cors_problems(client: "S3Client", bucket: str) -> Iterator[str]:
    rules = cors_rules(client, bucket)
    if not any(_allows(rule) for rule in rules):
        yield (
            f"The bucket {bucket} lacks CORS for browsers: allow {', '.join(sorted(METHODS))} with the headers "
            f"{', '.join(sorted(ALLOWED))}, and expose {', '.join(sorted(EXPOSED))}."
        )


def cors_rules(client: "S3Client", bucket: str) -> list[Any]:
    try:
        return list(client.get_bucket_cors(Bucket=bucket)["CORSRules"])
    except ClientError as error:
        if code_of(error) == "NoSuchCORSConfiguration":
            return []
        raise


def _allows(rule: Any) -> bool:
    allowed = {header.lower() for header in rule.get("AllowedHeaders", [])}
    exposed = {header.lower() for header in rule.get("ExposeHeaders", [])}
    return set(rule["AllowedMethods"]) >= METHODS and (allowed >= ALLOWED or "*" in allowed) and exposed >= EXPOSED


def _lifecycle_problems(client: "S3Client", bucket: str) -> Iterator[str]:
    rules = lifecycle_rules(client, bucket)
    if not any("AbortIncompleteMultipartUpload" in rule and rule["Status"] == "Enabled" for rule in rules):
        yield (
            f"The bucket {bucket} keeps abandoned uploads for ever: "
            f"add a lifecycle rule that aborts incomplete multipart uploads after {ABANDONED_DAYS} days."
        )


def lifecycle_rules(client: "S3Client", bucket: str) -> list[Any]:
    try:
        return list(client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"])
    except ClientError as error:
        if code_of(error) == "NoSuchLifecycleConfiguration":
            return []
        raise


def _versioning_problems(client: "S3Client", bucket: str) -> Iterator[str]:
    if client.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled":
        yield (
            f"The bucket {bucket} keeps versions, so deleting is not erasing unless versions may be deleted too: "
            "allow s3:DeleteObjectVersion and s3:ListBucketVersions, or turn versioning off."
        )


def make(client: "S3Client", bucket: str) -> None:
    """Create the bucket when it is missing, and set what is missing where these credentials may."""
    try:
        client.head_bucket(Bucket=bucket)
    except ClientError as error:
        if status_of(error) != 404:
            raise
        _create(client, bucket)
    with _where_allowed():
        if not any(_allows(rule) for rule in cors_rules(client, bucket)):
            client.put_bucket_cors(Bucket=bucket, CORSConfiguration=CORS)
    with _where_allowed():
        if not lifecycle_rules(client, bucket):
            client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [ABANDONED_RULE]})


def _create(client: "S3Client", bucket: str) -> None:
    region = client.meta.region_name
    place: Any = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        client.create_bucket(Bucket=bucket, **place)
    except ClientError as error:
        if code_of(error) != "BucketAlreadyOwnedByYou":  # made in the same moment by another process
            raise


@contextlib.contextmanager
def _where_allowed() -> Iterator[None]:
    """`check` tells what could not be set."""
    try:
        yield
    except ClientError as error:
        if status_of(error) not in (403, 405, 501):
            raise
