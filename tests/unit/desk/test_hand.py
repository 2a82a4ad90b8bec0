"""The hand that a cookie carries."""

from hypothesis import given
from hypothesis import strategies as st

from services.desk.hand import MOST_BACK, Answered, Hand, Turn


def answered(number: int) -> Answered:
    return Answered(f"assignment_{number:020x}", f"{number:032x}", "wrong_fact")


def test_comes_back_from_its_cookie_as_it_was() -> None:
    hand = Hand(turns=(Turn("aa"), Turn("bb", answered(1))), trail=(answered(2), answered(3)), done=7)

    assert Hand.read(hand.cookie) == hand


def test_fits_a_cookie_when_it_is_fullest() -> None:
    taken_back = tuple(Turn(f"{n:016x}", answered(n)) for n in range(MOST_BACK))
    hand = Hand(turns=(*taken_back, Turn("aa"), Turn("bb")), trail=tuple(map(answered, range(MOST_BACK))), done=9_999)

    assert len(hand.cookie) < 4_000


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_is_empty_when_the_cookie_is_nonsense(cookie: str) -> None:
    assert Hand.read(cookie) == Hand()


def test_is_empty_when_the_cookie_names_what_no_request_could() -> None:
    forged = Hand.model_construct(turns=(Turn("a" * 500),))

    assert Hand.read(forged.cookie) == Hand()


def test_remembers_the_last_ten_answers() -> None:
    hand = Hand()
    for number in range(12):
        hand = hand.answered("aa", answered(number))

    assert hand == Hand(trail=tuple(map(answered, range(2, 12))), done=12)


def test_counts_an_answer_that_was_sent_twice_once() -> None:
    hand = Hand(turns=(Turn("aa"), Turn("bb")))

    twice = hand.answered("aa", answered(1)).answered("aa", answered(1))

    assert twice == Hand(turns=(Turn("bb"),), trail=(answered(1),), done=1)


def test_shows_a_task_taken_back_before_all_others() -> None:
    hand = Hand(turns=(Turn("aa"),), trail=(answered(1), answered(2)), done=2)

    once = hand.taken_back()
    twice = once.taken_back()

    assert [turn.undoes for turn in twice.turns] == [answered(1), answered(2), None]
    assert (once.trail, twice.trail, twice.done) == ((answered(1),), (), 0)
