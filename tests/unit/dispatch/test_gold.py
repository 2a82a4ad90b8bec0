"""Gold goes out in place of other tasks, and nobody can tell."""

from typing import Any

from labelwright.contracts.work import AnnotationRecorded, AnnotationRetracted, AssignmentLeased
from labelwright.identity import derive
from tests.unit.dispatch.office import PROJECT, Office, opened, project_file

TEXTS = ("first gold", "second gold")


def test_gold_looks_like_the_task_whose_place_it_takes() -> None:
    plain, office = Office(), Office(project_file(TEXTS, gold_share=0.5))
    for each in (plain, office):
        each.open("item_0123456789abcdef0123.1")
    test = _first_gold(office)

    other = plain.lease("ann").body

    assert set(test) == set(other)
    assert {name: type(value) for name, value in test.items()} == {name: type(value) for name, value in other.items()}
    assert (test["source"], test["guideline_version"], test["project"]) == (
        other["source"], other["guideline_version"], other["project"],
    )  # fmt: skip
    assert [len(test[name]) for name in ("assignment", "task", "token")] == [
        len(other[name]) for name in ("assignment", "task", "token")
    ]
    assert not any("gold" in str(value) for name, value in test.items() if name != "text")


def test_gold_shows_its_own_prompt_and_response_about_the_same_subject() -> None:
    file = project_file(TEXTS, gold_share=0.5)
    gold = [one.model_copy(update={"prompt": "Why so?", "response": "So."}) for one in file.gold]
    office = Office(file.model_copy(update={"gold": gold}))
    office.open("a.1")

    test = _first_gold(office)

    assert test["subject"] == {"type": "screen", "id": "checkout", "prompt": "Why so?", "response": "So."}


def test_gold_is_counted_and_the_task_it_displaced_stays_ready() -> None:
    office = Office(project_file(TEXTS, gold_share=0.5))
    office.open("a.1")

    test = _first_gold(office)
    office.submit(test, "bad", annotator=_holder(office))

    recorded = office.model.published[-1].data
    assert isinstance(recorded, AnnotationRecorded)
    assert (recorded.label, recorded.gold_label, recorded.price_usd) == ("bad", "good", 0.1)
    assert recorded.task.startswith(f"{recorded.item}.")
    assert office.counts() == {"ready": 1, "leased": 0, "answered": 1, "expired": 0, "opened": 2}


def test_never_repeats_gold_to_one_annotator() -> None:
    office = Office(project_file(TEXTS, gold_share=0.5))
    office.say(*(opened(f"i{n}.1") for n in range(40)))

    items = [office.lease("ann").body["item"] for _ in range(40)]

    gold = {derive("item", PROJECT, "gold", text) for text in TEXTS}
    assert len(set(items)) == 40
    assert gold <= set(items)


def test_gold_that_was_taken_out_of_the_file_is_not_handed_out() -> None:
    office = Office(project_file(TEXTS, gold_share=0.5))
    office.apply(project_file(TEXTS[1:], gold_share=0.5), number=2)
    office.say(*(opened(f"i{n}.1") for n in range(40)))

    items = {office.lease("ann").body["item"] for _ in range(40)}

    gold = [derive("item", PROJECT, "gold", text) for text in TEXTS]
    assert [item in items for item in gold] == [False, True]


def test_gold_that_is_skipped_is_closed() -> None:
    office = Office(project_file(TEXTS, gold_share=0.5))
    office.open("a.1")
    test = _first_gold(office)

    office.release(test, annotator=_holder(office))

    assert office.counts() == {"ready": 1, "leased": 0, "answered": 0, "expired": 1, "opened": 2}


def test_an_answer_to_gold_that_is_taken_back_is_told_as_one() -> None:
    office = Office(project_file(TEXTS, gold_share=0.5))
    office.open("a.1")
    test = _first_gold(office)
    annotator = _holder(office)
    office.submit(test, "bad", annotator=annotator)

    office.undo(test, annotator=annotator)

    (retracted,) = (event.data for event in office.model.published if isinstance(event.data, AnnotationRetracted))
    assert (retracted.item, retracted.annotator, retracted.gold_label) == (test["item"], annotator, "good")


def _first_gold(office: Office) -> dict[str, Any]:
    """Let chance change until the next annotator gets gold."""
    for number in range(64):
        office.chance = number.to_bytes(16)
        body = office.lease(f"ann{number}").body
        if body["text"] in TEXTS:
            return body
        office.release(body, annotator=f"ann{number}")
    raise AssertionError("half of all leases should be gold, yet 64 in a row were not")


def _holder(office: Office) -> str:
    event = office.model.published[-1].data
    assert isinstance(event, AssignmentLeased)
    return event.annotator
