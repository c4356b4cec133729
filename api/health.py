"""Is this process alive, and are the parts it needs?"""

import asyncio
from typing import Any

import msgspec
from litestar import Response, get
from litestar.datastructures import State
from litestar.openapi.datastructures import ResponseSpec

from api.access import PUBLIC
from models.database import ping


class Health(msgspec.Struct, frozen=True):
    status: str
    parts: dict[str, str] = {}


@get(
    "/health/live",
    opt=PUBLIC,
    operation_id="Live",
    summary="The process answers",
    security=[{}],
    tags=["health"],
)
async def live() -> Health:
    return Health("ok")


@get(
    "/health/ready",
    opt=PUBLIC,
    operation_id="Ready",
    summary="The parts it needs answer too",
    description="503 while a part is down; `parts` says which. Also 503, `draining`, from a process that is about to "
    "end and still answers: send it nothing new.",
    responses={503: ResponseSpec(Health, generate_examples=False, description="A part is down, or the process ends")},
    security=[{}],
    tags=["health"],
)
async def ready(state: State) -> Response[Health]:
    if state.draining:
        return Response(Health("draining"), status_code=503)
    checks = {"database": ping(state.database), "store": state.storage.ping()}
    answers = await asyncio.gather(*(_answer(check) for check in checks.values()))
    parts = dict(zip(checks, answers, strict=True))
    healthy = all(answer == "ok" for answer in answers)
    return Response(Health("ok" if healthy else "down", parts), status_code=200 if healthy else 503)


async def _answer(check: Any) -> str:
    try:
        await asyncio.wait_for(check, timeout=3)
    except Exception as error:  # noqa: BLE001  # whatever a part raises, its name is the answer
        return f"down: {type(error).__name__}"
    return "ok"


health_routes = [live, ready]
