"""Spans of requests and jobs, where a tracer was given; else nothing, at no cost and without its packages.

A job belongs to the trace of the request that caused it: `traceparent` (W3C Trace Context) travels in its arguments.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

TRACEPARENT = "traceparent"


class _Traces:
    """Of this process: the tracer, and what sends its last spans away."""

    tracer: "Tracer | None" = None
    end: Callable[[], object] | None = None


def use(tracer: "Tracer | None", end: Callable[[], object] | None = None) -> None:
    _Traces.tracer, _Traces.end = tracer, end


def on() -> bool:
    return _Traces.tracer is not None


def end() -> None:
    """Send what has not been sent, and trace no more. It may block for some seconds."""
    ending = _Traces.end
    use(None)
    if ending is not None:
        ending()


@contextmanager
def span(
    name: str, *, parent: str | None = None, job: bool = False, facts: Mapping[str, str] | None = None
) -> Iterator["Span | None"]:
    """Open a span; with a `parent`, which may be empty, below that one, and never below the present one."""
    if _Traces.tracer is None:
        yield None
        return
    from opentelemetry.context import Context  # noqa: PLC0415  # of an extra
    from opentelemetry.trace import SpanKind  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    context = None
    if parent is not None:
        context = TraceContextTextMapPropagator().extract({TRACEPARENT: parent}, Context())
    kind = SpanKind.CONSUMER if job else SpanKind.SERVER
    with _Traces.tracer.start_as_current_span(name, context, kind=kind, attributes=facts) as opened:
        yield opened


def traceparent() -> str:
    """Return the present span as a header has it; empty without one."""
    if _Traces.tracer is None:
        return ""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(TRACEPARENT, "")
