"""What a prompt allows, held against what a file is said to be and, once it was looked at, against what it is.

One rule, and the same words (`media.problems`), early and late.
"""

# Recorders stop a little after their time, and containers round.
TOLERANCE_MS = 1000
TOO_LONG = "too_long_for_prompt"
NO_PICTURE = "no_video_track"
NOT_MEDIA = "not_media"
NOT_TAKEN = "unsupported_container"
WHERE_SOUND_WILL_DO = {NOT_MEDIA: "not_a_recording", NOT_TAKEN: "unsupported_recording"}


def refusal(
    *, duration_ms: int | None, audio_only: bool | None, max_duration_ms: int | None, audio_allowed: bool
) -> str | None:
    """Return the code of the problem, or None. What is not known yet, of the file or of what is asked, is None."""
    if audio_only and not audio_allowed:
        return NO_PICTURE
    if duration_ms is not None and max_duration_ms is not None and duration_ms > max_duration_ms + TOLERANCE_MS:
        return TOO_LONG
    return None


def worded(code: str, *, audio_allowed: bool) -> str:
    """Return the code whose sentence names all that is taken: where a voice alone will do, kinds of sound as well."""
    return WHERE_SOUND_WILL_DO.get(code, code) if audio_allowed else code
