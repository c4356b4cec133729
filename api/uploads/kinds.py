"""Kinds of files that are refused before a byte of them is sent, with the words that the probe would have for them.

A name and a content type are only what a client says: what is not surely of a kind we never take is let in, and the
probe decides. Kinds of sound are few, so those that are taken stand here; a video may have any name.
"""

import re

from media.asked import NOT_MEDIA, NOT_TAKEN

UNKNOWN = "application/octet-stream"

_MEDIA = re.compile(r"(?:video|audio)/[a-z0-9][a-z0-9!#$&^_.+-]{0,100}", re.ASCII)


_CONTROLS = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Playlists, which name other files, and containers whose readers are never opened.
_TYPES_NOT_TAKEN = _words("""
    mpegurl x-mpegurl vnd.apple.mpegurl scpls x-scpls x-ms-asf x-ms-asx x-ms-wmv x-ms-wma x-ms-wmx x-ms-wvx
    vnd.rn-realvideo x-pn-realvideo
""")
_SOUND_TAKEN = _words("""
    mp4 m4a x-m4a mp4a-latm aac aacp x-aac x-hx-aac-adts mpeg mpeg3 mp3 x-mp3 x-mpeg x-mpeg-3 ogg x-ogg opus x-opus
    vorbis x-vorbis webm matroska x-matroska wav x-wav wave x-pn-wav vnd.wave vnd.wav flac x-flac amr x-amr amr-nb
    amr-wb 3gpp 3gp 3gpp2 3gp2 quicktime
""")
_FILES_NOT_TAKEN = _words("""
    m3u m3u8 pls mpd ism asx asf wmv wma rm rmvb ra ram swf mid midi ffconcat mxf dv vob
    aif aiff aifc caf au snd ape wv tta tak ac3 eac3 ec3 dts mpc voc w64 dsf dff gsm qcp
""")
_FILES_NOT_MEDIA = _words("""
    jpg jpeg png gif webp bmp tif tiff heic heif avif svg psd pdf doc docx ppt pptx xls xlsx odt odp ods key pages
    numbers txt md rtf csv tsv json xml html htm vtt srt zip rar 7z tar gz bz2 xz iso dmg apk ipa exe msi sh py js
""")
# Neither programs nor pages, archives or what may hold macros; what a file really is its bytes tell later.
_FILES_NOT_ATTACHED = _words("""
    exe dll com scr msi msix bat cmd ps1 psm1 vbs vbe js jse mjs wsf hta jar class sh bash zsh py pyc rb pl php app dmg
    pkg iso img apk ipa deb rpm bin so dylib lnk url desktop reg html htm xhtml mht mhtml svg svgz xml xsl swf
    zip rar 7z tar gz tgz bz2 xz doc dot xls xlt xlm ppt pot pps rtf docm dotm xlsm xltm xlsb xlam pptm potm ppsm ppam
    heic heif avif bmp tif tiff psd key pages numbers
""")
_ANY_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,100}/[a-z0-9][a-z0-9!#$&^_.+-]{0,100}", re.ASCII)
_FILES_OF_SOUND = _words("mp3 m4a m4b m4r aac adts wav wave opus oga flac amr awb 3ga weba mka")


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
    family, _, name = kind.partition("/")
    taken = name in _SOUND_TAKEN if family == "audio" else name not in _TYPES_NOT_TAKEN
    return None if taken else NOT_TAKEN


def refused_name(filename: str) -> str | None:
    """Return the code of what is wrong with a file of this name, or None."""
    ending = _ending(filename)
    if ending in _FILES_NOT_MEDIA:
        return NOT_MEDIA
    return NOT_TAKEN if ending in _FILES_NOT_TAKEN else None


def is_attached(kind: str, filename: str) -> bool:
    """Whether a file of this type and name may be an attachment."""
    return _ANY_TYPE.fullmatch(kind) is not None and _ending(filename) not in _FILES_NOT_ATTACHED | _FILES_NOT_TAKEN


def is_sound(kind: str, filename: str) -> bool:
    """Whether it says of itself that it has no picture."""
    return kind.startswith("audio/") or (kind == UNKNOWN and _ending(filename) in _FILES_OF_SOUND)


def _ending(filename: str) -> str:
    return filename.rpartition(".")[2].strip().lower() if "." in filename else ""
