from typing import Annotated, Any

from litestar import Request, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import Stream

from api.access import OWN
from api.auth import Caller, bearer_of
from api.changes.hub import Hub, Listener
from api.changes.schemas import ChangesOut
from api.changes.service import NOW, changes, changes_out
from api.changes.stream import told
from api.paging import Limit
from api.problems import declared
from api.reading import reading
from models.database import Database
from models.feed import START, Cursor, check_kept, cursor_of, now_at

After = Annotated[
    str | None,
    QueryParameter(
        description="`next` of the answer before; `now` for the place of now alone. Without it from the oldest kept.",
        max_length=100,
    ),
]


LastEventId = Annotated[
    str | None, HeaderParameter(name="last-event-id", description="`id` of the last block that came.", max_length=100)
]
EVENT_STREAM = "text/event-stream"
NOT_KEPT = {"cache-control": "no-store", "x-accel-buffering": "no"}


@get(
    "/me/changes",
    opt=OWN,
    operation_id="ListChanges",
    summary="What changed for me",
    description=(
        "In the order of commits, none skipped and none twice: what you were allowed to know when it happened, your "
        "own acts and what is gone too. Ask for `after=now` first, then read your lists, then go on from there: keep "
        "`next`, also of an answer without items. `data` holds ids, states, numbers and dates, no texts; a client "
        "ignores types it does not know. A cursor older than what is kept is 410: read the lists again, and go on from "
        "`latest`."
    ),
    responses=declared(410),
    tags=["changes"],
)
async def list_changes(
    caller: NamedDependency[Caller], state: State, after: After = None, limit: Limit = 50
) -> ChangesOut:
    place = await _place(state.database, after)
    async with reading(state, caller) as read:
        if after == NOW and place is not None:
            return ChangesOut([], str(place), more=False)
        return changes_out(await changes(read, place, limit))


async def _place(database: Database, after: str | None) -> Cursor | None:
    """Return where to go on, once it is sure that what comes behind it is kept."""
    place = cursor_of(after) if after not in (None, NOW) else None
    if after is None or (place is not None and place.is_recent):
        return place
    async with database.without_tenant() as session:
        if place is None:
            return await now_at(session)
        await check_kept(session, place)
    return place


@get(
    "/events",
    opt=OWN,
    operation_id="StreamChanges",
    summary="What changes for me, as it happens",
    description=(
        "Server-Sent Events. `event: change` has as `data` an item of `ListChanges`, and as `id` the place behind it; "
        "a block with an `id` alone says that nothing else was for you up to there. A connection begins behind "
        "`Last-Event-ID`, or `after`, or else now; so a client that comes back has missed nothing. There is a comment "
        "every 15 s. `event: end` gives a `reason`: `token-expired` (refresh, and come back), `signed-out`, `shutdown` "
        "or `unavailable` (come back), `replaced` (you have five others: do not come back). Several tabs of a browser "
        "share one stream."
    ),
    media_type=EVENT_STREAM,
    responses={
        200: ResponseSpec(str, generate_examples=False, media_type=EVENT_STREAM, description="A stream without an end")
    }
    | declared(410),
    tags=["changes"],
)
async def stream_changes(
    caller: NamedDependency[Caller],
    state: State,
    request: Request[Any, Any, Any],
    last_event_id: LastEventId = None,
    after: After = None,
) -> Stream:
    place = await _place(state.database, last_event_id or after or NOW)
    async with reading(state, caller):
        pass  # who has signed out gets a problem, and no stream
    hub: Hub = state.hub
    hub.check_room(state)
    listener = Listener(caller, state.tokens.expires_at(bearer_of(request)))
    return Stream(told(state, hub, listener, place or START), media_type=EVENT_STREAM, headers=NOT_KEPT)


routes = [list_changes, stream_changes]
