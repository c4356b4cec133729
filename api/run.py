"""The API as a process, made from the settings."""

import uvicorn
from litestar import Litestar

from api.app import create_app
from api.draining import DrainingServer
from api.logs import configure_logs
from api.parts import Parts, listen, open_database, store_of
from api.settings import Settings, secret_key
from api.slow_clients import PatientProtocol
from api.tracing import start_tracing


def serve(settings: Settings) -> int:
    """Serve the API until a signal; what is being answered then gets ten seconds to end."""
    configure_logs(settings.log_format, settings.log_level)
    start_tracing(settings, "showme-api")
    listener = listen(settings)
    secret = secret_key(settings)
    app = create_app(Parts(settings, open_database(settings), store_of(settings, secret), secret))
    server = DrainingServer(server_config(app, settings), app, settings.drain_s)
    server.run(sockets=[listener])
    return 0 if server.started else 1


def server_config(app: Litestar, settings: Settings) -> uvicorn.Config:
    proxies = settings.trusted_proxies
    return uvicorn.Config(
        app,
        http=PatientProtocol,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=10,
        # Longer than balancers keep a connection that rests (60 s is common): who closes first must not be us, or a
        # request that is just being sent on it is lost.
        timeout_keep_alive=75,
        server_header=False,
        # Only these may say in X-Forwarded-For who asks: the throttle of sign-ins counts by address.
        forwarded_allow_ips=proxies if proxies == "*" else [proxy.strip() for proxy in proxies.split(",")],
    )
