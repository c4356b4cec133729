from typing import Annotated

from litestar import Response, delete, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import OWN, apart, one, shown
from api.assets.schemas import AssetOut
from api.auth import Actor, Caller
from api.creation import created
from api.paging import Cursor, Limit, Page
from api.policy import may_see
from api.problems import declared
from api.uploads import service
from api.uploads.schemas import CompleteIn, PartsToSign, SignedParts, UploadIn, UploadOut, UploadWithParts
from api.uploads.schemas import State as UploadState
from media.receiving import Receiver
from models.asset import Upload


def receiver(state: State, caller: NamedDependency[Caller]) -> Receiver:
    return Receiver(state.database, state.storage, caller.org_id, caller.person_id)


# Of a route that talks to the store, across which no transaction is held.
APART = {"upload": apart(Upload, may_see), "to": Provide(receiver, sync_to_thread=False)}
SAME_ID = {200: ResponseSpec(UploadOut, generate_examples=False, description="The upload of this id, as it is")}
InState = Annotated[UploadState | None, QueryParameter(name="state", description="Only uploads in this state.")]


@post(
    "/uploads",
    opt=OWN,
    operation_id="CreateUpload",
    summary="Announce a file, which then comes in parts",
    description=(
        "The asset is there at once, so that a take can be answered and submitted while its bytes are coming. "
        "`too-many-uploads`: finish some that are open, or give some up. `quota-exceeded`: the organization's storage "
        "is full; an admin sees it coming in `GetMe`."
    ),
    responses=SAME_ID | declared(409),
    tags=["uploads"],
)
async def create_upload(
    data: JSONBody[UploadIn], actor: NamedDependency[Actor], session: NamedDependency[AsyncSession], state: State
) -> Response[UploadOut]:
    upload, new = await service.create_upload(session, state.settings, actor, data)
    return created(service.upload_out(upload), new=new)


@get(
    "/uploads",
    opt=shown(Upload),
    operation_id="ListUploads",
    summary="My uploads, first to last",
    description="With `state=open` a client finds again, after a reinstall, what it has not finished.",
    responses=declared(),
    tags=["uploads"],
)
async def list_uploads(
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    in_state: InState = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[UploadOut]:
    return await service.list_uploads(session, actor, in_state, limit, cursor)


@get(
    "/uploads/{upload_id:uuid}",
    dependencies=APART,
    operation_id="GetUpload",
    summary="One upload, and the parts of it that have arrived",
    responses=declared(409),
    tags=["uploads"],
)
async def get_upload(upload: NamedDependency[Upload], to: NamedDependency[Receiver]) -> UploadWithParts:
    return await service.with_parts(to, upload)


@post(
    "/uploads/{upload_id:uuid}/part-urls",
    status_code=200,
    dependencies=APART,
    operation_id="SignParts",
    summary="URLs to send parts to, in any order and several at once",
    description="The first call decides whether the parts of this upload come with checksums. Ask as often as needed.",
    responses=declared(409),
    tags=["uploads"],
)
async def sign_parts(
    data: JSONBody[PartsToSign], upload: NamedDependency[Upload], to: NamedDependency[Receiver]
) -> SignedParts:
    return SignedParts(await service.sign_parts(to, upload, data))


@post(
    "/uploads/{upload_id:uuid}/complete",
    status_code=200,
    dependencies=APART,
    operation_id="CompleteUpload",
    summary="All parts are sent: the asset is processed next",
    responses=declared(409),
    tags=["uploads"],
)
async def complete_upload(
    upload: NamedDependency[Upload],
    to: NamedDependency[Receiver],
    state: State,
    data: JSONBody[CompleteIn | None] = None,
) -> AssetOut:
    return await service.complete(to, state, upload, data or CompleteIn())


@delete(
    "/uploads/{upload_id:uuid}",
    dependencies={"upload": one(Upload, may_see)},
    operation_id="AbortUpload",
    summary="Give up an upload, and what has arrived of it",
    responses=declared(409),
    tags=["uploads"],
)
async def abort_upload(upload: NamedDependency[Upload], session: NamedDependency[AsyncSession]) -> None:
    await service.abort(session, upload)


routes = [create_upload, list_uploads, get_upload, sign_parts, complete_upload, abort_upload]
