"""What of a video is not there, of all that it is to have, and what of that can still be made.

By name: `720` a rung, `720p` its MP4, `audio`, `playable` the first file; and what comes with a video.
"""

from collections.abc import Collection

from media.attachments import FILE
from media.jobs.assets import DATA_SAVED, probe_of
from media.ladder import How, is_file, planned
from media.playlists import AUDIO
from models.asset import Asset

FIRST = "playable"
POSTER, STORYBOARD, WAVEFORM = "poster", "storyboard", "waveform"
NICETIES = frozenset((POSTER, STORYBOARD, WAVEFORM))
"""Without them a video is all there."""


def plan_of(asset: Asset) -> tuple[str, ...]:
    """Return the names of the renditions it is to have beside the first file, the largest rung first."""
    facts = asset.facts or {}
    if asset.purpose == "clip" or FILE in facts:
        return ()
    if "planned" in facts:
        return tuple(facts["planned"])
    return planned(probe_of(asset), _how(asset), data_saver=asset.purpose in DATA_SAVED)  # from before there were plans


def first_is_of(asset: Asset) -> str | None:
    """Return the rung that shows what the first file does; None of a clip, which has no rungs."""
    rungs = [name for name in plan_of(asset) if name.isdigit()]
    if not rungs:
        return None
    return rungs[0] if _how(asset) == "copy" else rungs[-1]


def is_superseded(asset: Asset) -> bool:
    """Tell whether the ladder has, or will have, an MP4 of the very pictures of the first file."""
    return f"{first_is_of(asset)}p" in plan_of(asset)


def lacking(asset: Asset, there: Collection[str]) -> frozenset[str]:
    """Return what it lacks; `there` are the names of its renditions."""
    facts, plan = asset.facts or {}, plan_of(asset)
    found = {name for name in plan if name not in there}
    if FIRST not in there and not is_superseded(asset):
        found.add(FIRST)
    if not asset.poster:
        found.add(POSTER)
    if asset.purpose != "clip" and not (asset.storyboard or asset.audio_only):
        found.add(STORYBOARD)
    if AUDIO in plan and "waveform" not in facts:
        found.add(WAVEFORM)
    return frozenset(found)


def out_of_reach(asset: Asset, there: Collection[str]) -> frozenset[str]:
    """Return what it lacks and nothing can be made of: only what the source is not needed for goes without."""
    if has_source(asset):
        return frozenset()
    return frozenset(name for name in lacking(asset, there) if not _can_be_made_of(asset, name, there))


def has_source(asset: Asset) -> bool:
    return asset.purpose != "clip" and asset.source_deleted_at is None


def _can_be_made_of(asset: Asset, name: str, there: Collection[str]) -> bool:
    if name == POSTER:
        return bool(there)
    if name == STORYBOARD:
        return any(one.isdigit() for one in there)
    if name != FIRST and not is_file(name):
        return False
    rung = first_is_of(asset) if name == FIRST else name.removesuffix("p")
    return rung in there and (AUDIO in there or AUDIO not in plan_of(asset))


def _how(asset: Asset) -> How:
    how: How = (asset.facts or {}).get("how", "copy")
    return how
