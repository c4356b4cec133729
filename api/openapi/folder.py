"""The folder `openapi/`: written from the code by `make openapi`, compared with it by a test."""

import json
import sys
from pathlib import Path
from typing import Any, cast

from api.app import Parts, create_app
from api.openapi.document import document
from api.openapi.problems import problems_page
from api.settings import Settings
from media.storage import Storage
from models.database import Database

README = """# The API

`openapi.json` is the OpenAPI 3.1 document of this version: generated from the code (`make openapi`), committed, and
compared with the code by a test, so a change of the API shows in review. `problems.md` lists every error by its stable
`type`. A running server has the document at `/v1/openapi.json` and a page to read it at `/docs`.

What the document does not say by itself:

- Send `Authorization: Bearer <access_token>`; the token lives 15 minutes, `RefreshSession` gives the next one.
- Times are RFC 3339 in UTC, durations and positions integers in milliseconds (`…_ms`).
- Lists are `{"items": […], "next_cursor": "…"|null}`; ask again with `cursor=<next_cursor>` for the next page.
- Every create takes an `id` of your making (UUIDv7). The same id again answers 200 with the object as it is, and every
  action done again answers 200 with the object: after a lost answer, send the request again.
- What two people can edit carries an `ETag`; a write names it in `If-Match` (428 without, 412 when it is stale).
- Unknown fields of a request are refused. Ignore fields and states of an answer that you do not know: they will come.
"""


def generated(settings: Settings) -> dict[str, str]:
    """Return the files of the folder by name."""
    return {
        "openapi.json": as_text(document_of(settings)),
        "problems.md": problems_page(),
        "README.md": README,
    }


def document_of(settings: Settings) -> dict[str, Any]:
    """Return the document without a database or a store: routes are all it needs."""
    absent = Parts(settings, cast(Database, None), cast(Storage, None), b"not used: nothing is signed here")
    return document(create_app(absent))


def as_text(found: dict[str, Any]) -> str:
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def write_folder(settings: Settings, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in generated(settings).items():
        (folder / name).write_text(content, encoding="utf-8")


def print_document(settings: Settings) -> None:
    sys.stdout.write(as_text(document_of(settings)))
