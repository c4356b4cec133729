"""Languages by their BCP 47 tags: written in one way, and named as those who speak them do."""

import re

TAG = r"[A-Za-z]{2,3}(?:-[A-Za-z]{4})?(?:-(?:[A-Za-z]{2}|[0-9]{3}))?"
_TAG = re.compile(TAG)

NAMES = {
    "ar": "العربية",
    "cs": "Čeština",
    "da": "Dansk",
    "de": "Deutsch",
    "el": "Ελληνικά",
    "en": "English",
    "es": "Español",
    "fi": "Suomi",
    "fr": "Français",
    "he": "עברית",
    "hi": "हिन्दी",
    "hu": "Magyar",
    "id": "Bahasa Indonesia",
    "it": "Italiano",
    "ja": "日本語",
    "ko": "한국어",
    "nb": "Norsk bokmål",
    "nl": "Nederlands",
    "pl": "Polski",
    "pt": "Português",
    "ro": "Română",
    "ru": "Русский",
    "sv": "Svenska",
    "th": "ไทย",
    "tr": "Türkçe",
    "uk": "Українська",
    "vi": "Tiếng Việt",
    "zh": "中文",
}


def written(tag: str) -> str:
    """Return a tag as it is usually written: `pt-BR`, `zh-Hant-TW`.

    Raises:
        ValueError: it is no language, script and region.
    """
    if not _TAG.fullmatch(tag):
        raise ValueError(f"{tag[:40]!r} is no language, as `en` or `pt-BR` are.")
    first, *rest = tag.split("-")
    return "-".join([first.lower(), *(part.title() if len(part) == 4 else part.upper() for part in rest)])


def name_of(tag: str) -> str:
    """Return the language's own name with its script and region, as far as it is known; else the tag."""
    first, _, rest = tag.partition("-")
    if first not in NAMES:
        return tag
    return f"{NAMES[first]} ({rest})" if rest else NAMES[first]
