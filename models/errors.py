"""What can go wrong in the domain, as kinds with a stable code.

An error names its facts in `facts`; they travel to the client as members of the problem. One place in the API turns
a kind into a status.
"""

from typing import Any, ClassVar


class DomainError(Exception):
    """Something asked for cannot be; `code` is stable, the message is a sentence for a person."""

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "The request could not be carried out"

    def __init__(self, detail: str, *, code: str | None = None, **facts: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.slug = code or self.code
        self.facts = facts


class NotFoundError(DomainError):
    """Absent, or not visible to who asks: the two are told apart by nobody."""

    code = "not-found"
    title = "Not found"


class ForbiddenError(DomainError):
    code = "forbidden"
    title = "Not allowed"


class ConflictError(DomainError):
    code = "conflict"
    title = "The present state does not allow this"


class IllegalMoveError(ConflictError):
    """A move its table of states does not allow; `state` names the present one."""

    code = "illegal-move"


class GoneError(DomainError):
    """It was there, and is not kept any more; `latest` is the place from which there is something."""

    code = "cursor-too-old"
    title = "Not kept any more"


class InvalidError(DomainError):
    """Well formed, but not acceptable; `pointer` is the JSON pointer of the field at fault."""

    code = "invalid"
    title = "The request is not valid"

    def __init__(self, detail: str, *, pointer: str = "", code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.errors = [{"pointer": pointer, "detail": detail}]


class UnauthenticatedError(DomainError):
    code = "unauthenticated"
    title = "Sign in first"


class TooManyError(DomainError):
    """Asked too often; `retry_after_s` says when to come back."""

    code = "too-many-requests"
    title = "Too many requests"


class PreconditionRequiredError(DomainError):
    code = "precondition-required"
    title = "Say which version you edit"


class PreconditionFailedError(DomainError):
    """Somebody else wrote in between; `current` is the present representation."""

    code = "precondition-failed"
    title = "Somebody else changed this"


class UnavailableError(DomainError):
    """A part the request needs is down for now."""

    code = "unavailable"
    title = "Not available right now"
