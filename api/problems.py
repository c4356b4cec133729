"""The one place that turns errors into problem+json (RFC 9457), and says in the document which ones there are."""

import re
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from sqlalchemy.exc import DBAPIError

from api.bodies import is_of_another_kind, refusal
from api.wording import plain
from media.storage import StorageUnavailable
from models import errors
from models.ids import new_id
from models.outages import broke_off

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
FOUND_BY_FRAMEWORK = {
    404: ("not-found", "There is nothing at this address."),
    405: ("method-not-allowed", "This address knows other methods; the header Allow names them."),
    408: ("body-incomplete", "The body did not come whole in time. Send the request again."),
    413: ("too-large", "A body may have a megabyte; videos go to the store in parts."),
    415: ("unsupported-media-type", "Send JSON, and say so: Content-Type: application/json."),
}
RETRY_AFTER_S = 2  # while a part is down

STATUS: dict[type[errors.DomainError], int] = {
    errors.UnauthenticatedError: 401,
    errors.ForbiddenError: 403,
    errors.NotFoundError: 404,
    errors.ConflictError: 409,
    errors.GoneError: 410,
    errors.PreconditionFailedError: 412,
    errors.InvalidError: 422,
    errors.PreconditionRequiredError: 428,
    errors.TooManyError: 429,
    errors.UnavailableError: 503,
}


class FieldError(msgspec.Struct, frozen=True):
    pointer: str
    detail: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457. `type` is stable; further members name the facts of this kind of problem."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str = ""
    errors: list[FieldError] | None = None
    state: str | None = None
    missing: list[str] | None = None
    retry_after_s: int | None = None
    current: Any = None
    refused: Any = None  # what was sent, where it was kept
    latest: str | None = None


def declared(*statuses: int) -> dict[int, ResponseSpec]:
    """Declare the problems an operation may answer with, beside 401, 404, 422, 429 and 503 that most have."""
    titles = {status: kind.title for kind, status in STATUS.items()}
    return {
        status: ResponseSpec(Problem, generate_examples=False, media_type=MEDIA_TYPE, description=titles[status])
        for status in sorted({401, 404, 422, 429, 503, *statuses})
    }


def problem(
    request: Request[Any, Any, Any], status: int, slug: str, title: str, detail: str, **facts: Any
) -> Response[Any]:
    body = {"type": f"/problems/{slug}", "title": title, "status": status, "detail": detail}
    request_id = request.scope.get("state", {}).get("request_id")
    if not request_id:  # no route was found, so no middleware has run
        request_id = new_id().hex
    body["request_id"] = request_id
    headers = {"retry-after": str(facts["retry_after_s"])} if "retry_after_s" in facts else {}
    if status == 401:
        headers["www-authenticate"] = 'Bearer realm="showme"'
    return Response(body | facts, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def on_domain_error(request: Request[Any, Any, Any], error: errors.DomainError) -> Response[Any]:
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    facts = dict(error.facts)
    if isinstance(error, errors.InvalidError):
        facts["errors"] = error.errors
    if status == 503:
        facts.setdefault("retry_after_s", RETRY_AFTER_S)
    return problem(request, status, error.slug, error.title, error.detail, **facts)


def on_validation_error(request: Request[Any, Any, Any], error: ValidationException) -> Response[Any]:
    """Answer 422 with a pointer for each field at fault; 415 for a body that is not said to be JSON."""
    if is_of_another_kind(request):
        return on_http_exception(request, HTTPException(status_code=415))
    found = error.extra if isinstance(error.extra, list) else [refusal(request)]
    listed = [
        {"pointer": _pointer(request, item), "detail": plain(str(item.get("message", "")))}
        for item in (_of_body(request, item) for item in found)
        if isinstance(item, dict)
    ]
    detail = " ".join(item["detail"] for item in listed) or str(error.detail)
    listed = listed or [{"pointer": "", "detail": detail}]
    return problem(request, 422, "invalid", errors.InvalidError.title, detail, errors=listed)


def _of_body(request: Request[Any, Any, Any], item: Any) -> Any:
    """Return what was found wrong with the body where the framework says only that there is none it can use."""
    is_body = isinstance(item, dict) and item.get("source") == "body" and item.get("key") == "data"
    return (refusal(request) if is_body else None) or item


def _pointer(request: Request[Any, Any, Any], item: dict[str, Any]) -> str:
    key = _sent_as(request, str(item.get("key", "")))
    unknown = re.search(r"unknown field `([^`]*)`", str(item.get("message", "")))
    key = "" if key == "data" else key
    if unknown:
        key = f"{key}.{unknown[1]}" if key else unknown[1]
    source = str(item.get("source", "body")).rsplit(".", 1)[-1].lower()
    path = "/" + "/".join(part for part in key.replace("[", ".").replace("]", "").split(".") if part) if key else ""
    return path if source == "body" else f"#{source}{path}"


def _sent_as(request: Request[Any, Any, Any], key: str) -> str:
    """Return what clients call a parameter: a handler may have to name it otherwise (`state` is the framework's)."""
    parameter = request.route_handler.parsed_fn_signature.parameters.get(key)
    return getattr(parameter and parameter.kwarg_definition, "name", None) or key


def on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Answer what the framework found: no such route, a method it does not know, a body that is not JSON."""
    if error.status_code == 400:
        detail = plain(error.detail)
        return problem(
            request, 422, "invalid", errors.InvalidError.title, detail, errors=[{"pointer": "", "detail": detail}]
        )
    slug, detail = FOUND_BY_FRAMEWORK.get(error.status_code, ("http-error", error.detail))
    response = problem(request, error.status_code, slug, slug.replace("-", " ").capitalize(), detail)
    response.headers.update(error.headers or {})
    return response


def on_database_error(request: Request[Any, Any, Any], error: DBAPIError) -> Response[Any]:
    """A value the database cannot hold is the client's; what else it says is ours."""
    code = getattr(error.orig, "sqlstate", None) or ""
    if code[:2] == "22":
        detail = "A value is out of the range that can be kept."
        return problem(
            request,
            422,
            "invalid",
            errors.InvalidError.title,
            detail,
            errors=[{"pointer": "", "detail": detail}],
        )
    if code[:3] in {"230", "235"}:
        return problem(request, 409, "conflict", errors.ConflictError.title, "This clashes with something that exists.")
    if broke_off(error):
        log.warning("the database broke off", code=code, exc_info=error)
        return on_domain_error(request, errors.UnavailableError("The database broke off. Try again."))
    return on_unexpected(request, error)


def on_storage_error(request: Request[Any, Any, Any], error: StorageUnavailable) -> Response[Any]:
    log.warning("the store does not answer", exc_info=error)
    return on_domain_error(request, errors.UnavailableError("The store does not answer. Try again."))


def on_too_deep(request: Request[Any, Any, Any], _error: RecursionError) -> Response[Any]:
    """Nothing but a body nests so deeply that reading it ends at the interpreter's limit."""
    detail = "This is nested too deeply to be read."
    return problem(
        request, 422, "invalid", errors.InvalidError.title, detail, errors=[{"pointer": "", "detail": detail}]
    )


def on_unexpected(request: Request[Any, Any, Any], error: BaseException) -> Response[Any]:
    if isinstance(error, BaseExceptionGroup):
        return _first_of(request, error)
    log.error("unexpected error", path=request.url.path, exc_info=error)
    return problem(
        request,
        500,
        "internal",
        "Something went wrong on our side",
        "The error has been logged with this request id.",
    )


def _first_of(request: Request[Any, Any, Any], group: BaseExceptionGroup[Any]) -> Response[Any]:
    """A failure while the transaction is closed arrives in a group."""
    inner = group.exceptions[0]
    for kind, handler in HANDLERS.items():
        if isinstance(kind, type) and kind is not Exception and isinstance(inner, kind):
            answer: Response[Any] = handler(request, inner)
            return answer
    return on_unexpected(request, inner)


HANDLERS: dict[int | type[Exception], Any] = {
    errors.DomainError: on_domain_error,
    ValidationException: on_validation_error,
    HTTPException: on_http_exception,
    DBAPIError: on_database_error,
    StorageUnavailable: on_storage_error,
    RecursionError: on_too_deep,
    Exception: on_unexpected,
}
