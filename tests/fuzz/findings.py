"""What an answer must hold to, and the list of those that did not."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from schemathesis import Case
from schemathesis.checks import CheckContext
from schemathesis.core.failures import Failure, FailureGroup, ServerError
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)


def no_server_error(_context: CheckContext, response: Response, case: Case[Any]) -> None:
    """Theirs sends the case again over the network, to tell kinds of errors apart."""
    if response.status_code >= 500:
        raise ServerError(operation=case.operation.label, status_code=response.status_code)


# Not among them: that all valid data is accepted (a rule such as "levels go upwards" is in no schema), and that what
# was deleted is gone (a discarded take can still be read by its rep: the design says so).
CHECKS = [
    no_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@dataclass
class Finding:
    """One way in which an operation broke its word; the first case stands for the others."""

    operation: str
    title: str
    message: str
    role: str
    curl: str
    answer: str
    times: int = 1

    def text(self) -> str:
        lines = [
            f"{self.operation}: {self.title} ({self.times} times, first as {self.role})",
            *(f"  {line}" for line in self.message.splitlines() if line.strip()),
            f"  it answered: {self.answer}",
            f"  TOKEN=<an access token of a person who is {self.role}>",
            f"  {self.curl}",
        ]
        return "\n".join(lines)


@dataclass
class Findings:
    """Each way once: a thousand cases that find one fault are one finding."""

    found: dict[tuple[str, str, str], Finding] = field(default_factory=dict)

    def add(self, case: Case[Any], role: str, answer: str, group: FailureGroup) -> list[Finding]:
        """Return those that are new."""
        new = []
        for failure in group.exceptions:
            assert isinstance(failure, Failure)
            key = (case.operation.label, failure.title, _gist(failure))
            if key in self.found:
                self.found[key].times += 1
            else:
                self.found[key] = Finding(
                    case.operation.label, failure.title, failure.message, role, curl_of(case), answer
                )
                new.append(self.found[key])
        return new

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.found.values())

    def __len__(self) -> int:
        return len(self.found)

    def text(self) -> str:
        return "\n\n".join(finding.text() for finding in self)


def _gist(failure: Failure) -> str:
    """Tell findings of one kind apart by what they say first: a place in a schema, an unexpected status."""
    return next((line for line in failure.message.splitlines() if "chema at" in line or "component" in line), "")[:120]


def curl_of(case: Case[Any]) -> str:
    return case.as_curl_command(headers={"Authorization": "Bearer $TOKEN"}, base_url="http://127.0.0.1:8080").replace(
        "'Authorization: Bearer $TOKEN'", '"Authorization: Bearer $TOKEN"'
    )
