"""What tests of uploads share with those of the stores: each runs on both."""

from collections.abc import Iterator

import pytest

from tests.media.conftest import clock, http, local_server, store
from tests.s3_shim import S3Server, running_s3

__all__ = ["clock", "http", "local_server", "store"]


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """One beside that of the stores' own tests, which share a memory: hence another bucket."""
    with running_s3() as server:
        yield server
