"""The kinds of jobs there are, by the names they are deferred under."""

from uuid import UUID

from media.jobs import assets, cut_clip, make_captions
from media.jobs.context import WorkerContext
from media.jobs.delete_asset import delete_asset
from media.jobs.delete_pieces import delete_pieces
from media.jobs.delete_source import delete_source
from media.jobs.first_files import delete_first
from media.jobs.make_ladder import make_ladder
from media.jobs.process_asset import process_asset
from media.jobs.send_link import send_link
from media.jobs.transcode_asset import transcode_asset
from media.jobs.trying import Task
from media.problems import MediaProblem


async def only_logged(context: WorkerContext, org_id: UUID, subject_id: UUID, problem: MediaProblem) -> None:
    """Leave it at the log: there is no row on which it could be said."""


TASKS = {
    task.name: task
    for task in (
        Task("process_asset", "quick", "asset_id", process_asset, assets.fail),
        Task("transcode_asset", "first", "asset_id", transcode_asset, assets.fail),
        Task("make_ladder", "long", "asset_id", make_ladder, assets.fail),
        Task("cut_clip", "long", "asset_id", cut_clip.cut_clip, cut_clip.fail),
        Task("make_captions", "long", "asset_id", make_captions.make_captions, make_captions.fail),
        Task("delete_asset", "quick", "asset_id", delete_asset, only_logged, promised=True),
        Task("delete_first", "quick", "asset_id", delete_first, only_logged, promised=True),
        Task("delete_pieces", "quick", "pieces_of", delete_pieces, only_logged, promised=True),
        Task("delete_source", "quick", "asset_id", delete_source, only_logged, promised=True),
        Task("send_link", "mail", "account_token_id", send_link, only_logged),
    )
}
