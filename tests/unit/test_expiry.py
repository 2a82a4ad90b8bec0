"""The share of signal that expired, by reason and age."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.expiry import AGES, REASONS, Lost, age_of, lost_of, named

COUNTS = st.dictionaries(
    st.builds("{}/{}".format, st.sampled_from([*REASONS, "luck"]), st.sampled_from(AGES)), st.integers(0, 1_000)
)


@pytest.mark.parametrize(
    ("days", "age"), [(-1, "1d"), (0, "1d"), (1, "1d"), (1.1, "7d"), (90, "90d"), (91, "365d"), (366, "older")]
)
def test_an_age_is_told_by_the_least_bound_that_holds_it(days: float, age: str) -> None:
    assert age_of(timedelta(days=days)) == age


def test_the_headline_is_the_share_of_all_feedback() -> None:
    told = lost_of(7, {"never_asked/90d": 2, "muted/7d": 0}, {"before_intake/1d": 1})

    assert told == Lost(8, {("never_asked", "90d"): 2, ("before_intake", "1d"): 1})
    assert (told.total, told.share) == (3, 0.375)
    assert told.figures() == {
        "feedback_expired_ratio": 0.375,
        "feedback_expired_events.never_asked.90d": 2,
        "feedback_expired_events.before_intake.1d": 1,
    }


def test_where_nothing_came_nothing_is_lost() -> None:
    assert Lost().share == 0
    assert Lost().figures() == {"feedback_expired_ratio": 0}


@given(st.integers(0, 10_000), COUNTS)
def test_json_and_figures_say_the_same(came: int, gone: dict[str, int]) -> None:
    told = lost_of(came, gone, {})

    figures, as_json = told.figures(), told.as_json()
    by = {f"feedback_expired_events.{one['reason']}.{one['age']}": one["events"] for one in as_json["by"]}
    assert figures == {"feedback_expired_ratio": told.share} | by
    assert as_json["expired"] == told.total == sum(by.values())


@given(st.sampled_from(REASONS), st.timedeltas(timedelta(), timedelta(days=4_000)))
def test_what_is_counted_can_be_read_back(reason: str, age: timedelta) -> None:
    field = named(reason, age)  # type: ignore[arg-type]  # hypothesis knows the reasons as texts

    assert lost_of(1, {field: 1}, {}).events == {(reason, age_of(age)): 1}
