"""Pictures as what we serve shows them: upright sizes aside, 8-bit 4:2:0 SDR in BT.709, and saying so."""

from typing import Any

from media.facts import Probe

BT709 = {"colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709", "color_range": "tv"}
# Others than those of BT.709 that can be brought to them.
OTHER_PRIMARIES = ("bt470m", "bt470bg", "smpte170m", "smpte240m", "film", "bt2020", "smpte431", "smpte432")
HDR_NOTES = (
    *["MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL", "DYNAMIC_HDR_PLUS", "DYNAMIC_HDR_VIVID"],
    *["DOVI_RPU_BUFFER", "DOVI_METADATA", "AMBIENT_VIEWING_ENVIRONMENT"],
)


def scaled(video: Any, probe: Probe, width: int, height: int) -> Any:
    """In this size, and in the colours that `plain` then tells of."""
    if probe.transfer != "sdr":
        return _tone_mapped(video.filter("scale", width, height, flags="bicubic"), probe)
    video = video.filter("scale", width, height, flags="bicubic", **to_bt709(probe.untagged_matrix))
    return of_bt709(video, probe.primaries)


def plain(video: Any) -> Any:
    """As what we serve is, and as its frames then say: encoders believe them more than what they are told.

    What a source notes for screens of a high dynamic range is about a picture that is no more.
    """
    video = video.filter("setsar", "1").filter("format", "yuv420p")
    for note in HDR_NOTES:
        video = video.filter("sidedata", mode="delete", type=note)
    return video.filter("setparams", range="tv", color_primaries="bt709", color_trc="bt709", colorspace="bt709")


def to_bt709(untagged_matrix: str | None) -> dict[str, str]:
    """What to tell a scaler."""
    said = {"in_color_matrix": untagged_matrix} if untagged_matrix else {}
    return {**said, "out_color_matrix": "bt709", "out_range": "tv"}


def of_bt709(video: Any, primaries: str) -> Any:
    """The same colours as mixtures of the primaries of BT.709; else those of a wide gamut would look pale.

    The curve is left as it is, whatever it is said to be: players take all of SDR for the same.
    """
    if primaries not in OTHER_PRIMARIES:
        return video
    return video.filter("zscale", matrixin="bt709", transferin="bt709", primariesin=primaries, rangein="tv",
                        matrix="bt709", transfer="bt709", primaries="bt709", range="tv")  # fmt: skip


def _tone_mapped(video: Any, probe: Probe) -> Any:
    transfer = {"hlg": "arib-std-b67", "pq": "smpte2084"}[probe.transfer]
    linear = video.filter("zscale", transferin=transfer, primariesin="bt2020", matrixin="bt2020nc",
                          transfer="linear", npl=100)  # fmt: skip
    mapped = linear.filter("format", "gbrpf32le").filter("zscale", primaries="bt709")
    mapped = mapped.filter("tonemap", tonemap="hable", desat=0)
    return mapped.filter("zscale", transfer="bt709", matrix="bt709", range="tv")
