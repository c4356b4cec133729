"""The coaching loop, said a second time in as few words as it takes: what the real one is held against.

One challenge, one person's copy of it, their takes, and one reviewer's critiques. Each action returns the status that
the API is to answer with, and changes what the model knows.
"""

from dataclasses import dataclass, field

OPEN_TO_TAKES = ("open", "in_progress", "retake", "submitted")
RESTING = ("excused", "closed")
HANDED_IN = ("submitting", "submitted", "needs_replacement", "reviewed")
WAITING = ("submitting", "submitted", "needs_replacement")


@dataclass(eq=False)
class CritiqueModel:
    decision: str | None = None
    complete: bool = False
    state: str = "draft"
    acknowledged: bool = False


@dataclass(eq=False)
class TakeModel:
    number: int
    state: str = "draft"
    video: str | None = None  # uploading, here or lost
    failed: bool = False
    opened: bool = False
    critiques: list[CritiqueModel] = field(default_factory=list)

    def critique(self, state: str) -> CritiqueModel | None:
        return next((one for one in self.critiques if one.state == state), None)


@dataclass(eq=False)
class LoopModel:
    challenge: str = "draft"
    assignment: str | None = None
    resume: str | None = None
    extra_takes: int = 0
    current: TakeModel | None = None
    accepted: TakeModel | None = None
    decided: list[tuple[TakeModel, CritiqueModel]] = field(default_factory=list)
    takes: list[TakeModel] = field(default_factory=list)

    # The challenge and the copy of it.

    def publish(self) -> int:
        if self.challenge == "draft":
            self.challenge, self.assignment = "published", "open"
        return 200 if self.challenge == "published" else 409

    def close(self) -> int:
        if self.challenge == "published":
            self.challenge = "closed"
            if self.assignment not in {"done", *RESTING}:
                self._rest("closed")
        return 200 if self.challenge == "closed" else 409

    def reopen(self) -> int:
        if self.challenge == "closed":
            self.challenge = "published"
            if self.assignment == "closed":
                self._come_back()
        return 200 if self.challenge == "published" else 409

    def archive(self) -> int:
        if self.challenge == "closed":
            self.challenge = "archived"
        return 200 if self.challenge == "archived" else 409

    def excuse(self) -> int:
        if self.assignment != "excused":
            self._rest("excused")
        return 200

    def expect_again(self) -> int:
        if self.assignment == "excused" and self.challenge == "published":
            self._come_back()
        elif self.assignment == "excused":
            self.assignment = "closed"
        return 200

    def _rest(self, at: str) -> None:
        self.resume = self.resume if self.assignment in RESTING else self.assignment
        self.assignment = at

    def _come_back(self) -> None:
        self.assignment, self.resume = self.resume or "open", None

    def _follow(self, to: str) -> None:
        """What is accepted stays so, unless it is asked for again."""
        present = self.resume if self.assignment in RESTING else self.assignment
        if present == "done" and to != "retake":
            return
        if self.assignment in RESTING:
            self.resume = to
        else:
            self.assignment = to

    # Takes.

    def start(self) -> int:
        if self.draft is not None:
            return 200
        if self.assignment not in OPEN_TO_TAKES or self.challenge != "published":
            return 409
        self.takes.append(TakeModel(len(self.takes) + 1))
        if self.assignment == "open":
            self.assignment = "in_progress"
        return 201

    @property
    def draft(self) -> TakeModel | None:
        return next((take for take in self.takes if take.state == "draft"), None)

    def answer(self, take: TakeModel, video: str) -> int:
        if take.state != "draft" and not (take.state == "needs_replacement" and take.failed):
            return 409
        take.video = video
        return 200

    def submit(self, take: TakeModel) -> int:
        if take.state in {"submitting", "submitted", "reviewed"}:
            return 200
        closed = take.state == "draft" and self.assignment not in OPEN_TO_TAKES
        if closed or take.video in {None, "lost"} or take.state not in {"draft", "needs_replacement"}:
            return 409
        take.state, take.failed = "submitting" if take.video == "uploading" else "submitted", False
        if self.current is None or take is self._newest():
            self.current = take
            self._follow("submitted")
        return 200

    def withdraw(self, take: TakeModel) -> int:
        if take.state == "withdrawn":
            return 200
        if take.state not in WAITING or take.opened:
            return 409
        take.state = "withdrawn"
        self._fall_back()
        return 200

    def discard(self, take: TakeModel) -> int:
        if take.state not in {"draft", "discarded"}:
            return 409
        if take.state == "draft":
            take.state = "discarded"
            if self.assignment == "in_progress":
                self._fall_back()
        return 204

    def arrive(self, take: TakeModel) -> None:
        take.video = "here"
        if take.state == "submitting":
            take.state = "submitted"

    def fail(self, take: TakeModel) -> None:
        take.video = "lost"
        if take.state not in WAITING:
            return
        take.failed = True
        if take.state != "needs_replacement":
            take.state = "needs_replacement"
            if take is self.current:
                self._follow("in_progress")

    def _newest(self) -> TakeModel | None:
        return next((take for take in reversed(self.takes) if take.state in HANDED_IN), None)

    def _fall_back(self) -> None:
        self.current = self._newest()
        self._follow(self._state_now())

    def _state_now(self) -> str:
        newest = self.current or self.draft
        if newest is None:
            return "open"
        if newest.state in {"draft", "needs_replacement"}:
            return "in_progress"
        said = [one.decision for take, one in self.decided if take is newest and one.state == "published"]
        return {"retake": "retake", "pass": "done"}.get(said[-1] or "" if said else "", "submitted")

    # Critiques.

    def look(self, take: TakeModel) -> int:
        if take.state not in HANDED_IN:
            return 404
        take.opened = True
        return 200

    def begin(self, take: TakeModel) -> int:
        if take.state not in HANDED_IN:
            return 404
        if take.critique("draft"):
            return 200
        if take.state not in {"submitted", "reviewed"}:
            return 409
        take.opened = True
        before = take.critique("published")
        take.critiques.append(CritiqueModel(before.decision, before.complete) if before else CritiqueModel())
        return 201

    def write(self, critique: CritiqueModel, decision: str | None, *, complete: bool) -> int:
        if critique.state != "draft":
            return 409
        critique.decision, critique.complete = decision, complete
        return 200

    def judge(self, take: TakeModel, critique: CritiqueModel) -> int:
        if critique.state == "published":
            return 200
        if critique.state != "draft" or not critique.complete or take.state not in {"submitted", "reviewed"}:
            return 409
        if before := take.critique("published"):
            before.state = "superseded"
        critique.state, take.state = "published", "reviewed"
        if critique.decision is not None:
            self.decided.append((take, critique))
        if critique.decision == "pass":
            self.accepted = take
            self._follow("done")
        elif critique.decision == "retake" and self.current is take:
            self._ask_again()
        return 200

    def _ask_again(self) -> None:
        present = self.resume if self.assignment in RESTING else self.assignment
        self.accepted = None
        self.extra_takes += present != "retake"
        self._follow("retake")

    def throw_away(self, critique: CritiqueModel) -> int:
        if critique.state not in {"draft", "discarded"}:
            return 409
        critique.state = "discarded"
        return 204

    def take_back(self, take: TakeModel, critique: CritiqueModel) -> int:
        if critique.state not in {"draft", "discarded"}:
            return 409
        if critique.state == "discarded" and take.critique("draft"):
            return 409
        critique.state = "draft"
        return 200

    def acknowledge(self, critique: CritiqueModel) -> int:
        if critique.state in {"draft", "discarded"}:
            return 404
        if critique.acknowledged:
            return 200
        critique.acknowledged = critique.state == "published"
        return 200 if critique.acknowledged else 409
