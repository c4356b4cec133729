import pytest

from models.languages import NAMES, name_of, written


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("en", "en"),
        ("EN", "en"),
        ("pt-br", "pt-BR"),
        ("ZH-hant-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("yue", "yue"),
    ],
)
def test_a_tag_is_written_in_one_way(given: str, expected: str) -> None:
    assert written(given) == expected


@pytest.mark.parametrize("given", ["", "e", "english", "en_US", "en-", "en-USA", "../en", "en\n", "e\u0301n", "1n"])
def test_what_is_no_tag_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="is no language"):
        written(given)


def test_a_language_is_called_what_its_speakers_call_it() -> None:
    assert [name_of(tag) for tag in ("de", "pt-BR", "tlh")] == ["Deutsch", "Português (BR)", "tlh"]
    assert all(written(tag) == tag for tag in NAMES)
