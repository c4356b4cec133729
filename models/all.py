"""Every table, imported once, for migrations and for tests that walk the catalogue."""

from models import (
    asset,
    bright_spot,
    challenge,
    conversation,
    critique,
    event,
    org,
    person,
    progress,
    review,
    rubric,
    series,
    skill,
    take,
    team,
    template,
    throttle,
)
from models.base import Base

metadata = Base.metadata

__all__ = [
    "asset",
    "bright_spot",
    "challenge",
    "conversation",
    "critique",
    "event",
    "metadata",
    "org",
    "person",
    "progress",
    "review",
    "rubric",
    "series",
    "skill",
    "take",
    "team",
    "template",
    "throttle",
]
