"""Where an attachment that is a file is had: at a signed URL of the store, which saves it and opens nothing."""

from collections.abc import Sequence

from litestar.datastructures import State

from api.assets.rows import AnAsset, ARendition
from api.assets.schemas import FileOut
from media.attachments import FILE
from media.signing import url_expires_at
from media.storage import Storage


def is_file(asset: AnAsset) -> bool:
    return FILE in (asset.facts or {})


def file_of(state: State, asset: AnAsset, renditions: Sequence[ARendition]) -> FileOut | None:
    """Return it with a fresh URL, or None of what is no file, or not ready."""
    row = next((row for row in renditions if row.name == FILE), None)
    if row is None or asset.state != "ready" or not is_file(asset):
        return None
    storage: Storage = state.storage
    facts = (asset.facts or {})[FILE]
    name, content_type = str(facts["name"]), str(facts["content_type"])
    life_s = state.settings.media_url_life_s
    url = storage.sign_get(row.key, expires_in_s=life_s, content_type=content_type, download_name=name)
    return FileOut(url, name, content_type, row.size_bytes, url_expires_at(url))
