"""Words leave a row and come back as they were; what was taken away never does; nothing that is read by SQL is lost."""

import json
from typing import Any, get_args

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from labelwright import topology
from labelwright.contracts.envelope import decode
from labelwright.contracts.erasure import ERASED
from labelwright.errors import LedgerError
from labelwright.ledger.files import Row
from labelwright.ledger.sealing import CLEAR, WHOLE, WORDS, Sealer, unseal

KEY = b"k" * 32
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(sorted(WORDS)) | st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=20,
)
OBJECTS = st.dictionaries(st.sampled_from([*sorted(WORDS), "data", "id", "item", "annotator", "by"]), JSON, max_size=6)
BODIES = st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode())
EVENTS = OBJECTS.map(lambda data: json.dumps({"specversion": "1.0", "id": "e", "project": "p", "data": data}).encode())
DOCUMENTS = st.tuples(st.integers(1, 99), OBJECTS).map(lambda pair: f"{pair[0]}|{json.dumps(pair[1])}".encode())
STREAMS = st.sampled_from(sorted(topology.STREAMS.keys() - {"changes"}))


@given(STREAMS, BODIES | EVENTS)
def test_what_is_sealed_and_opened_says_what_it_said(stream: str, body: bytes) -> None:
    sealer = Sealer(KEY)

    sealed = sealer.seal(stream, Row("1-0", body))

    opened = unseal(stream, sealed, lambda: _words(sealer))
    assert _same(opened.body, body)


@given(st.lists(st.tuples(st.binary(max_size=9), DOCUMENTS | BODIES), max_size=5))
def test_what_was_written_to_tables_comes_back_byte_for_byte(values: list[tuple[bytes, bytes]]) -> None:
    writes = [[b"HSET", b"{p0}:triage.wordings:shop", name, value] for name, value in values]
    body = msgpack.packb([b"triage", [[b"{p0}:items", b"5-0"]], writes], use_bin_type=False)
    sealer = Sealer(KEY)

    sealed = sealer.seal("changes", Row("1-0", body))

    opened = unseal("changes", sealed, lambda: _words(sealer))
    assert msgpack.unpackb(opened.body, raw=True) == msgpack.unpackb(body, raw=True)


@given(STREAMS.filter(lambda stream: stream not in CLEAR), EVENTS, st.sampled_from(sorted(WORDS)))
def test_no_sealed_row_has_a_word_that_somebody_wrote(stream: str, body: bytes, field: str) -> None:
    event = json.loads(body)
    event["data"][field] = "quinquereme of Nineveh"

    sealed = Sealer(KEY).seal(stream, Row("1-0", json.dumps(event).encode()))

    assert stream == "dead" or b"quinquereme" not in sealed.body
    dead = Sealer(KEY).seal("dead", Row("1-0", json.dumps({"event": json.dumps(event), "reason": "x"}).encode()))
    assert b"quinquereme" not in dead.body


@given(EVENTS, st.sampled_from(["accepted", "items", "tasks", "labels"]))
def test_what_was_taken_away_reads_erased_and_the_rest_stays(body: bytes, stream: str) -> None:
    sealer = Sealer(KEY)
    event = json.loads(body) | {"id": "e-1"}
    event["data"]["text"] = "quinquereme of Nineveh"
    sealed = sealer.seal(stream, Row("1-0", json.dumps(event).encode()))

    opened = unseal(stream, sealed, lambda: dict.fromkeys(_words(sealer)))

    found = json.loads(opened.body)
    assert found["data"]["text"] == ERASED
    assert found["id"] == "e-1"


def test_an_event_without_its_words_is_still_an_event() -> None:
    data = {
        "kind": "correction", "corrected": "it is 1989", "comment": "no", "meta": {"plan": "pro"}, "user": "ada",
        "subject": {"type": "screen", "id": "s", "prompt": "when?"}, "feedback": "f-1", "received_at": "2026-11-24",
    }  # fmt: skip
    sealer = Sealer(KEY)
    sealed = sealer.seal("accepted", _row("labelwright.accepted.feedback_accepted.v1", data))

    opened = decode(unseal("accepted", sealed, lambda: dict.fromkeys(_words(sealer))).body).data

    values: Any = opened
    assert (values.corrected, values.comment, values.user, values.meta) == (ERASED, ERASED, ERASED, {})
    assert (values.subject.id, values.subject.prompt, values.feedback) == ("s", ERASED, "f-1")


def test_equal_words_have_equal_references_and_another_key_others() -> None:
    one = Sealer(KEY).seal("tasks", _row("labelwright.tasks.task_opened.v1", {"item": "i1", "text": "the same"}))
    two = Sealer(KEY).seal("labels", _row("labelwright.labels.label_resolved.v1", {"item": "i1", "text": "the same"}))
    other = Sealer(b"x" * 32).seal(
        "tasks", _row("labelwright.tasks.task_opened.v1", {"item": "i1", "text": "the same"})
    )

    reference = json.loads(one.body)["data"]["text"]

    assert json.loads(two.body)["data"]["text"] == reference
    assert json.loads(other.body)["data"]["text"] != reference


def test_words_that_look_like_a_reference_are_words() -> None:
    secret = Sealer(KEY)
    theirs = json.loads(secret.seal("accepted", _row("t", {"comment": "a secret"})).body)["data"]["comment"]
    sealer = Sealer(KEY)

    sealed = sealer.seal("accepted", _row("t", {"comment": theirs, "trace_id": theirs}))

    opened = unseal("accepted", sealed, lambda: _words(secret) | _words(sealer))
    assert json.loads(opened.body)["data"] == {"comment": theirs, "trace_id": theirs}


def test_words_that_are_missing_without_having_been_taken_away_are_a_fault() -> None:
    sealed = Sealer(KEY).seal("accepted", _row("t", {"comment": "hello"}))

    with pytest.raises(LedgerError, match="restore the ledger's `texts` from a copy"):
        unseal("accepted", sealed, dict)


def test_a_note_is_its_writers_and_a_text_its_items() -> None:
    sealer = Sealer(KEY)
    mark = sealer.mark
    recorded = {"item": "i1", "annotator": "john", "note": "a note"}
    sealer.seal("annotations", _row("labelwright.annotations.annotation_recorded.v1", recorded))
    sealer.seal("assignments", _row("t", {"item": "i1", "annotator": "john", "text": "a text"}))
    sealer.seal("feedback", _row("t", {"comment": "a comment", "user": "ada"}))
    opened = {"item": "i1", "feedback": "e", "text": "a text"}
    sealer.seal("items", _row("labelwright.items.item_opened.v1", opened))

    told = {use.words: (use.who, use.feedback, use.item) for use in sealer.uses}

    assert told[b'"a note"'] == (mark("who", "p", "john"), 0, 0)
    assert (0, 0, mark("item", "", "i1")) in {(use.who, use.feedback, use.item) for use in sealer.uses}
    assert told[b'{"comment":"a comment","user":"ada"}'] == (mark("who", "p", "ada"), mark("feedback", "p", "e"), 0)
    assert told[b'"a text"'] == (0, mark("feedback", "p", "e"), mark("item", "", "i1"))


NO_WORDS = frozenset(
    {
        *("by", "annotator", "model", "trace_id", "environment", "release", "evaluator", "id", "type"),
        *("label", "labels", "skill", "skills", "source", "sources", "project", "table", "names", "person"),
        *("item", "into", "other", "feedback", "fingerprint", "task", "assignment", "annotation", "request", "reply"),
        *("token", "theme", "split_from", "takes", "examples", "supersedes", "superseded_by", "about", "snapshot"),
        *("distribution", "factors", "redactions", "values"),
        *("service", "stream_name", "entry", "event", "code", "outcome", "gold_label", "value"),
    }
)
"""Fields of contracts that are texts but no words of anybody: ids, names of things, constants."""


def test_every_text_of_every_contract_is_sealed_or_known_to_be_none() -> None:
    streams = topology.STREAMS.keys() - CLEAR - WHOLE.keys()
    carried = {kind for stream in streams for kind in topology.STREAMS[stream].carries}

    texts = {name for kind in carried for name in _texts(kind)}

    assert texts - WORDS - NO_WORDS == set(), "add them to sealing.WORDS, or here if nobody wrote them"


def _texts(model: type[BaseModel]) -> set[str]:
    found = set()
    for name, field in model.model_fields.items():
        for kind in _kinds(field.annotation):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found |= _texts(kind)
            elif kind is str:
                found.add(name)
    return found


def _kinds(annotation: Any) -> set[Any]:
    inner = [part for part in get_args(annotation) if not isinstance(part, str)]
    return set().union(*map(_kinds, inner)) if inner else {annotation}


def _words(sealer: Sealer) -> dict[bytes, bytes | None]:
    return {use.reference: use.words for use in sealer.uses}


def _row(kind: str, data: dict[str, Any]) -> Row:
    body = {"specversion": "1.0", "id": "e", "source": "/t", "type": kind, "time": "2026-11-24T00:00:00Z"}
    return Row("1-0", json.dumps(body | {"project": "p", "data": data}).encode())


def _same(opened: bytes, body: bytes) -> bool:
    try:
        return bool(json.loads(opened) == json.loads(body))
    except ValueError:
        return opened == body
