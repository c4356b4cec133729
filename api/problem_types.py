"""Every problem a client can meet, by the last part of its `type`. What is not listed here does not leave the API."""

from typing import Any, NamedTuple

from models import errors


class ProblemType(NamedTuple):
    """`meaning` says when it happens and what a client does about it; `facts` are further members, by example."""

    status: int
    title: str
    meaning: str
    example: str
    facts: dict[str, Any] = {}  # noqa: RUF012  # nothing writes to it


def _conflict(meaning: str, example: str, **facts: Any) -> ProblemType:
    return ProblemType(409, errors.ConflictError.title, meaning, example, facts)


TYPES: dict[str, ProblemType] = {
    "unauthenticated": ProblemType(
        401,
        errors.UnauthenticatedError.title,
        "There is no access token, or it is too old, or its session has ended. Refresh, else sign in.",
        "This session has ended. Sign in again.",
    ),
    "sign-in-failed": ProblemType(
        401,
        errors.UnauthenticatedError.title,
        "Organization, email and password do not belong together. Which of them is wrong is told to nobody.",
        "The organization, the email or the password is not right.",
    ),
    "session-ended": ProblemType(
        401,
        errors.UnauthenticatedError.title,
        "This refresh token opens nothing any more: used twice, revoked, or too old. Sign in.",
        "This session has ended. Sign in again.",
    ),
    "token-invalid": ProblemType(
        401,
        errors.UnauthenticatedError.title,
        "This refresh token, or the token of this link, was not made here, or was changed on the way.",
        "This token is not valid.",
    ),
    "forbidden": ProblemType(
        403,
        errors.ForbiddenError.title,
        "You may see this, but not do this with it.",
        "Your role does not allow this.",
    ),
    "audience-not-managed": ProblemType(
        403,
        errors.ForbiddenError.title,
        "A manager addresses the teams they manage, and the people in them.",
        "You may address the teams you manage only.",
    ),
    "url-refused": ProblemType(
        403,
        errors.ForbiddenError.title,
        "This URL was not made here, or was changed on the way. Ask for the video's playback.",
        "This URL was not signed here.",
    ),
    "url-expired": ProblemType(
        403,
        errors.ForbiddenError.title,
        "Media URLs hold for some hours. Ask for the video's playback again, and seek back.",
        "This URL has expired; ask for fresh ones.",
    ),
    "not-found": ProblemType(
        404,
        errors.NotFoundError.title,
        "It is absent, another organization's, or not visible to you: the three are told apart by nobody.",
        "There is no take with this id here.",
    ),
    "method-not-allowed": ProblemType(
        405, "Method not allowed", "This path knows other methods.", "Method Not Allowed"
    ),
    "conflict": _conflict("Something that exists stands against it.", "This clashes with something that exists."),
    "illegal-move": _conflict(
        "`state` is what it is now; from there this action does not lead on. Read it again.",
        "This take is withdrawn; it cannot become submitted.",
        state="withdrawn",
    ),
    "id-taken": _conflict(
        "Somebody else made something under this id. Make a new one.", "This id has been used already. Make a new one."
    ),
    "name-taken": _conflict("Another one has this name.", "There is a skill named Discovery already."),
    "next-step-closed": _conflict(
        "Nothing can be said of a next step that was found done, or whose critique was superseded.",
        "This next step is open no more.",
    ),
    "changed-meanwhile": _conflict(
        "What the request changes was changed by somebody else at the same moment. Send it again.",
        "People were changed at the same moment. Send it again.",
    ),
    "email-taken": _conflict(
        "Another person of the organization has this address.", "A person with this email is here already."
    ),
    "last-admin": _conflict(
        "An organization keeps one active admin at least.", "This is the last admin of the organization."
    ),
    "not-invited": _conflict("Only an invitation that is open can be sent again.", "This person is active already."),
    "person-left": _conflict("This person has left; let them come back first.", "This person has left."),
    "team-cycle": _conflict("A team cannot be below itself.", "A team cannot be below itself."),
    "link-used": ProblemType(
        401,
        errors.UnauthenticatedError.title,
        "This link has done its work already, has been replaced, or is too old. Ask for a new one.",
        "This link has been used, has been replaced, or is too old. Ask for a new one.",
    ),
    "not-a-draft": _conflict(
        "Once published, a challenge changes its audience, its dates, what is late, its model answer and its "
        "attachments only; closed, nothing.",
        "This challenge is published; title can change no more.",
        state="published",
    ),
    "follow-up-bound": _conflict(
        "A follow-up is compared with its baseline, so what it asks stays the same. Clone the challenge instead.",
        "A follow-up asks what its baseline asked; prompts cannot change.",
        state="draft",
    ),
    "due-passed": _conflict(
        "A challenge that was due before now cannot be published. Move its due time.",
        "Its due time has passed. Move it first.",
        state="draft",
    ),
    "prompt-video-missing": _conflict(
        "`missing` lists the prompts whose video is still on its way, or failed; `model_answer` or `attachments` where "
        "that is of those.",
        "The video of a prompt has not arrived.",
        missing=["0193a1b2-7f7f-7a2a-8dfe-9d4a11111111"],
        state="draft",
    ),
    "practice-take": _conflict(
        "A practice take is its rep's alone. Start one that counts.",
        "A practice take is yours alone; it cannot be submitted.",
    ),
    "practice-not-allowed": _conflict(
        "This challenge has no practice takes. Start the take that counts.",
        "This challenge has no practice takes. Start the one that counts.",
        state="open",
    ),
    "late-refused": _conflict(
        "It was due at `due_at`, and the challenge takes nothing late. Nothing that was recorded is lost: who manages "
        "the person can give more time.",
        "The due time has passed, and nothing is accepted late. What you have recorded stays here; your manager can "
        "give you more time.",
        state="in_progress",
        due_at="2027-03-01T17:00:00+00:00",
    ),
    "timed-take": _conflict(
        "A timed take counts from when it was started: it is neither thrown away nor withdrawn.",
        "This take is timed and counts from when it was started. It cannot be taken back.",
        state="draft",
    ),
    "time-over": _conflict(
        "The video was announced after the take's `closes_at`, and the challenge takes nothing late. A manager can "
        "grant another take.",
        "The time for this take is over. Your manager can grant you another.",
        state="draft",
    ),
    "take-under-way": _conflict(
        "Another take can be granted once the clock of this one has run out.",
        "A timed take is under way.",
        state="in_progress",
    ),
    "no-takes-left": _conflict(
        "As many takes as the challenge allows have been handed in. A reviewer can grant one more.",
        "All takes of this challenge have been handed in.",
    ),
    "responses-missing": _conflict(
        "`missing` lists the prompts that have no response yet.",
        "Some prompts have no response yet.",
        missing=["0193a1b2-7f7f-7a2a-8dfe-9d4a11111111"],
        state="draft",
    ),
    "responses-failed": _conflict(
        "`missing` lists the prompts whose videos failed. Record and upload them again.",
        "Some responses failed. Record them again.",
        missing=["0193a1b2-7f7f-7a2a-8dfe-9d4a11111111"],
        state="needs_replacement",
    ),
    "response-not-failed": _conflict(
        "After a take was handed in, only what failed may be replaced.",
        "Only the responses that failed may be replaced.",
        state="needs_replacement",
    ),
    "upload-incomplete": _conflict(
        "`missing` lists the numbers of the parts that are not there, or not with the size or etag they should have. "
        "Ask for their URLs and send them again.",
        "1 of 5 parts are not there as they should be.",
        missing=["3"],
        state="open",
    ),
    "too-many-uploads": _conflict(
        "As many uploads are open as may be at once, of yours or of your organization's. Finish some, or give some up.",
        "You have 50 uploads open. Finish one, or give one up.",
    ),
    "quota-exceeded": _conflict(
        "The file does not fit into what your organization may keep. An admin sees in `GET /v1/me` how full it is.",
        "The storage of your organization is full: 1099511627776 bytes are allowed. Delete videos, or ask an admin.",
    ),
    "checksum-mode": _conflict(
        "Every part of an upload comes with its checksum, or none does: the first URLs asked for decided which.",
        "The parts of this upload come with checksums: give one for each.",
        state="open",
    ),
    "asset-failed": _conflict(
        "This video failed and answers nothing. Upload another.",
        "This video failed; it cannot answer a prompt.",
        state="failed",
    ),
    "take-opened": _conflict(
        "A reviewer has opened the take, so it cannot be withdrawn any more.",
        "A reviewer has opened this take already.",
        state="submitted",
    ),
    "scores-missing": _conflict(
        "`missing` lists the required criteria that have no score.",
        "Some required criteria have no score yet.",
        missing=["0193a1b2-7f7f-7a2a-8dfe-9d4a22222222"],
    ),
    "critique-incomplete": _conflict(
        "Your organization asks for more before a critique is published: `missing` has `strengths` where no strength "
        "is said, neither in words nor as a moment, `next_step`, and `score:<key>` for each criterion without a score.",
        "Before it is published it needs a strength and a next step.",
        missing=["strengths", "next_step"],
        state="draft",
    ),
    "draft-open": _conflict(
        "You have begun another draft of this take since this one was discarded. Discard that one, or write on in it.",
        "You have begun another draft of this take since. Discard that one first.",
        state="discarded",
    ),
    "moment-answered": _conflict(
        "Somebody has replied to the remark, and their words would go with it. Mark it as resolved instead.",
        "This remark has been answered. Mark it as resolved instead.",
    ),
    "take-claimed": _conflict(
        "Somebody else, `claimed_by`, is about to review the take. Ask them, or take it over on purpose.",
        "Somebody else is reviewing this take. Ask them, or take it over.",
        state="submitted",
        claimed_by="0193a1b2-7f7f-7a2a-8dfe-9d4a44444444",
    ),
    "take-not-submitted": _conflict(
        "Moments are shared of takes that were handed in and have arrived.",
        "A bright spot is made of takes that were handed in.",
        state="draft",
    ),
    "asset-not-playable": _conflict(
        "The video is still on its way or being processed. Try again when it plays.",
        "This video cannot be played yet.",
        state="processing",
    ),
    "asset-in-use": _conflict(
        "A challenge that was published asks with this video, or comes with it; or it is the clip of a bright spot.",
        "A challenge asks with this video, or comes with it. Archive that first.",
        state="ready",
    ),
    "captions-unavailable": _conflict(
        "Captions cannot be made here: who runs Showme has not installed what makes them. Send a file instead.",
        "Captions cannot be made here. Send a WebVTT or SubRip file.",
        state="ready",
    ),
    "not-retryable": _conflict(
        "Nothing would come of it: the bytes never arrived, are not good, or are not kept any more. "
        "Upload another, where one is wanted still.",
        "Trying again does not help. This file has no video track.",
        state="failed",
    ),
    "bright-spot-incomplete": _conflict(
        "`missing` lists `consent:<person_id>` for each answer that is missing, and `clip` while that is being cut.",
        "It cannot be published yet: those shown have to agree, and its clip has to be there.",
        missing=["consent:0193a1b2-7f7f-7a2a-8dfe-9d4a33333333", "clip"],
        state="awaiting_consent",
    ),
    "cut-changed": _conflict(
        "The bright spot was cut anew after you looked; `current` is the cut it has now. Look again, then answer.",
        "This has been cut anew; look at it again.",
        current=2,
    ),
    "cursor-too-old": ProblemType(
        410,
        errors.GoneError.title,
        "Changes are kept for a time. Read your lists again; what changes from then on comes after `latest`.",
        "What changed after this cursor is not kept any more. Read your lists again, then go on from `latest`.",
        {"latest": "AAAAAAAABNIBjkL3CnB9AZN2VvJ5kfAAAAGTdlbyeQAAAAAAAAAB"},
    ),
    "precondition-failed": ProblemType(
        412,
        errors.PreconditionFailedError.title,
        "`current` is the present representation. Merge, and send again with its ETag. Of a draft, `refused` is what "
        "was sent: it is kept, and can be restored.",
        "This was changed after you read it.",
        {"current": {"version": 3}},
    ),
    "body-incomplete": ProblemType(
        408,
        "Body incomplete",
        "A JSON body may take a minute, and a part of an upload half a minute without a byte. Send it again.",
        "The body did not come whole in time. Send the request again.",
    ),
    "too-large": ProblemType(
        413,
        "Too large",
        "A JSON body may have a megabyte; videos go to the store in parts.",
        "Request Entity Too Large",
    ),
    "unsupported-media-type": ProblemType(415, "Unsupported media type", "Bodies are JSON.", "Unsupported Media Type"),
    "invalid": ProblemType(
        422,
        errors.InvalidError.title,
        "`errors` names each field at fault by a JSON pointer; `#query/limit` is one of the query, "
        "`#path/…` of the path.",
        "This must be a text, not a whole number.",
        {"errors": [{"pointer": "/title", "detail": "This must be a text, not a whole number."}]},
    ),
    "precondition-required": ProblemType(
        428,
        errors.PreconditionRequiredError.title,
        "What two people can edit is written with If-Match. Read it, and send the ETag it came with.",
        "Send If-Match with the ETag of the version you edit.",
    ),
    "too-many-requests": ProblemType(
        429,
        errors.TooManyError.title,
        "Wait `retry_after_s`, which the header Retry-After says too.",
        "Too many attempts. Wait a little.",
        {"retry_after_s": 60},
    ),
    "internal": ProblemType(
        500,
        "Something went wrong on our side",
        "A fault of the server, in its log under `request_id`. Repeat a request with the same id as often as you like.",
        "The error has been logged with this request id.",
    ),
    "unavailable": ProblemType(
        503,
        errors.UnavailableError.title,
        "The database or the store does not answer for now. Try again.",
        "The store does not answer. Try again.",
        {"retry_after_s": 2},
    ),
}
