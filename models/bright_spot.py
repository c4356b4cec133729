"""Bright spots: moments worth copying, shown only as those in them agree."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, Index
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from models.base import WORK, Concerns, Stateful, Tenant, belongs_to, moves, now, one_of

# As phones type them. To the parser of a database without a locale they are letters, part of the word beside them.
FANCY = "‘’‚‛“”„‟«»‹›…–—―•·‐‑\u00a0\u2009\u202f"
PLAIN = "'" * 4 + '"' * 6 + "'" * 2 + " " * 6 + "-" * 2 + " " * 3


def plain_words(column: str) -> str:
    """Return the SQL of a column's text with typographic punctuation made plain."""
    literal = PLAIN.replace("'", "''")
    return f"translate({column}, '{FANCY}', '{literal}')"


class BrightSpot(Stateful):
    """`cut` counts the versions of its segments and audience; a consent is given for one of them."""

    __tablename__ = "bright_spot"
    MOVES = moves(
        draft="awaiting_consent archived",
        awaiting_consent="ready declined revoked archived",
        declined="awaiting_consent archived",
        ready="published awaiting_consent declined revoked archived",
        published="awaiting_consent revoked archived",
        revoked="awaiting_consent archived",
        archived="",
    )

    maker_id: Mapped[UUID]
    title: Mapped[str]
    why_it_works: Mapped[str] = mapped_column(default="")
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(default="draft")
    cut: Mapped[int] = mapped_column(default=1)
    audience_id: Mapped[UUID]
    clip_asset_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    published_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    search: Mapped[str] = mapped_column(
        TSVECTOR,
        Computed(
            f"setweight(to_tsvector('simple', {plain_words('title')}), 'A')"
            f" || setweight(to_tsvector('simple', {plain_words('why_it_works')}), 'B')",
            persisted=True,
        ),
    )

    __table_args__ = (
        belongs_to("maker_id", "person"),
        belongs_to("audience_id", "audience"),
        belongs_to("clip_asset_id", "asset"),
        one_of("state", MOVES),
        Index("ix_bright_spot_feed", "org_id", "state", "published_at", "id"),
        Index("ix_bright_spot_search", "search", postgresql_using="gin"),
    )

    def note_shown(self, people: Iterable[UUID]) -> None:
        """Say whom it shows, before it is moved: they are told of it, beside its maker."""
        self._shown = tuple(people)

    def told(self) -> dict[str, Any]:
        shown: tuple[UUID, ...] = getattr(self, "_shown", ())
        return {"to": [str(one) for one in sorted(shown)]} if shown and self.state != "draft" else {}

    def concerns(self) -> Concerns:
        if self.state != "published":
            return Concerns(self.maker_id)
        return Concerns(self.maker_id, audience_id=self.audience_id, circle=WORK)

    def concerned_before(self, state: str) -> Concerns:
        return Concerns(audience_id=self.audience_id, circle=WORK) if state == "published" else Concerns()


class Segment(Tenant):
    __tablename__ = "segment"

    bright_spot_id: Mapped[UUID]
    position: Mapped[int]
    take_id: Mapped[UUID]
    prompt_id: Mapped[UUID]
    person_id: Mapped[UUID]
    start_ms: Mapped[int]
    end_ms: Mapped[int]

    __table_args__ = (
        belongs_to("bright_spot_id", "bright_spot", cascade=True),
        belongs_to("take_id", "take"),
        belongs_to("prompt_id", "prompt"),
        belongs_to("person_id", "person"),
        CheckConstraint("start_ms >= 0 AND end_ms > start_ms", name="range"),
        Index("uq_segment_position", "org_id", "bright_spot_id", "position", unique=True),
        Index("ix_segment_person", "org_id", "person_id"),
        Index("ix_segment_take", "org_id", "take_id"),
    )


class Consent(Tenant):
    """A person's answer for one cut of a bright spot; the last one counts."""

    __tablename__ = "consent"

    bright_spot_id: Mapped[UUID]
    person_id: Mapped[UUID]
    cut: Mapped[int]
    granted: Mapped[bool]
    until: Mapped[datetime | None]
    answered_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        belongs_to("bright_spot_id", "bright_spot", cascade=True),
        belongs_to("person_id", "person"),
        Index("uq_consent_answer", "org_id", "bright_spot_id", "person_id", "cut", unique=True),
        Index("ix_consent_until", "until"),
    )


class BrightSpotTag(Tenant):
    __tablename__ = "bright_spot_tag"

    bright_spot_id: Mapped[UUID]
    tag: Mapped[str]

    __table_args__ = (
        belongs_to("bright_spot_id", "bright_spot", cascade=True),
        Index("uq_bright_spot_tag", "org_id", "tag", "bright_spot_id", unique=True),
        Index("ix_bright_spot_tag_of", "org_id", "bright_spot_id"),
    )


class BrightSpotSkill(Tenant):
    __tablename__ = "bright_spot_skill"

    bright_spot_id: Mapped[UUID]
    skill_id: Mapped[UUID]

    __table_args__ = (
        belongs_to("bright_spot_id", "bright_spot", cascade=True),
        belongs_to("skill_id", "skill"),
        Index("uq_bright_spot_skill", "org_id", "skill_id", "bright_spot_id", unique=True),
        Index("ix_bright_spot_skill_of", "org_id", "bright_spot_id"),
    )
