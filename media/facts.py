"""What is known of a video, and what is accepted of one: values that everything else starts from."""

import msgspec

PIXELS_PER_S = 4096 * 2160 * 60  # the most that phones record for long: 4K with 60 pictures a second
LATE_MS = 50  # a picture that comes later than that is missed


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What is accepted. `max_pixels` is of one picture; ffmpeg itself refuses more than 35 million.

    All pictures together may have as many as 4K with 60 a second has in the longest video that is accepted.
    """

    max_bytes: int = 4 << 30
    max_duration_ms: int = 2 * 3600 * 1000
    max_pixels: int = 35_000_000
    max_streams: int = 16

    @property
    def max_all_pixels(self) -> int:
        return PIXELS_PER_S * self.max_duration_ms // 1000


class Audio(msgspec.Struct, frozen=True, kw_only=True):
    index: int
    codec: str
    channels: int
    sample_rate: int
    start_ms: int = 0


class Voice(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a file that has sound, and no picture but perhaps a cover."""

    container: str
    size_bytes: int
    duration_ms: int
    audio: Audio
    has_location: bool = False


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """`width` and `height` are as a person sees it: upright, with square pixels. `coded_*` are as stored.

    Times count from the earliest packet that is shown; `video_ms` is where the pictures end, `last_frame_ms` where the
    last one begins. `trimmed`: an edit list hides some of them. `transfer` is `sdr`, `hlg` or `pq`; `rotation` 0, 90,
    180 or 270 degrees clockwise. `frame_rate` is the measured average. `bit_rate` is that of the video, in bits a
    second; `level` as H.264 counts it (41 is 4.1). `decoded` counts the frames that are there, shown or not.
    """

    container: str
    size_bytes: int
    duration_ms: int
    video_ms: int
    video_index: int
    codec: str
    width: int
    height: int
    coded_width: int
    coded_height: int
    rotation: int = 0
    upright: bool = True
    square_pixels: bool = True
    profile: str = ""
    level: int = 0
    pix_fmt: str = "yuv420p"
    bit_depth: int = 8
    transfer: str = "sdr"
    matrix: str = ""
    primaries: str = ""
    full_range: bool = False
    interlaced: bool = False
    frames: int = 0
    decoded: int = 0
    frame_rate: float = 30.0
    variable_frame_rate: bool = False
    last_frame_ms: int | None = None
    trimmed: bool = False
    start_ms: int = 0
    longest_gop_ms: int = 0
    closed_gops: bool = True
    reordered: bool = False
    bit_rate: int = 0
    audio: Audio | None = None
    has_location: bool = False

    @property
    def is_voice(self) -> bool:
        """Whether it had no pictures, but plays over one of ours (`media.voice`)."""
        return not self.codec

    @property
    def short_side(self) -> int:
        return min(self.width, self.height)

    @property
    def untagged_matrix(self) -> str | None:
        """Where it does not say how its colours are coded: what players take it for, by its size."""
        if self.matrix:
            return None
        return "bt709" if self.short_side >= 720 else "bt601"

    @property
    def holds_last(self) -> bool:
        """Whether the last frame is shown for longer than the others, long enough to be missed."""
        began_ms = self.video_ms if self.last_frame_ms is None else self.last_frame_ms
        return self.video_ms - began_ms > 2000 / self.frame_rate + 100
