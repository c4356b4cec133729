"""What is said, counted: words a minute of speech, and words that fill a silence. Lists by language, short on purpose.

A word that is most often meant ("like", German "also") is on no list: better a filler too few than a remark too many.
"""

import re
from collections import Counter
from collections.abc import Sequence

import msgspec

FILLERS: dict[str, tuple[str, ...]] = {
    "en": ("um", "umm", "uh", "uhm", "er", "erm", "hmm", "mhm", "you know", "i mean", "sort of", "kind of", "basically",
           "actually", "literally", "honestly"),
    "de": ("äh", "ähm", "öh", "öhm", "hm", "hmm", "halt", "quasi", "sozusagen", "irgendwie", "eigentlich", "im prinzip",
           "im grunde", "sag ich mal", "ich sag mal"),
    "fr": ("euh", "heu", "hum", "ben", "bah", "hein", "genre", "en fait", "du coup", "tu vois", "vous voyez", "tu sais",
           "vous savez", "en quelque sorte"),
    "es": ("eh", "ehm", "em", "este", "pues", "o sea", "digamos", "a ver", "bueno", "sabes", "es decir", "básicamente",
           "en plan"),
    "it": ("ehm", "eh", "uhm", "cioè", "praticamente", "diciamo", "insomma", "tipo", "sai", "in pratica"),
    "pt": ("eh", "hã", "hum", "né", "tipo", "tipo assim", "quer dizer", "sabe", "basicamente"),
    "nl": ("eh", "ehm", "uh", "uhm", "hm", "zeg maar", "eigenlijk", "weet je", "ofzo", "gewoon", "een soort van"),
}  # fmt: skip
# Written without spaces between words: there is nothing to count by.
UNSPACED = ("zh", "ja", "th", "lo", "km", "my", "bo", "yue")
LEAST_SPOKEN_MS = 3000  # of less, a rate says nothing

_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_SOUNDS = re.compile(r"\[[^\[\]]*\]|\([^()]*\)|♪")  # [applause] is seen, and said by nobody


class Filler(msgspec.Struct, frozen=True):
    word: str
    count: int


class WordMeasures(msgspec.Struct, frozen=True, kw_only=True):
    """`words_per_minute` is over the time that is spoken; None where it cannot be told.

    `fillers`: those that were said, the most frequent first; None for a language that has no list.
    """

    words: int | None
    words_per_minute: int | None
    fillers: tuple[Filler, ...] | None


def measure_words(text: str, language: str, *, spoken_ms: int | None) -> WordMeasures:
    """`language` is a BCP 47 tag, of which the first part counts."""
    primary = language.partition("-")[0].lower()
    if primary in UNSPACED:
        return WordMeasures(words=None, words_per_minute=None, fillers=None)
    words = [word.casefold().replace("’", "'") for word in _WORD.findall(_SOUNDS.sub(" ", text))]
    known = FILLERS.get(primary)
    return WordMeasures(
        words=len(words),
        words_per_minute=_rate(len(words), spoken_ms),
        fillers=None if known is None else _count(words, known),
    )


def _rate(words: int, spoken_ms: int | None) -> int | None:
    if spoken_ms is None or spoken_ms < LEAST_SPOKEN_MS:
        return None
    return round(words * 60_000 / spoken_ms)


def _count(words: Sequence[str], known: Sequence[str]) -> tuple[Filler, ...]:
    """The longest that fits counts, so none is counted within another."""
    phrases = {tuple(phrase.split()) for phrase in known}
    longest = max(map(len, phrases))
    found: Counter[str] = Counter()
    at = 0
    while at < len(words):
        for length in range(longest, 0, -1):
            if (said := tuple(words[at : at + length])) in phrases:
                found[" ".join(said)] += 1
                at += len(said)
                break
        else:
            at += 1
    return tuple(Filler(word, count) for word, count in sorted(found.items(), key=lambda item: (-item[1], item[0])))
