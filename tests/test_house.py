"""The rules of the house that a machine can check: layers, sizes, access on every route."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from importlinter import cli as import_linter
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from api.access import OPT, PUBLIC
from api.policy import RULES, VISIBLE

ROOT = Path(__file__).parent.parent

MOST_LINES = 400
PACKAGES = ("api", "media", "models")
OPEN_TO_ALL = {
    "/health/live",
    "/health/ready",
    "/v1/openapi.json",
    "/v1/auth/sign-in",
    "/v1/auth/refresh",
    "/v1/auth/accept-invitation",
    "/v1/auth/reset-password",
}
# The signature in the URL says who may, and until when.
SIGNED = ("/v1/media/",)


def handlers(app: Litestar) -> Iterator[tuple[str, HTTPRouteHandler]]:
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if isinstance(handler, HTTPRouteHandler) and handler.http_methods != {"OPTIONS"}:
                yield route.path_format, handler


def loaders(handler: HTTPRouteHandler) -> list[Any]:
    return [d.dependency for d in handler.resolve_dependencies().values() if hasattr(d.dependency, "rule")]


def sources() -> list[Path]:
    return sorted(path for package in (*PACKAGES, "tests") for path in (ROOT / package).rglob("*.py"))


def test_api_depends_on_media_and_media_on_models_and_never_back() -> None:
    assert import_linter.lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_each_file_can_be_read_in_one_sitting(path: Path) -> None:
    if "versions" not in path.parts:
        assert len(path.read_text().splitlines()) <= MOST_LINES


def test_each_route_of_the_api_names_who_may_use_it(app: Litestar) -> None:
    silent = [
        path
        for path, handler in handlers(app)
        if path.startswith("/v1/") and not loaders(handler) and OPT not in handler.opt
    ]
    assert silent == []


def test_only_what_must_be_is_open_to_all(app: Litestar) -> None:
    found = {path for path, handler in handlers(app) if handler.opt.get(OPT) == PUBLIC[OPT]}
    assert {path for path in found if not path.startswith(SIGNED)} == OPEN_TO_ALL


def test_each_id_in_a_path_is_loaded_by_a_rule_or_belongs_to_something_that_is(app: Litestar) -> None:
    """A handler that takes an id of its own accord looks it up inside an object it was handed."""
    inside = {"prompt_id", "language"}
    for path, handler in handlers(app):
        if not path.startswith("/v1/") or path.startswith(SIGNED):
            continue
        named = {part[1:-1].partition(":")[0] for part in path.split("/") if part.startswith("{")}
        loaded = {f"{loader.model.__tablename__}_id" for loader in loaders(handler) if hasattr(loader, "model")}
        assert named - inside <= loaded, path


def test_each_rule_and_model_that_routes_name_stands_in_the_policy(app: Litestar) -> None:
    for path, handler in handlers(app):
        for loader in loaders(handler):
            assert loader.rule in RULES, path
            assert getattr(loader, "model", None) in {None, *VISIBLE}, path
        marked = str(handler.opt.get(OPT, ""))
        if marked.startswith("visible:"):
            assert marked.removeprefix("visible:") in {model.__tablename__ for model in VISIBLE}, path


def test_a_route_says_what_it_does(app: Litestar) -> None:
    for path, handler in handlers(app):
        if handler.resolve_include_in_schema():
            assert isinstance(handler.operation_id, str), path
            assert handler.summary, path
            assert handler.tags, path


def test_no_route_catches_errors() -> None:
    """Errors become problems in one place."""
    for path in sorted((ROOT / "api").glob("*/routes.py")):
        assert not any(isinstance(node, ast.Try) for node in ast.walk(ast.parse(path.read_text()))), path
