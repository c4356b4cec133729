"""Words that are counted, and those that only fill a silence."""

import pytest

from media.words import FILLERS, Filler, measure_words


def fillers(text: str, language: str) -> dict[str, int] | None:
    found = measure_words(text, language, spoken_ms=60_000).fillers
    return None if found is None else {one.word: one.count for one in found}


def test_words_a_minute_are_over_the_time_that_is_spoken() -> None:
    found = measure_words("one two three\nfour's five-six", "en", spoken_ms=6000)
    assert (found.words, found.words_per_minute) == (5, 50)


@pytest.mark.parametrize("spoken_ms", [None, 0, 2999])
def test_of_an_unknown_or_a_short_time_there_is_no_rate(spoken_ms: int | None) -> None:
    found = measure_words("one two three", "en", spoken_ms=spoken_ms)
    assert (found.words, found.words_per_minute) == (3, None)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "Um, you know, it is, um... sort of late. I know you.", {"um": 2, "sort of": 1, "you know": 1}),
        ("en-GB", "UM um", {"um": 2}),
        ("de", "Ähm, das ist halt, ich sag mal, quasi fertig", {"halt": 1, "ich sag mal": 1, "quasi": 1, "ähm": 1}),
        ("fr", "Euh, du coup on appelle, euh, en fait demain", {"euh": 2, "du coup": 1, "en fait": 1}),
        ("es", "Bueno, o sea, pues llegamos tarde, o sea, tarde", {"o sea": 2, "bueno": 1, "pues": 1}),
        ("it", "Cioè, praticamente sì", {"cioè": 1, "praticamente": 1}),
        ("pt", "Tipo assim, né, tipo", {"né": 1, "tipo": 1, "tipo assim": 1}),
        ("nl", "Eh, zeg maar, eigenlijk", {"eh": 1, "eigenlijk": 1, "zeg maar": 1}),
        ("en", "Nothing of the kind.", {}),
        ("fi", "Niinku, tota", None),
    ],
)
def test_fillers_are_those_of_the_language(language: str, text: str, expected: dict[str, int] | None) -> None:
    assert fillers(text, language) == expected


def test_the_longest_counts_and_the_most_frequent_comes_first() -> None:
    found = measure_words("tipo assim. né né", "pt", spoken_ms=None).fillers
    assert found == (Filler("né", 2), Filler("tipo assim", 1))


def test_what_is_heard_and_not_said_is_not_counted() -> None:
    assert measure_words("[applause] (um) thank you ♪ la la ♪", "en", spoken_ms=None).words == 4


@pytest.mark.parametrize("language", ["ja", "zh-Hant"])
def test_without_spaces_there_are_no_words_to_count(language: str) -> None:
    found = measure_words("配達が遅れます", language, spoken_ms=9000)
    assert (found.words, found.words_per_minute, found.fillers) == (None, None, None)


def test_each_filler_can_be_found_as_it_is_written() -> None:
    for language, words in FILLERS.items():
        for word in words:
            assert fillers(f"Xx {word}, xx", language) == {word: 1}
