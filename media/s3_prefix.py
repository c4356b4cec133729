"""All that a bucket holds under a prefix, listed and erased: objects, their old versions, what nobody finished.

Everything here blocks: call it in a thread.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from media.s3_bucket import code_of, status_of
from media.verbs import FoundObject, Held, OpenMultipart, StorageUnavailable, StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MOST_AT_ONCE = 1000
UNSEEN = (
    "The bucket {bucket} may keep old versions, and these credentials may not list them: "
    "allow s3:ListBucketVersions and s3:DeleteObjectVersion."
)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, whose lists come in pages of so many."""

    client: "S3Client"
    name: str
    page: int

    def pages(self, verb: Any, **options: Any) -> Iterator[Any]:
        paginator = self.client.get_paginator(verb)
        return iter(paginator.paginate(Bucket=self.name, **options, PaginationConfig={"PageSize": self.page}))

    def objects(self, prefix: str) -> list[StoredObject]:
        pages = self.pages("list_objects_v2", Prefix=prefix)
        items = [item for page in pages for item in page.get("Contents", [])]
        found = [StoredObject(item["Key"], item["Size"], item["ETag"]) for item in items]
        return sorted(found, key=lambda one: one.key)

    def walk(self, prefix: str) -> Iterator[list[FoundObject]]:
        for page in self.pages("list_objects_v2", Prefix=prefix):
            if items := page.get("Contents"):
                yield [FoundObject(item["Key"], item["Size"], item["LastModified"]) for item in items]

    def multiparts(self, prefix: str) -> list[OpenMultipart]:
        pages = self.pages("list_multipart_uploads", Prefix=prefix)
        found = [
            OpenMultipart(item["Key"], item["UploadId"], item["Initiated"])
            for page in pages
            for item in page.get("Uploads", [])
        ]
        return sorted(found, key=lambda one: (one.key, one.multipart_id))

    def held(self, prefix: str) -> Held:
        keys = [one.key for one in self.objects(prefix)]
        versions = self._versions(prefix)
        return Held(
            tuple(sorted({*keys, *(version["Key"] for version in versions or ())})),
            len(keys) if versions is None else len(versions),
            len(self.multiparts(prefix)),
            UNSEEN.format(bucket=self.name) if versions is None and self._may_keep_versions() else "",
        )

    def erase(self, prefix: str) -> list[str]:
        """Return the keys of the objects that were there."""
        for one in self.multiparts(prefix):
            with contextlib.suppress(ClientError):  # completed in the same moment: erased as an object below
                self.client.abort_multipart_upload(Bucket=self.name, Key=one.key, UploadId=one.multipart_id)
        found = [one.key for one in self.objects(prefix)]
        versions = self._versions(prefix)
        self._delete([{"Key": key} for key in found] if versions is None else versions)
        return found

    def erase_keys(self, keys: Sequence[str]) -> None:
        """Erase these objects with their old versions, where those are told."""
        items: list[dict[str, str]] = []
        for key in keys:
            versions = self._versions(key)
            items += [{"Key": key}] if versions is None else [one for one in versions if one["Key"] == key]
        self._delete(items)

    def _delete(self, items: Sequence[dict[str, str]]) -> None:
        for start in range(0, len(items), MOST_AT_ONCE):
            some: Any = items[start : start + MOST_AT_ONCE]
            answer = self.client.delete_objects(Bucket=self.name, Delete={"Objects": some, "Quiet": True})
            errors = [e for e in answer.get("Errors", []) if e.get("Code") not in ("NoSuchKey", "NoSuchVersion")]
            if errors:
                raise StorageUnavailable(f"{len(errors)} objects could not be deleted ({errors[0].get('Code')}).")

    def _versions(self, prefix: str) -> list[dict[str, str]] | None:
        """Return every version and delete marker; in a bucket without versions, each object. None: it is not told."""
        try:
            pages = list(self.pages("list_object_versions", Prefix=prefix))
        except ClientError as error:
            if status_of(error) in (403, 405, 501):  # not allowed, or not known to this server
                return None
            raise
        return [
            {"Key": item["Key"], "VersionId": item["VersionId"]}
            for page in pages
            for item in (*page.get("Versions", []), *page.get("DeleteMarkers", []))
        ]

    def _may_keep_versions(self) -> bool:
        """Tell of a bucket whose versions are not listed whether there may be some."""
        try:
            return bool(self.client.get_bucket_versioning(Bucket=self.name).get("Status"))
        except ClientError as error:
            if status_of(error) in (405, 501) or code_of(error) == "NotImplemented":
                return False
            if status_of(error) == 403:
                return True
            raise
