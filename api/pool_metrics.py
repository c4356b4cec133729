"""How long connections are waited for, and how many are in use, for Prometheus."""

from prometheus_client import Gauge, Histogram

from media.metrics import REGISTRY
from models.database import Database
from models.pool import WatchedPool

POOL_SECONDS = Histogram(
    "showme_database_wait_seconds",
    "How long it took to get a connection from the pool.",
    buckets=(0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10),
    registry=REGISTRY,
)
POOL_USED = Gauge("showme_database_connections_used", "Connections that are in use.", registry=REGISTRY)
POOL_SIZE = Gauge("showme_database_connections_most", "Connections there may be at once.", registry=REGISTRY)


def watch_pool(database: Database) -> None:
    pool = database.engine.sync_engine.pool
    if isinstance(pool, WatchedPool):
        pool.waited = POOL_SECONDS.observe
        POOL_USED.set_function(pool.checkedout)
        POOL_SIZE.set(pool.size() + pool._max_overflow)  # noqa: SLF001  # there is no public way to ask
