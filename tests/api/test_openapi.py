"""The document is the code's, is valid, and shows what it says."""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from api.openapi.folder import document_of, generated
from api.problem_types import TYPES
from api.problems import MEDIA_TYPE, STATUS
from api.settings import Settings
from media.problems import PROBLEMS
from models import errors
from tests.client import Client

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = document_of(Settings())
REGISTRY: Registry[Any] = Registry().with_resource("doc:", DRAFT202012.create_resource(DOCUMENT))


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            yield f"{method} {path}", operation


def shown(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each body, by what it is."""
    for media in operation.get("requestBody", {}).get("content", {}).values():
        yield "request", media
    for status, answer in operation["responses"].items():
        for media_type, media in answer.get("content", {}).items():
            if media_type.endswith("json"):
                yield status, media


@pytest.mark.parametrize("name", sorted(generated(Settings())))
def test_the_committed_folder_is_what_the_code_says(name: str) -> None:
    """After a change of the API: `make openapi`, and read what changed."""
    assert (ROOT / "openapi" / name).read_text() == generated(Settings())[name]


def test_it_is_valid_openapi() -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []
    assert DOCUMENT["openapi"].startswith("3.1")


def test_each_operation_has_a_name_of_its_own_and_says_what_it_does() -> None:
    names = Counter(operation["operationId"] for _, operation in operations())
    assert [name for name, count in names.items() if count > 1] == []
    assert [where for where, operation in operations() if not operation.get("summary")] == []
    assert [where for where, operation in operations() if not operation.get("tags")] == []


def test_each_operation_declares_its_problems() -> None:
    for where, operation in operations():
        if where.endswith(("/health/live", "/health/ready")):
            continue
        problems = {
            status for status, answer in operation["responses"].items() if MEDIA_TYPE in answer.get("content", {})
        }
        assert problems, where
        if "requestBody" in operation:
            assert {"413", "422"} <= problems, where
        if operation.get("security") != []:
            assert "401" in problems, where


def test_each_body_has_an_example_that_its_schema_accepts() -> None:
    for where, operation in operations():
        for what, media in shown(operation):
            assert "example" in media, f"{where} {what}"
            schema = json.loads(json.dumps(media["schema"]).replace('"#/', '"doc:#/'))
            validator = Draft202012Validator(schema, registry=REGISTRY, format_checker=FormatChecker())
            found = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(media["example"])]
            assert found == [], f"{where} {what}"


def test_a_body_that_may_be_left_out_is_not_required() -> None:
    """The routes answer without one (tested beside them); a generated client must not insist."""
    bodies = {
        operation["operationId"]: operation["requestBody"]
        for _, operation in operations()
        if "requestBody" in operation
    }
    left_out = {name for name, body in bodies.items() if not body["required"]}
    assert left_out == {"AcknowledgeCritique", "ClaimTake", "CompleteUpload", "SubmitTake"}


def named(part: Any) -> Iterator[str]:
    """Yield the schemas that a part of the document refers to, and those they refer to."""
    if isinstance(part, dict):
        if "$ref" in part:
            name = part["$ref"].rsplit("/", 1)[-1]
            yield name
            yield from named(DOCUMENT["components"]["schemas"][name])
        for value in part.values():
            yield from named(value)
    elif isinstance(part, list):
        for value in part:
            yield from named(value)


def test_the_document_says_too_that_a_request_may_hold_no_other_fields() -> None:
    sent = {name for _, operation in operations() for name in named(operation.get("requestBody", {}))}
    schemas = DOCUMENT["components"]["schemas"]
    assert len(sent) > 20
    assert [name for name in sorted(sent) if schemas[name].get("additionalProperties") is not False] == []


def nodes() -> Iterator[tuple[Path, ast.AST]]:
    """Yield each node of the source."""
    for path in sorted(ROOT.glob("api/**/*.py")) + sorted(ROOT.glob("m*/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            yield path, node


def literal(call: ast.Call, name: str) -> str | None:
    found = next((word.value for word in call.keywords if word.arg == name), None)
    return str(found.value) if isinstance(found, ast.Constant) else None


def codes() -> set[str]:
    """Return each code that is written in the source beside an error or a problem."""
    return {code for _, node in nodes() if isinstance(node, ast.Call) and (code := literal(node, "code"))}


def status_of(call: ast.Call) -> int | None:
    """Return the status of the error that a call makes, if it makes one by the name of its class."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    kind = getattr(errors, str(name), None)
    if not (isinstance(kind, type) and issubclass(kind, errors.DomainError)):
        return None
    return next((STATUS[one] for one in kind.__mro__ if one in STATUS), None)


def test_each_code_has_the_status_of_the_errors_that_carry_it() -> None:
    """Else the list of problems would promise a client another status than the one it gets."""
    raised = [
        (path.relative_to(ROOT), node.lineno, code, status)
        for path, node in nodes()
        if isinstance(node, ast.Call) and (code := literal(node, "code")) and (status := status_of(node))
    ]
    assert len(raised) > 40
    assert [one for one in raised if TYPES[one[2]].status != one[3]] == []


def test_each_code_that_is_raised_is_explained() -> None:
    kinds = {kind.code for kind in STATUS}
    assert codes() - set(TYPES) - set(PROBLEMS) == set()
    assert kinds - set(TYPES) == set()


def test_each_problem_that_is_explained_is_one_that_is_raised() -> None:
    text = "".join(path.read_text() for path in (ROOT / "api").rglob("*.py") if path.name != "problem_types.py")
    text += "".join(path.read_text() for package in ("media", "models") for path in (ROOT / package).rglob("*.py"))
    assert [slug for slug in TYPES if f'"{slug}"' not in text] == []


def test_each_problem_has_the_status_of_its_kind() -> None:
    assert {TYPES[kind.code].status for kind in STATUS} == set(STATUS.values())
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", slug) for slug in TYPES)
    assert TYPES["invalid"].title == errors.InvalidError.title


async def test_a_server_has_the_document_and_a_page_to_read_it(anonymous: Client) -> None:
    answer = await anonymous.get("/v1/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json()["paths"].keys() == DOCUMENT["paths"].keys()
    page = await anonymous.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert all(operation["operationId"] in page.text for _, operation in operations())


async def test_the_page_asks_no_other_host(anonymous: Client) -> None:
    page: httpx.Response = await anonymous.get("/docs")
    assert "<script" not in page.text
    assert not re.search(r'(src|href)="(https?:)?//', page.text)


async def test_the_document_is_below_docs_too(anonymous: Client) -> None:
    assert (await anonymous.get("/docs/openapi.json")).json()["info"]["title"] == "Showme"
