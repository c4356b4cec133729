"""What can be wrong with a video, in sentences a person can act on. The one place where they stand."""

from typing import NamedTuple


class Kind(NamedTuple):
    """`retryable`: the same bytes may do better another time."""

    message: str
    retryable: bool


PROBLEMS: dict[str, Kind] = {
    # The upload
    "empty_file": Kind("This file is empty. Record or choose the video again.", retryable=False),
    "checksum_mismatch": Kind("The file changed on its way to us. Upload it again.", retryable=False),
    "upload_expired": Kind("The upload was not finished in time. Start it again.", retryable=False),
    "too_large": Kind("This file is larger than what is allowed here. Record a shorter video.", retryable=False),
    # What the file is
    "not_media": Kind("This file is not a video.", retryable=False),
    "unsupported_container": Kind(
        "This kind of file is not accepted. Upload an MP4, MOV or WebM video.", retryable=False
    ),
    "not_a_recording": Kind("This file is neither a video nor a sound recording.", retryable=False),
    "unsupported_recording": Kind(
        "This kind of file is not accepted. Upload an MP4, MOV or WebM video, or sound as M4A, MP3, AAC, WAV, FLAC, "
        "OGG, AMR or WebM.",
        retryable=False,
    ),
    "unsupported_codec": Kind(
        "The video is in a format we cannot read. Export it as MP4 and upload that.", retryable=False
    ),
    "no_video_track": Kind("This file has no video track.", retryable=False),
    "encrypted": Kind("This video is copy-protected. Upload one that is not.", retryable=False),
    "too_long": Kind("This video is longer than what is allowed here. Record a shorter one.", retryable=False),
    "too_long_for_prompt": Kind(
        "This video is longer than what is asked for here. Record a shorter one.", retryable=False
    ),
    "too_many_pixels": Kind(
        "The picture of this video is too large. Record in 4K or less and upload again.", retryable=False
    ),
    "too_many_frames": Kind(
        "This video has more pictures than we take. Record a shorter one, or one of 60 pictures a second.",
        retryable=False,
    ),
    "too_much_work": Kind(
        "This video has more pictures of this size than we take. Record a shorter one, or in 4K or less.",
        retryable=False,
    ),
    "truncated": Kind(
        "The end of this video is missing. Check that it plays to its end on your device and upload it again.",
        retryable=False,
    ),
    "corrupt": Kind(
        "This video is damaged and cannot be played. Check it on your device or record it again.",
        retryable=False,
    ),
    # What an attachment is
    "unsupported_file": Kind(
        "This kind of file cannot be attached. Attach a PDF, a Word, Excel, PowerPoint or OpenDocument file, a JPEG, "
        "PNG, GIF or WebP picture, plain text, or a recording.",
        retryable=False,
    ),
    "file_with_programs": Kind(
        "This document has macros or controls in it, which are programs. Save it without them and upload that.",
        retryable=False,
    ),
    "file_damaged": Kind(
        "This file is damaged. Check that it opens on your device and upload it again.", retryable=False
    ),
    # What went wrong here
    "lost": Kind("We have lost this video, and are sorry. Upload it again.", retryable=False),
    "source_lost": Kind("The file you sent is not here any more, so this video stays as it is.", retryable=False),
    "source_not_kept": Kind(
        "This video could not be processed, and the file you sent is not kept any more. Upload it again.",
        retryable=False,
    ),
    "timed_out": Kind("Processing this video took too long. Try again.", retryable=True),
    "out_of_space": Kind("There was no room to process this video. Try again later.", retryable=True),
    "out_of_memory": Kind("There was not enough memory to process this video. Try again later.", retryable=True),
    "captions_failed": Kind("The captions of this video could not be made. Try again.", retryable=True),
    "no_speech": Kind("Nothing that is said can be heard in this video, so there are no captions.", retryable=False),
    "processing_failed": Kind("Something went wrong while processing this video. Try again.", retryable=True),
}


class MediaProblem(Exception):  # noqa: N818 - the domain's word, as the API shows it
    """A video that cannot be used, or not now. `detail` is for the operator and never shown to a rep."""

    def __init__(self, code: str, detail: str = "") -> None:
        self.code = code
        self.message, self.retryable = PROBLEMS[code]
        self.detail = detail
        super().__init__(f"{code}: {detail}" if detail else code)
