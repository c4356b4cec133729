from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import one
from api.auth import Actor
from api.challenges.copying import CopyIn
from api.challenges.representation import challenge_out
from api.challenges.schemas import ChallengeOut
from api.creation import created
from api.etags import ETAG_HEADER, tagged
from api.paging import Cursor, Limit
from api.pairs import service
from api.pairs.comparison import comparison
from api.pairs.schemas import ChallengeComparison, With
from api.policy import may_author_challenges, may_see
from api.problems import declared
from models.challenge import Challenge

DRAFTED = {200: ResponseSpec(ChallengeOut, generate_examples=False, description="The draft made with this id before")}


@post(
    "/challenges/{challenge_id:uuid}/follow-up",
    dependencies={"challenge": one(Challenge, may_author_challenges)},
    operation_id="CreateFollowUp",
    summary="Draft the same challenge once more, to see what has changed",
    description=(
        "It asks the same, is judged by the same version of the rubric, and asks the same people unless an audience is "
        "given. Until it is published its audience, dates, title and files can change; what it asks cannot."
    ),
    response_headers=ETAG_HEADER,
    responses=DRAFTED | declared(403, 409),
    tags=["series"],
)
async def create_follow_up(
    data: JSONBody[CopyIn],
    challenge: NamedDependency[Challenge],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
) -> Response[ChallengeOut]:
    made, new = await service.follow_up(session, actor, challenge, data)
    body = await challenge_out(session, actor, made)
    return created(body, new=new, headers=tagged(made.version))


@get(
    "/challenges/{challenge_id:uuid}/comparison",
    dependencies={"challenge": one(Challenge, may_see)},
    operation_id="GetChallengeComparison",
    summary="What has changed from a baseline to its follow-up: by person, criterion and skill",
    description="With the people by name, a page at a time. The figures above them are of all whom the caller sees.",
    responses=declared(),
    tags=["series"],
)
async def get_comparison(
    challenge: NamedDependency[Challenge],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    with_challenge_id: With = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ChallengeComparison:
    before, after = await service.compared_with(session, actor, challenge, with_challenge_id)
    return await comparison(session, actor, before, after, limit, cursor)


routes = [create_follow_up, get_comparison]
