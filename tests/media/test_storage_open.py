from pathlib import Path
from urllib.parse import urlsplit

import pytest

from media.s3_store import S3Storage
from media.storage import LocalStorage, open_storage

KEY = "a/assets/b/source.bin"


def opened(url: str) -> object:
    return open_storage(url, secret=b"s" * 32, public_url="https://showme.example/")


def test_a_folder_is_made_and_opened(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "a folder"
    storage = opened(f"file:{folder}")
    assert isinstance(storage, LocalStorage)
    assert folder.is_dir()
    url = urlsplit(storage.sign_get(KEY, expires_in_s=60))
    assert (url.netloc, url.path) == ("showme.example", f"/store/{KEY}")


def test_a_folder_may_be_written_as_a_url(tmp_path: Path) -> None:
    storage = opened(f"file://{tmp_path}/store")
    assert isinstance(storage, LocalStorage)
    assert storage.folder == tmp_path / "store"


@pytest.mark.parametrize(
    ("options", "host", "path"),
    [
        ("region=eu-central-1&", "videos.s3.eu-central-1.amazonaws.com", f"/{KEY}"),
        ("endpoint=http://minio:9000&", "minio:9000", f"/videos/{KEY}"),
        ("endpoint=http://minio:9000&public_endpoint=https://cdn.example&", "cdn.example", f"/videos/{KEY}"),
        ("endpoint=https://s3.example&style=virtual&", "videos.s3.example", f"/{KEY}"),
    ],
)
def test_a_bucket_is_reached_where_the_url_says(options: str, host: str, path: str) -> None:
    storage = opened(f"s3://videos?{options}access_key=AKIA&secret_key=a+b/c%3D")
    assert isinstance(storage, S3Storage)
    url = urlsplit(storage.sign_get(KEY, expires_in_s=60))
    assert (url.netloc, url.path) == (host, path)


def test_a_secret_key_keeps_its_plus_signs() -> None:
    storage = opened("s3://videos?access_key=AKIA&secret_key=a+b/c%3D")
    assert isinstance(storage, S3Storage)
    assert storage._keys().secret_key == "a+b/c="


@pytest.mark.parametrize(
    "url",
    [
        "",
        "videos",
        "ftp://videos",
        "file:",
        "file://host",
        "file:/dev/null/store",
        "s3://",
        "s3:videos",
        "s3://Videos",
        "s3://videos/folder",
        "s3://videos?endpoint=minio:9000",
        "s3://videos?endpoint=http://",
        "s3://videos?endpoint=http://minio:99999",
        "s3://videos?public_endpoint=javascript:alert(1)",
        "s3://videos?region=eu central",
        "s3://videos?style=both",
        "s3://videos?access_key=AKIA",
        "s3://videos?colour=blue",
    ],
)
def test_a_wrong_url_is_refused_with_one_sentence(url: str) -> None:
    with pytest.raises(ValueError, match=r"^The store .*\.$|^The \w+ of the store URL .*\.$") as refused:
        opened(url)
    assert "\n" not in str(refused.value)
