"""What it costs to process a video, thought beforehand from its Probe: pictures times their size, and the sound.

In seconds of one core, from what ladders were measured to take on an ordinary one, rounded up: 42 ms for a frame of
1080p, 42 for one of 4K, 108 for one of 4K in HEVC and HDR.
"""

from media.facts import Probe
from media.ladder import rungs

FRAME_S = 1e-3
DECODED_S = 8e-9
"""For a pixel of the source."""
ENCODED_S = 20e-9
"""For a pixel of what is made."""
TONE_MAPPED_S = 30e-9
"""For a pixel of the largest rung."""
SOUND_S = 0.05
"""For a second of it."""


def cost_s(probe: Probe) -> float:
    """Return what the whole ladder costs, each rung encoded."""
    made = rungs(probe, may_copy=False)
    frame_s = FRAME_S + DECODED_S * probe.coded_width * probe.coded_height
    frame_s += ENCODED_S * sum(rung.width * rung.height for rung in made)
    if probe.transfer != "sdr":
        frame_s += TONE_MAPPED_S * made[0].width * made[0].height
    return max(probe.frames, probe.decoded) * frame_s + SOUND_S * probe.duration_ms / 1000
