"""Texts are grouped as they come."""

from labelwright.duplicates.grouping import Index

TEXT = "The dashboard loads slowly every morning since the update"


def test_a_text_joins_the_first_that_says_the_same() -> None:
    index = Index()

    places = [
        index.place(text)
        for text in (TEXT, "Something else", TEXT.upper(), "The dashbaord loads slowly every morning since the updtae")
    ]

    assert [placed.merged and placed.merged[0] for placed in places] == [None, None, 0, 0]


def test_what_may_be_the_same_is_proposed_with_its_reason() -> None:
    index = Index()
    index.place(TEXT)

    placed = index.place("The dashboard never loads slowly in the morning since the update")

    assert placed.merged is None
    assert [(number, verdict.reason) for number, verdict in placed.proposed] == [
        (0, "a word that changes the meaning differs")
    ]


def test_at_most_three_are_proposed_the_likest_first() -> None:
    index = Index()
    for number in range(6):
        index.place(f"Order {number} arrived with a broken screen and without the cable")

    placed = index.place("Order 99 arrived with a broken screen and without the cable")

    assert len(placed.proposed) == 3
    assert [verdict.score for _, verdict in placed.proposed] == sorted(verdict.score for _, verdict in placed.proposed)


def test_small_steps_lead_no_further_than_one() -> None:
    """Whatever was merged is compared with no more: only the first of a group is."""
    index = Index()
    index.place("The page with the list of the orders loads slowly on my old phone")
    near = index.place("The page with list of orders loads slowly on my old phone")

    assert near.merged
    third = index.place("The page with list of orders loads slowly on the phone")
    assert {number for number, _ in filter(None, (third.merged, *third.proposed))} == {0}
