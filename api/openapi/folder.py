"""The folder `openapi/`: written from the code by `make openapi`, compared with it by a test."""

import json
import sys
from importlib import resources
from pathlib import Path
from typing import Any, cast

from api.app import create_app
from api.openapi.document import document
from api.openapi.problems import problems_page
from api.parts import Parts
from api.settings import Settings
from media.storage import Storage
from models.database import Database


def generated(settings: Settings) -> dict[str, str]:
    """Return the files of the folder by name."""
    return {
        "openapi.json": as_text(document_of(settings)),
        "problems.md": problems_page(),
        "README.md": resources.files("api.openapi").joinpath("guide.md").read_text(encoding="utf-8"),
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
