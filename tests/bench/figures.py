"""What a bench reports."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """`ratio` is ours to the rival's (or the other way where more is better), `met` is empty without a target."""

    name: str
    value: float
    unit: str
    rival: float | None = None
    ratio: float | None = None
    target: str = ""
    met: bool | None = None

    def line(self) -> str:
        beside = f"  rival {self.rival:.4g}, ratio {self.ratio:.2f}" if self.rival and self.ratio else ""
        verdict = "" if self.met is None else ("  met" if self.met else "  MISSED")
        return f"{self.name:<44} {self.value:10.4g} {self.unit}{beside}  {self.target}{verdict}"
