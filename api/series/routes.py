from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, get, patch, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, QueryParameter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import allowed, one, shown
from api.auth import Actor
from api.creation import created
from api.etags import ETAG_HEADER, IfMatch, require_match, tagged
from api.paging import Cursor, Limit, Page, after, encode, page
from api.policy import may_author_challenges, may_see, visible
from api.policy_library import may_edit_series
from api.problems import declared
from api.series import service
from api.series.schemas import OccurrenceOut, SeriesIn, SeriesItem, SeriesOut, SeriesPatch, SeriesState
from models.challenge import Challenge
from models.series import Occurrence, Series

AGAIN = {200: ResponseSpec(SeriesOut, generate_examples=False, description="The series made with this id before")}
InState = Annotated[SeriesState | None, QueryParameter(name="state", description="Only series in this state.")]


async def _answer(session: AsyncSession, series: Series, *, new: bool = False) -> Response[SeriesOut]:
    return created(await service.series_out(session, series), new=new, headers=tagged(series.version))


@post(
    "/series",
    dependencies={"author": allowed(may_author_challenges)},
    operation_id="CreateSeries",
    summary="Ask a challenge again and again, at set times",
    description=(
        "Each posted challenge asks the same and is judged by the same version of the rubric. Who joins the audience "
        "is asked from then on. Of times that passed during a halt the last one is posted, unless it would be overdue."
    ),
    response_headers=ETAG_HEADER,
    responses=AGAIN | declared(403, 409),
    tags=["series"],
)
async def create_series(
    data: JSONBody[SeriesIn], author: NamedDependency[Actor], session: NamedDependency[AsyncSession]
) -> Response[SeriesOut]:
    series, new = await service.create_series(session, author, data)
    return await _answer(session, series, new=new)


@get(
    "/series",
    opt=shown(Series),
    operation_id="ListSeries",
    summary="The series the caller runs, newest first; all of them for enablement",
    responses=declared(),
    tags=["series"],
)
async def list_series(
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    in_state: InState = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[SeriesItem]:
    query = select(Series).where(visible(actor, Series))
    if in_state:
        query = query.where(Series.state == in_state)
    query = after(query, [Series.created_at, Series.id], cursor, limit, kinds=(datetime, UUID), descending=True)
    rows = (await session.scalars(query)).all()
    more = encode(rows[limit - 1].created_at, rows[limit - 1].id) if len(rows) > limit else None
    return Page(await service.series_items(session, rows[:limit]), more)


@get(
    "/series/{series_id:uuid}",
    dependencies={"series": one(Series, may_see)},
    operation_id="GetSeries",
    summary="One series, and when it posts next",
    response_headers=ETAG_HEADER,
    responses=declared(),
    tags=["series"],
)
async def get_series(series: NamedDependency[Series], session: NamedDependency[AsyncSession]) -> Response[SeriesOut]:
    return await _answer(session, series)


@patch(
    "/series/{series_id:uuid}",
    dependencies={"series": one(Series, may_edit_series, lock=True)},
    operation_id="UpdateSeries",
    summary="Change what a series has still to post",
    response_headers=ETAG_HEADER,
    responses=declared(403, 409, 412, 428),
    tags=["series"],
)
async def update_series(
    data: JSONBody[SeriesPatch],
    series: NamedDependency[Series],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    request: Request[Any, Any, Any],
    if_match: IfMatch = None,
) -> Response[SeriesOut]:
    del if_match

    async def current() -> SeriesOut:
        return await service.series_out(session, series)

    await require_match(request, series.version, current)
    await service.change_series(session, actor, series, data)
    return await _answer(session, series)


@post(
    "/series/{series_id:uuid}/pause",
    status_code=200,
    dependencies={"series": one(Series, may_edit_series, lock=True)},
    operation_id="PauseSeries",
    summary="Post nothing until the series is resumed",
    response_headers=ETAG_HEADER,
    responses=declared(403, 409),
    tags=["series"],
)
async def pause_series(series: NamedDependency[Series], session: NamedDependency[AsyncSession]) -> Response[SeriesOut]:
    await service.pause(session, series)
    return await _answer(session, series)


@post(
    "/series/{series_id:uuid}/resume",
    status_code=200,
    dependencies={"series": one(Series, may_edit_series, lock=True)},
    operation_id="ResumeSeries",
    summary="Go on with a series; the caller answers for it from now on",
    description="What passed meanwhile is left out.",
    response_headers=ETAG_HEADER,
    responses=declared(403, 409),
    tags=["series"],
)
async def resume_series(
    series: NamedDependency[Series], actor: NamedDependency[Actor], session: NamedDependency[AsyncSession]
) -> Response[SeriesOut]:
    await service.resume(session, actor, series)
    return await _answer(session, series)


@post(
    "/series/{series_id:uuid}/end",
    status_code=200,
    dependencies={"series": one(Series, may_edit_series, lock=True)},
    operation_id="EndSeries",
    summary="End a series; what it has posted stays",
    response_headers=ETAG_HEADER,
    responses=declared(403, 409),
    tags=["series"],
)
async def end_series(series: NamedDependency[Series], session: NamedDependency[AsyncSession]) -> Response[SeriesOut]:
    await service.end(session, series)
    return await _answer(session, series)


@get(
    "/series/{series_id:uuid}/challenges",
    dependencies={"series": one(Series, may_see)},
    operation_id="ListSeriesChallenges",
    summary="What a series has posted, newest first",
    responses=declared(),
    tags=["series"],
)
async def list_series_challenges(
    series: NamedDependency[Series],
    session: NamedDependency[AsyncSession],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[OccurrenceOut]:
    query = (
        select(Occurrence.number, Occurrence.at, Occurrence.challenge_id, Challenge.state)
        .join(Challenge, (Challenge.org_id == Occurrence.org_id) & (Challenge.id == Occurrence.challenge_id))
        .where(Occurrence.org_id == series.org_id, Occurrence.series_id == series.id)
    )
    query = after(query, [Occurrence.number], cursor, limit, kinds=(int,), descending=True)
    rows = (await session.execute(query)).all()
    return page(rows, limit, lambda row: (row.number,), lambda row: OccurrenceOut(*row))


routes = [
    create_series,
    list_series,
    get_series,
    update_series,
    pause_series,
    resume_series,
    end_series,
    list_series_challenges,
]
