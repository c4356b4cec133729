"""The application: where settings, database, store and routes are joined."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme, Server

from api import transaction
from api.accounts.routes import routes as account_routes
from api.assets.routes import routes as asset_routes
from api.assignments.bulk_routes import routes as bulk_routes
from api.assignments.routes import routes as assignment_routes
from api.audit.routes import routes as audit_routes
from api.auth import Tokens
from api.bodies import StrictRequest
from api.bright_spots.routes import routes as bright_spot_routes
from api.captions.routes import routes as caption_routes
from api.challenges.routes import routes as challenge_routes
from api.changes.hub import Hub
from api.changes.routes import routes as change_routes
from api.critiques.routes import routes as critique_routes
from api.drafts.routes import routes as draft_routes
from api.health import health_routes
from api.library.routes import routes as library_routes
from api.limits.rates import Rates
from api.local_store import local_store_handler
from api.logs import RequestId
from api.market_signals.routes import routes as market_signal_routes
from api.metrics import Metered, count_unmatched, get_metrics
from api.moments.routes import routes as moment_routes
from api.next_steps.routes import routes as next_step_routes
from api.openapi.routes import DocumentPlugin, PagePlugin, ProblemsPlugin, cached
from api.openapi.routes import routes as document_routes
from api.org.routes import routes as org_routes
from api.pairs.routes import routes as pair_routes
from api.parts import Parts
from api.people.routes import routes as people_routes
from api.people_import.routes import routes as people_import_routes
from api.problems import HANDLERS
from api.progress.routes import routes as progress_routes
from api.queries import said_once
from api.remarks.routes import routes as remark_routes
from api.reviews.routes import routes as review_routes
from api.rubrics.routes import routes as rubric_routes
from api.security_headers import security_headers
from api.series.routes import routes as series_routes
from api.settings import Settings
from api.side_by_side.routes import routes as side_by_side_routes
from api.skills.routes import routes as skill_routes
from api.takes.routes import routes as take_routes
from api.teams.routes import routes as team_routes
from api.tracing import Traced
from api.uploads.routes import routes as upload_routes
from media import traces
from media.storage import LocalStorage

VERSION = "0.1.0"
WARM_AFTER_S = 15

V1_ROUTES = [
    *account_routes,
    *org_routes,
    *people_routes,
    *people_import_routes,
    *team_routes,
    *skill_routes,
    *rubric_routes,
    *challenge_routes,
    *library_routes,
    *series_routes,
    *pair_routes,
    *assignment_routes,
    *bulk_routes,
    *take_routes,
    *review_routes,
    *side_by_side_routes,
    *upload_routes,
    *asset_routes,
    *caption_routes,
    *critique_routes,
    *draft_routes,
    *remark_routes,
    *moment_routes,
    *market_signal_routes,
    *next_step_routes,
    *progress_routes,
    *bright_spot_routes,
    *change_routes,
    *audit_routes,
    *document_routes,
]


def create_app(parts: Parts) -> Litestar:
    state = State(
        {
            "settings": parts.settings,
            "database": parts.database,
            "storage": parts.storage,
            "secret": parts.secret,
            "tokens": Tokens(parts.secret),
            "rates": rates_of(parts),
            "draining": False,
            "hub": Hub(parts.database, parts.settings),
        }
    )
    v1 = Router(
        "/v1",
        route_handlers=V1_ROUTES,
        guards=[said_once],
        dependencies={
            "caller": Provide(transaction.caller),
            "session": Provide(transaction.session),
            "actor": Provide(transaction.actor),
        },
    )
    store = [local_store_handler(parts.storage)] if isinstance(parts.storage, LocalStorage) else []
    return Litestar(
        route_handlers=[v1, *health_routes, get_metrics, *store],
        state=state,
        exception_handlers=HANDLERS,
        before_send=[security_headers(parts.settings), count_unmatched],
        middleware=[RequestId(), Metered(), *([Traced()] if traces.on() else []), transaction.EndTransactions()],
        openapi_config=openapi_config(parts.settings),
        request_class=StrictRequest,
        request_max_body_size=1024 * 1024,
        lifespan=[_lifespan],
        logging_config=None,
    )


def rates_of(parts: Parts) -> Rates:
    settings = parts.settings
    return Rates(parts.database, person=settings.requests_per_minute, org=settings.org_requests_per_minute)


@asynccontextmanager
async def _lifespan(app: Litestar) -> AsyncGenerator[None]:
    warming = asyncio.create_task(_warm(app))
    sharing = asyncio.create_task(app.state.rates.keep_sharing())
    yield
    sharing.cancel()
    warming.cancel()
    await app.state.hub.close()
    await asyncio.to_thread(traces.end)  # here, since the process then ends by its signal
    await app.state.database.dispose()


async def _warm(app: Litestar) -> None:
    """Make the document, which takes a second: once the start is over, and before most ask for it."""
    await asyncio.sleep(WARM_AFTER_S)
    await asyncio.to_thread(cached, app)


def openapi_config(settings: Settings) -> OpenAPIConfig:
    del settings
    return OpenAPIConfig(
        title="Showme",
        version=VERSION,
        description="Asynchronous video coaching: a challenge, a take, a critique with a next step, a bright spot.",
        path="/docs",
        render_plugins=[PagePlugin(), DocumentPlugin(), ProblemsPlugin()],
        servers=[Server(url="/")],
        components=Components(
            security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")}
        ),
        security=[{"bearer": []}],
        use_handler_docstrings=True,
    )
