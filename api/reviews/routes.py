from litestar import get, post, put
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import JSONBody
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import OWN, one, shown
from api.auth import Actor, Caller
from api.paging import Cursor, Limit, Page
from api.policy import may_edit_challenge, may_see_team_progress
from api.policy_reviews import may_name_reviewers, may_review
from api.problems import declared
from api.reading import reading
from api.reviews import clock, queue, service
from api.reviews.clock import Below, Since, TimeToFeedbackOut
from api.reviews.schemas import ClaimIn, HandOverIn, ReviewersIn, ReviewersOut, ReviewOut, TakeReviewOut, WaitingOut
from api.times import read_instant
from models import reviewing
from models.challenge import Challenge
from models.take import Take
from models.team import Team


@get(
    "/me/reviews",
    opt=shown(Take),
    operation_id="ListReviews",
    summary="What waits for my review, what waits longest against its promise first",
    description=(
        "Of the teams I manage, of those whom I stand in for, and what I was named for; enablement sees all. What "
        "others were named for is not in it until it is escalated. `SumUpReviews` says how much it is in all."
    ),
    responses=declared(),
    tags=["reviews"],
)
async def list_reviews(
    caller: NamedDependency[Caller], state: State, limit: Limit = 50, cursor: Cursor = None
) -> Page[ReviewOut]:
    async with reading(state, caller) as read:
        return await queue.list_reviews(read, limit, cursor)


@get(
    "/me/reviews/waiting",
    opt=OWN,
    operation_id="SumUpReviews",
    summary="How many takes wait for my review, and how many minutes of video that is",
    responses=declared(),
    tags=["reviews"],
)
async def sum_up_reviews(caller: NamedDependency[Caller], state: State) -> WaitingOut:
    async with reading(state, caller) as read:
        return await queue.waiting(read)


@get(
    "/takes/{take_id:uuid}/review",
    dependencies={"take": one(Take, may_review)},
    operation_id="GetTakeReview",
    summary="Who reviews a take, and when feedback was promised for",
    responses=declared(403),
    tags=["reviews"],
)
async def get_take_review(take: NamedDependency[Take], session: NamedDependency[AsyncSession]) -> TakeReviewOut:
    return await service.take_review_out(session, take)


@post(
    "/takes/{take_id:uuid}/claim",
    status_code=200,
    dependencies={"take": one(Take, may_review, lock=True)},
    operation_id="ClaimTake",
    summary="Say that I am about to review a take, so that nobody else does by accident",
    description=(
        "For two hours; sent again, it holds longer. A draft of a critique claims it too, where nobody has. Others see "
        "it, and claim it only by taking it over. It keeps nobody from writing a critique of their own."
    ),
    responses=declared(403, 409),
    tags=["reviews"],
)
async def claim_take(
    take: NamedDependency[Take],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
    data: JSONBody[ClaimIn | None] = None,
) -> TakeReviewOut:
    reviewing.claim(session, take, actor.person_id, take_over=data.take_over if data else False)
    return await service.take_review_out(session, take)


@post(
    "/takes/{take_id:uuid}/release",
    status_code=200,
    dependencies={"take": one(Take, may_review, lock=True)},
    operation_id="ReleaseTake",
    summary="Give my claim of a take back",
    responses=declared(403),
    tags=["reviews"],
)
async def release_take(
    take: NamedDependency[Take], actor: NamedDependency[Actor], session: NamedDependency[AsyncSession]
) -> TakeReviewOut:
    reviewing.release(session, take, actor.person_id)
    return await service.take_review_out(session, take)


@put(
    "/takes/{take_id:uuid}/reviewers",
    dependencies={"take": one(Take, may_name_reviewers, lock=True)},
    operation_id="NameReviewers",
    summary="Name who reviews a take",
    description=(
        "People who manage a team, or are of enablement. They see the take as long as they are named, and judge it as "
        "its managers do. It waits for them only, until it is escalated; one of them is enough."
    ),
    responses=declared(403, 409),
    tags=["reviews"],
)
async def put_reviewers(
    data: JSONBody[ReviewersIn], take: NamedDependency[Take], session: NamedDependency[AsyncSession]
) -> TakeReviewOut:
    await service.name_reviewers(session, take, data.person_ids)
    return await service.take_review_out(session, take)


@post(
    "/takes/{take_id:uuid}/hand-over",
    status_code=200,
    dependencies={"take": one(Take, may_review, lock=True)},
    operation_id="HandOverTake",
    summary="Let somebody else review a take in my place",
    description="They are named for it, and told; my name and my claim end. A draft of mine stays mine.",
    responses=declared(403, 409),
    tags=["reviews"],
)
async def hand_over_take(
    data: JSONBody[HandOverIn],
    take: NamedDependency[Take],
    actor: NamedDependency[Actor],
    session: NamedDependency[AsyncSession],
) -> TakeReviewOut:
    await service.hand_over(session, actor, take, data.to)
    return await service.take_review_out(session, take)


@get(
    "/challenges/{challenge_id:uuid}/reviewers",
    dependencies={"challenge": one(Challenge, may_edit_challenge)},
    operation_id="ListChallengeReviewers",
    summary="Who is named to review what is handed in",
    responses=declared(403),
    tags=["reviews"],
)
async def list_challenge_reviewers(
    challenge: NamedDependency[Challenge], session: NamedDependency[AsyncSession]
) -> ReviewersOut:
    people = await service.people_of(session, challenge.org_id, challenge.reviewer_ids)
    return ReviewersOut([people[one] for one in challenge.reviewer_ids])


@put(
    "/challenges/{challenge_id:uuid}/reviewers",
    dependencies={"challenge": one(Challenge, may_edit_challenge, lock=True)},
    operation_id="NameChallengeReviewers",
    summary="Name who reviews what is handed in from now on",
    description="As `NameReviewers` does for one take. Takes that were handed in already keep theirs.",
    responses=declared(403),
    tags=["reviews"],
)
async def put_challenge_reviewers(
    data: JSONBody[ReviewersIn], challenge: NamedDependency[Challenge], session: NamedDependency[AsyncSession]
) -> ReviewersOut:
    await service.name_for_challenge(session, challenge, data.person_ids)
    people = await service.people_of(session, challenge.org_id, challenge.reviewer_ids)
    return ReviewersOut([people[one] for one in challenge.reviewer_ids])


@get(
    "/teams/{team_id:uuid}/time-to-feedback",
    dependencies={"team": one(Team, may_see_team_progress)},
    operation_id="GetTimeToFeedback",
    summary="How long a team waits for feedback, by reviewer as well",
    description=(
        "From handing in to the first critique by a manager, of takes handed in since then (90 days ago). Wall clock "
        "time; against the promise Saturdays and Sundays do not count, in the zone of the person who waits."
    ),
    responses=declared(403),
    tags=["reviews"],
)
async def get_time_to_feedback(
    team: NamedDependency[Team],
    session: NamedDependency[AsyncSession],
    since: Since = None,
    include_subteams: Below = False,
) -> TimeToFeedbackOut:
    return await clock.time_to_feedback(
        session, team, read_instant(since, "#query/since"), include_subteams=include_subteams
    )


routes = [
    list_reviews,
    sum_up_reviews,
    get_take_review,
    claim_take,
    release_take,
    put_reviewers,
    hand_over_take,
    list_challenge_reviewers,
    put_challenge_reviewers,
    get_time_to_feedback,
]
