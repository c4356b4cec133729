"""The application: where settings, database, store and routes are joined."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import ScalarRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Server

from api import transaction
from api.auth import Tokens
from api.health import health_routes
from api.logs import RequestId
from api.problems import HANDLERS
from api.rubrics.routes import routes as rubric_routes
from api.settings import Settings
from api.skills.routes import routes as skill_routes
from media.storage import Storage
from models.database import Database

VERSION = "0.1.0"

V1_ROUTES = [*skill_routes, *rubric_routes]


@dataclass(frozen=True)
class Parts:
    """What the application is made of; each is opened and closed by whoever made it."""

    settings: Settings
    database: Database
    storage: Storage
    secret: bytes


def create_app(parts: Parts) -> Litestar:
    state = State(
        {
            "settings": parts.settings,
            "database": parts.database,
            "storage": parts.storage,
            "secret": parts.secret,
            "tokens": Tokens(parts.secret),
        }
    )
    v1 = Router(
        "/v1",
        route_handlers=V1_ROUTES,
        dependencies={
            "caller": Provide(transaction.caller),
            "session": Provide(transaction.session),
            "actor": Provide(transaction.actor),
        },
    )
    return Litestar(
        route_handlers=[v1, *health_routes],
        state=state,
        exception_handlers=HANDLERS,
        middleware=[RequestId()],
        openapi_config=openapi_config(parts.settings),
        request_max_body_size=1024 * 1024,
        lifespan=[_lifespan],
        logging_config=None,
    )


@asynccontextmanager
async def _lifespan(app: Litestar) -> AsyncGenerator[None]:
    yield
    await app.state.database.dispose()


def openapi_config(settings: Settings) -> OpenAPIConfig:
    del settings
    return OpenAPIConfig(
        title="Showme",
        version=VERSION,
        description="Asynchronous video coaching: a challenge, a take, a critique with a next step, a bright spot.",
        path="/docs",
        render_plugins=[ScalarRenderPlugin()],
        servers=[Server(url="/")],
        components=Components(
            security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")}
        ),
        security=[{"bearer": []}],
        use_handler_docstrings=True,
    )
