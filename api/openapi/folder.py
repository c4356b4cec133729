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

## A phone's order of calls

Make each id on the phone and keep it before the call, so that whatever is lost, the same call can be sent again.

1. `SignIn` once. `RefreshSession` when a call answers 401; keep the new refresh token before using it. If its answer
   is lost, send the old one again within two minutes.
2. `ListMyAssignments`, then `GetChallenge` for its prompts.
3. `StartTake` with an id. There is one open draft for an assignment: whichever device began it.
4. For each prompt: record to a file, `CreateUpload` with an id, then `PutResponse` with the upload's `asset_id`.
5. `SubmitTake`. It need not wait for the bytes: the take is `submitting` until they are there.
6. For each upload: `SignParts` for the parts that are missing, `PUT` each part to its URL with the headers given, in
   any order and several at once; `CompleteUpload`. After a restart `GetUpload` lists the parts that arrived; after a
   reinstall `ListUploads?state=open` finds the uploads. A URL that answers 403 has expired: ask for it again. An
   upload whose parts are all there is completed by the server, should the phone never come back.
7. `GetAsset` until it is `playable` (seconds) or `failed` with a problem whose `message` can be shown as it is. A take
   with a failed video is `needs_replacement`, back in the inbox: record the failed prompt again and submit again.
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
