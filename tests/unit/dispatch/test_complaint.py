"""A task may ask what a complaint means: it has answers of its own, no gold, and is seen apart from the label's."""

from labelwright.contracts.feedback import COMPLAINTS
from labelwright.contracts.payload import Payload
from labelwright.contracts.work import AnnotationAbstained, AnnotationRecorded, AnnotationRetracted, AssignmentLeased
from tests.unit.dispatch.office import Office, machine_opened, project_file


def _published(office: Office, kind: type[Payload]) -> list[Payload]:
    return [event.data for event in office.model.published if isinstance(event.data, kind)]


def test_a_complaint_is_one_of_four() -> None:
    office = Office()
    office.open("a-complaint.1")
    held = office.lease().body

    refused = office.submit(held, "bad")
    taken = office.submit(held, "unsafe")

    assert held["asks"] == "complaint"
    assert (refused.status, refused.code) == (422, "unknown_label")
    assert all(repr(name) in refused.detail for name in COMPLAINTS)
    assert taken.status == 201
    (recorded,) = _published(office, AnnotationRecorded)
    assert isinstance(recorded, AnnotationRecorded)
    assert (recorded.item, recorded.label, recorded.asks) == ("a", "unsafe", "complaint")


def test_who_said_what_it_means_may_label_the_item_too() -> None:
    office = Office()
    office.open("a-complaint.1")
    office.submit(office.lease().body, "other")

    office.open("a.2")

    assert office.lease().body["asks"] == "label"


def test_nobody_is_asked_twice_what_a_complaint_means() -> None:
    office = Office()
    office.open("a-complaint.1")
    office.submit(office.lease().body, "other")

    office.open("a-complaint.2")

    assert office.lease().status == 204


def test_no_gold_takes_the_place_of_a_complaint() -> None:
    office = Office(project_file(["gold one"], gold_share=0.5))
    office.chance = b"\0" * 16

    leases = []
    for number in range(12):
        office.open(f"a{number}-complaint.1")
        leases.append(office.lease().body["asks"])

    assert leases == ["complaint"] * 12


def test_what_becomes_of_the_answer_says_what_was_asked() -> None:
    office = Office()
    office.open("a-complaint.1")
    held = office.lease().body
    office.submit(held, "other")
    office.undo(held)
    office.say(machine_opened("b-complaint.1"))
    (rule,) = [one for one in _published(office, AssignmentLeased) if getattr(one, "source_kind", "") == "rule"]
    assert isinstance(rule, AssignmentLeased)
    machine = {"assignment": rule.assignment, "token": rule.token}
    office.release(machine, "abstain", annotator="machine:rules")

    told = [*_published(office, AnnotationRetracted), *_published(office, AnnotationAbstained)]
    assert [getattr(one, "asks", "") for one in told] == ["complaint", "complaint"]
    assert rule.asks == "complaint"
