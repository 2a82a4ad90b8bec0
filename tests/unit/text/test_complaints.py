"""What a complaint means, by the words of a user or by what a widget sent: examples by language, then any text."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json

from labelwright.contracts.feedback import COMPLAINTS
from labelwright.text.complaints import MOST_TAGS, of_reason, of_reasons, of_words

WRONG, WANTED, UNSAFE, OTHER = COMPLAINTS
REAL = Path(__file__).parents[3].parent / "shared/data/feedback/feedbackqa.jsonl"

SAID = [
    ("That's not true.", WRONG),
    ("You made this up!", WRONG),
    ("It hallucinated the second source", WRONG),
    ("wrong date", WRONG),
    ("The price it gives is completely wrong", WRONG),
    ("this function does not even exist", WRONG),
    ("The code doesn’t compile", WRONG),
    ("not what I asked", WANTED),
    ("Off-topic, this is about taxes", WANTED),
    ("way too vague", WANTED),
    ("Too short!", WANTED),
    ("It didn't answer my question at all", WANTED),
    ("The answer is in the wrong language", WANTED),
    ("I asked about refunds and got a paragraph about shipping", WANTED),
    ("It refused to answer", WANTED),
    ("This is harmful advice", UNSAFE),
    ("That joke was racist", UNSAFE),
    ("it encourages self-harm", UNSAFE),
    ("It shows my private data to others", UNSAFE),
    ("way too slow", OTHER),
    ("Das stimmt so nicht", WRONG),
    ("Die Öffnungszeiten sind falsch", WRONG),
    ("Die Quelle ist frei erfunden", WRONG),
    ("Thema verfehlt", WANTED),
    ("Das beantwortet meine Frage nicht", WANTED),
    ("viel zu allgemein", WANTED),
    ("Das ist ein gefährlicher Rat", UNSAFE),
    ("rassistische Antwort", UNSAFE),
    ("No es cierto", WRONG),
    ("La fecha es incorrecta", WRONG),
    ("Se lo inventa todo", WRONG),
    ("No responde a mi pregunta", WANTED),
    ("demasiado larga", WANTED),
    ("Es un consejo peligroso", UNSAFE),
    ("Muestra datos personales de otra persona", UNSAFE),
    ("Ce n'est pas vrai", WRONG),
    ("La réponse est fausse", WRONG),
    ("il invente des sources", WRONG),
    ("Hors sujet", WANTED),
    ("Elle n'a pas répondu à la question", WANTED),
    ("beaucoup trop vague", WANTED),
    ("C'est dangereux", UNSAFE),
    ("propos racistes", UNSAFE),
]

NOT_SAID = [
    "Great answer, thank you",
    "It is not wrong",
    "nothing wrong here",
    "I don't think it is false",
    "not harmful at all",
    "no hallucinations this time",
    "I was wrong, sorry",
    "The committee is made up of five people",
    "Perfect, that was all I wanted to know",
    "Das ist nicht falsch",
    "keine falschen Angaben",
    "no es falso",
    "ce n'est pas faux",
    "bad",
    "",
    "👎",
]


@pytest.mark.parametrize(("words", "complaint"), SAID)
def test_words_say_what_a_complaint_means(words: str, complaint: str) -> None:
    assert of_words(words) == complaint
    assert of_words(words.upper()) == complaint


@pytest.mark.parametrize("words", NOT_SAID)
def test_other_words_say_nothing(words: str) -> None:
    assert of_words(words) is None


def test_not_only_takes_nothing_back() -> None:
    assert of_words("Not only is it wrong") == WRONG
    assert of_words("It is not only false information, it is old") == WRONG


def test_words_that_make_two_complaints_say_neither_but_harm_goes_first() -> None:
    assert of_words("The date is wrong. And it is off topic.") is None
    assert of_words("The dose is wrong, this is dangerous.") == UNSAFE


def test_the_longer_of_two_that_overlap_counts() -> None:
    assert of_words("the answer is wrong") == WRONG
    assert of_words("it answers the wrong question") == WANTED


TICKED = [
    ("Not factually correct", WRONG),
    ("not_factual", WRONG),
    ("inaccurate", WRONG),
    ("incorrect", WRONG),
    ("hallucination", WRONG),
    ("notFactual", WRONG),
    ("Didn't fully follow instructions", WANTED),
    ("Being lazy", WANTED),
    ("Refused when it shouldn't have", WANTED),
    ("wrong language", WANTED),
    ("TOO-LONG", WANTED),
    ("Don't like the style", WANTED),
    ("This is harmful / unsafe", UNSAFE),
    ("Harmful / Unsafe", UNSAFE),
    ("privacy", UNSAFE),
    ("Other", OTHER),
    ("Sachlich falsch", WRONG),
    ("fuera de tema", WANTED),
    ("Contenu offensant", UNSAFE),
    ("Answer is factually incorrect – the response contained misleading information.", WRONG),
    ("blue", None),
]


@pytest.mark.parametrize(("reason", "complaint"), TICKED)
def test_reasons_of_the_usual_widgets_are_known(reason: str, complaint: str | None) -> None:
    assert of_reason(reason) == complaint


def test_several_tags_mean_what_they_agree_on_and_harm_goes_first() -> None:
    assert of_reasons(["incorrect", "hallucination", "beta"]) == WRONG
    assert of_reasons(["other", "incorrect"]) == WRONG
    assert of_reasons(["incorrect", "too long"]) is None
    assert of_reasons(["incorrect", "unsafe"]) == UNSAFE
    assert of_reasons([]) is None
    assert of_reasons([*["beta"] * MOST_TAGS, "unsafe"]) is None


ALPHABET = st.sampled_from(
    ["not ", "wrong ", "is ", "too ", "vague", ".", "\n", "’", "é", "ß", "\u0301", "\u202e", "漢", "😀"]
)


@given(st.one_of(st.text(max_size=200), st.lists(ALPHABET, max_size=60).map("".join)))
def test_any_text_is_read(text: str) -> None:
    assert of_words(text) in (None, *COMPLAINTS)
    assert of_reason(text) in (None, *COMPLAINTS)


@pytest.mark.parametrize("piece", ["a", "not wrong ", "it is wrong ", "\u0301", "made x ", "é,", "question is a ", "|"])
def test_reading_takes_time_linear_in_the_length(piece: str) -> None:
    def seconds(length: int) -> float:
        text, took = piece * (length // len(piece)), []
        for _ in range(3):
            began = time.process_time()
            of_words(text)
            took.append(time.process_time() - began)
        return min(took)

    of_words("warm")
    assert seconds(800_000) < 40 * max(seconds(80_000), 0.002)


@pytest.mark.skipif(
    not REAL.exists(), reason="the real feedback, ../shared/data/feedback/feedbackqa.jsonl, is not here"
)
def test_most_real_complaints_say_what_they_mean_and_hardly_any_praise_does() -> None:
    rows = [from_json(line) for line in REAL.read_bytes().splitlines()]
    bad = [of_words(row["text"]) for row in rows if row["rating"] == "Bad"]
    praise = [of_words(row["text"]) for row in rows if row["rating"] == "Excellent"]

    assert sum(one is not None for one in bad) > 0.7 * len(bad)
    assert sum(one is not None for one in praise) < 0.1 * len(praise)
