"""What a phone keeps over its own death: one JSON file, written whole or not at all."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Saved:
    """`result` ends the story: `playable` or `ready`; or `conceded`, when the person's other device was first."""

    access: str = ""
    refresh: str = ""
    access_until: float = 0.0  # by the phone's own clock
    assignment_id: str = ""
    assignment_version: int = 0
    challenge_id: str = ""
    prompt_id: str = ""
    take_id: str = ""
    take_begun: bool = False
    answer_id: str = ""  # the asset that the take's response has, as the server said last
    searched: bool = False  # whether open uploads were looked for
    upload_id: str = ""
    asset_id: str = ""
    announced: bool = False
    answered: bool = False
    submitted: bool = False
    part_size: int = 0
    urls: dict[str, Any] = field(default_factory=dict)
    sent: list[int] = field(default_factory=list)
    uploaded: bool = False
    conceding: bool = False
    result: str = ""

    @classmethod
    def read(cls, path: Path) -> "Saved":
        return cls(**json.loads(path.read_text())) if path.exists() else cls()

    def write(self, path: Path) -> None:
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(self)))
        temporary.replace(path)

    def forget_upload(self) -> None:
        """Begin the recording's way anew: what was sent is of no use."""
        self.upload_id = self.asset_id = self.answer_id = ""
        self.announced = self.answered = self.submitted = self.uploaded = False
        self.searched = True
        self.part_size, self.urls, self.sent = 0, {}, []

    def adopt(self, upload: dict[str, Any]) -> None:
        """Take over an upload, as the server tells it."""
        self.upload_id, self.asset_id = upload["id"], upload["asset_id"]
        self.part_size, self.announced = upload["part_size_bytes"], True
