"""FastAPI in its own idioms: a session by dependency, a bearer token by dependency, pydantic response models.

It sets no tenant either: it connects as the owner, whom no policy filters, and trusts its WHERE.
"""

from collections.abc import AsyncGenerator, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from uuid import UUID

import msgspec
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer
from pydantic import BaseModel, ConfigDict, Field, create_model
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from api.assignments.schemas import AssignmentOut
from api.auth import Actor
from api.bright_spots.schemas import BrightSpotOut
from api.progress.schemas import PersonProgress
from api.reviews.schemas import ReviewOut
from api.takes.schemas import TakeOut
from models.errors import UnauthenticatedError
from models.reads import Statement
from tests.bench.rivals import answers
from tests.bench.rivals.answers import Run, Values, world

TOKENS, STATE, ACTORS = world().tokens, world().state, world().actors
SESSIONS = async_sessionmaker(
    create_async_engine(world().owner_url, pool_size=10, max_overflow=10), expire_on_commit=False
)
MODELS: dict[type[Any], type[BaseModel]] = {}


def _kind(kind: Any) -> Any:
    """Return the same type with a pydantic model in place of each struct."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return model_of(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _kind(arguments[0])
    if origin in (Union, UnionType):
        return Union[tuple(_kind(argument) for argument in arguments)]  # noqa: UP007  # made of a tuple
    return origin[tuple(_kind(argument) for argument in arguments)] if arguments else kind


def model_of(struct: type[Any]) -> type[BaseModel]:
    """Return the response model with the fields of one of ours, read from attributes."""
    if struct not in MODELS:
        fields = {
            field.name: (_kind(field.type), Field(serialization_alias=field.encode_name))
            for field in msgspec.structs.fields(struct)
        }
        config = ConfigDict(from_attributes=True)
        MODELS[struct] = create_model(struct.__name__, __config__=config, **fields)  # type: ignore[call-overload]  # by name
    return MODELS[struct]


def page_of(struct: type[Any]) -> type[BaseModel]:
    config = ConfigDict(from_attributes=True)
    fields: dict[str, Any] = {"items": (list[model_of(struct)], ...), "next_cursor": (str | None, None)}  # type: ignore[misc]  # a model made here
    return create_model(f"{struct.__name__}Page", __config__=config, **fields)


app = FastAPI(openapi_url=None)
bearer = OAuth2PasswordBearer(tokenUrl="token")


async def current_actor(token: Annotated[str, Depends(bearer)]) -> Actor:
    try:
        return ACTORS[TOKENS.read(token).person_id]
    except UnauthenticatedError as error:
        raise HTTPException(401) from error


async def session() -> AsyncGenerator[AsyncSession]:
    async with SESSIONS() as opened:
        yield opened


Me = Annotated[Actor, Depends(current_actor)]
Opened = Annotated[AsyncSession, Depends(session)]


def running(opened: AsyncSession) -> Run:
    async def run(statement: Statement, values: Values) -> Sequence[Any]:
        return (await opened.execute(statement.query, values)).all()

    return run


@app.get("/v1/me/assignments", response_model=page_of(AssignmentOut))
async def inbox(me: Me, opened: Opened, limit: int = 50, cursor: str | None = None) -> Any:
    return await answers.inbox(running(opened), me, limit, cursor)


@app.get("/v1/me/reviews", response_model=page_of(ReviewOut))
async def review_queue(me: Me, opened: Opened, limit: int = 50, cursor: str | None = None) -> Any:
    return await answers.review_queue(running(opened), me, limit, cursor)


@app.get("/v1/bright-spots", response_model=page_of(BrightSpotOut))
async def bright_spots(me: Me, opened: Opened, limit: int = 50, cursor: str | None = None) -> Any:
    return await answers.bright_spots(running(opened), me, STATE, limit, cursor)


@app.get("/v1/takes/{take_id}", response_model=model_of(TakeOut))
async def take(me: Me, opened: Opened, take_id: UUID) -> Any:
    return await answers.take(running(opened), me, STATE, take_id)


@app.get("/v1/people/{person_id}/progress", response_model=model_of(PersonProgress))
async def progress(me: Me, opened: Opened, person_id: UUID) -> Any:
    return await answers.person_progress(running(opened), me, person_id)
