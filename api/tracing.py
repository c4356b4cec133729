"""Traces by OpenTelemetry, sent to a collector over OTLP: what the extra `otel` is for, when SHOWME_OTLP_URL is set."""

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import NOWHERE, method_of
from api.settings import SettingError, Settings
from media import traces

TRACES = "/v1/traces"


def start_tracing(settings: Settings, service: str) -> None:
    """Trace from now on, if settings say so, under the name of this service.

    Raises:
        SettingError: they say so, but the packages are not there.
    """
    if not settings.otlp_url:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio  # noqa: PLC0415
    except ImportError as error:
        raise SettingError(
            "SHOWME_OTLP_URL is set, but what it needs is not installed: pip install 'showme[otel]'."
        ) from error
    resource = Resource.create({"service.name": service})
    provider = TracerProvider(resource=resource, sampler=ParentBasedTraceIdRatio(settings.trace_percent / 100))
    exporter = OTLPSpanExporter(endpoint=endpoint_of(settings.otlp_url))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    traces.use(provider.get_tracer("showme"), provider.shutdown)


def endpoint_of(url: str) -> str:
    """Return where spans go, whether the URL is the collector's or already the one of its traces."""
    return f"{url.rstrip('/').removesuffix(TRACES)}{TRACES}"


class Traced(ASGIMiddleware):
    """A span for each request, named by its route, never by its path.

    It begins a trace of its own: what a client sends as its trace is not believed.
    """

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        route, method = str(scope.get("path_template") or NOWHERE), method_of(scope)
        facts = {"http.request.method": method, "http.route": route}
        facts["showme.request_id"] = str(scope.get("state", {}).get("request_id", ""))
        with traces.span(f"{method} {route}", parent="", facts=facts) as span:

            async def sending(message: Message) -> None:
                if span is not None and message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                await send(message)

            await next_app(scope, receive, sending)
