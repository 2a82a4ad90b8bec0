"""What is known of each language is told by its file, and no word is two things in one."""

from itertools import combinations

import pytest

from labelwright.text.language import UNKNOWN, Language, language_of, languages

ENGLISH = languages()[0]


@pytest.mark.parametrize("language", languages(), ids=lambda language: language.code)
def test_no_word_stands_in_two_lists(language: Language) -> None:
    lists = (language.fillers, language.light, language.guarded, language.asking)

    assert not [one & other for one, other in combinations(lists, 2) if one & other]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("the answer is not about my question", "en"),
        ("die antwort passt nicht zu meiner frage", "de"),
        ("la respuesta no contesta a mi pregunta", "es"),
        ("la réponse ne correspond pas à ma question", "fr"),
        ("la risposta non riguarda la mia domanda", "it"),
        ("a resposta não tem nada a ver com a pergunta", "pt"),
        ("xyzzy plugh", "und"),
    ],
)
def test_small_words_tell_the_language(text: str, code: str) -> None:
    assert language_of(frozenset(text.split())).code == code


def test_a_short_word_must_be_common_to_be_known() -> None:
    assert [ENGLISH.knows(word) for word in ("the", "th", "hae", "oft", "form", "recieve", "unhelpful")] == [
        True,
        False,
        False,
        False,
        True,
        False,
        True,
    ]


def test_a_filler_says_little_and_a_rare_word_much() -> None:
    weights = [ENGLISH.weight(word) for word in ("the", "of", "answer", "contraception", "kubectl")]

    assert weights == sorted(weights)
    assert (weights[0], weights[-1]) == (0.1, 1.0)


@pytest.mark.parametrize(("word", "other"), [("answers", "answer"), ("loading", "loaded"), ("direct", "directly")])
def test_endings_inflect(word: str, other: str) -> None:
    assert ENGLISH.inflects(word, other)
    assert ENGLISH.inflects(other, word)


@pytest.mark.parametrize(("word", "other"), [("news", "new"), ("helpful", "helpless"), ("plan", "plane")])
def test_other_words_are_no_endings(word: str, other: str) -> None:
    assert not ENGLISH.inflects(word, other)


@pytest.mark.parametrize(
    ("word", "other"), [("helpful", "unhelpful"), ("increase", "decrease"), ("upload", "download")]
)
def test_a_prefix_makes_another_word(word: str, other: str) -> None:
    assert ENGLISH.derives(word, other)
    assert ENGLISH.derives(other, word)


def test_of_an_unknown_language_no_word_is_known() -> None:
    assert not UNKNOWN.knows("the")
    assert UNKNOWN.weight("the") == 1.0
