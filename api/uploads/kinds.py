"""Kinds of files that are refused before a byte of them is sent, with the words that the probe would have for them.

A name and a content type are only what a client says: what is not surely of a kind we never take is let in, and the
probe decides.
"""

import re

NOT_MEDIA = "not_media"
NOT_TAKEN = "unsupported_container"
UNKNOWN = "application/octet-stream"

_MEDIA = re.compile(r"(?:video|audio)/[a-z0-9][a-z0-9!#$&^_.+-]{0,100}", re.ASCII)


_CONTROLS = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Playlists, which name other files, and containers whose readers are never opened.
_TYPES_NOT_TAKEN = _words("""
    mpegurl x-mpegurl vnd.apple.mpegurl scpls x-scpls x-ms-asf x-ms-asx x-ms-wmv x-ms-wma x-ms-wmx x-ms-wvx
    vnd.rn-realvideo vnd.rn-realaudio x-pn-realaudio x-pn-realvideo midi x-midi
""")
_FILES_NOT_TAKEN = _words("m3u m3u8 pls mpd ism asx asf wmv wma rm rmvb ram swf mid midi ffconcat")
_FILES_NOT_MEDIA = _words("""
    jpg jpeg png gif webp bmp tif tiff heic heif avif svg psd pdf doc docx ppt pptx xls xlsx odt odp ods key pages
    numbers txt md rtf csv tsv json xml html htm vtt srt zip rar 7z tar gz bz2 xz iso dmg apk ipa exe msi sh py js
""")
_FILES_OF_SOUND = _words("mp3 m4a m4b aac wav wave opus oga flac amr aif aiff caf")


def is_one_line(filename: str) -> bool:
    """Whether a name has no control characters, which would do something wherever it is shown."""
    return _CONTROLS.search(filename) is None


def essence(content_type: str) -> str:
    """Return a content type without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def refused_type(kind: str) -> str | None:
    """Return the code of what is wrong with a content type, or None."""
    if kind == UNKNOWN:
        return None
    if not _MEDIA.fullmatch(kind):
        return NOT_MEDIA
    return NOT_TAKEN if kind.partition("/")[2] in _TYPES_NOT_TAKEN else None


def refused_name(filename: str) -> str | None:
    """Return the code of what is wrong with a file of this name, or None."""
    ending = _ending(filename)
    if ending in _FILES_NOT_MEDIA:
        return NOT_MEDIA
    return NOT_TAKEN if ending in _FILES_NOT_TAKEN else None


def is_sound(kind: str, filename: str) -> bool:
    """Whether it says of itself that it has no picture."""
    return kind.startswith("audio/") or (kind == UNKNOWN and _ending(filename) in _FILES_OF_SOUND)


def _ending(filename: str) -> str:
    return filename.rpartition(".")[2].strip().lower() if "." in filename else ""
