"""A mapping reads what it names, tells what doesn't fit by line and field, and gives the same ids every time."""

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwright.adapters.mapping import MappingFile, events_in, read_mapping
from labelwright.contracts.feedback import FeedbackReceived
from labelwright.errors import ContractError, SettingsError

LEAST: dict[str, Any] = {"kind": {"is": "text"}, "comment": "said", "subject": {"type": {"is": "screen"}, "id": "page"}}


def mapped(raw: str | bytes, format_: str = "csv", **more: Any) -> list[tuple[int, Any]]:
    """The rows of a file as events, or as the reasons why they are none."""
    content = raw.encode() if isinstance(raw, str) else raw
    rows = events_in(io.BytesIO(content), read_mapping(LEAST | more), format_)
    return [(line, event.reason if isinstance(event, ContractError) else event) for line, event in rows]


def one(row: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One row of JSON as an event. Raises ContractError."""
    mapping: MappingFile = read_mapping(LEAST | more)
    return mapping.event({"said": "slow", "page": "cart"} | row)


def test_a_table_is_read_by_its_columns() -> None:
    (first, second) = mapped('said,page,n\n"too\nslow",cart,7\r\nfine,home,8\n', id="n")

    assert first == (
        2,
        {"kind": "text", "comment": "too\nslow", "subject": {"type": "screen", "id": "cart"}, "id": "7"},
    )
    assert (second[0], second[1]["id"]) == (4, "8")


def test_json_lines_are_read_by_paths() -> None:
    row = '{"said": "slow", "page": "cart", "by": {"user": {"id": 17}}, "tags": [{"name": "ui"}], "a.b": "dotted"}\n'
    paths = {"user": "by.user.id", "reason": ["tags", 0, "name"], "release": "a.b", "meta": {"tags": "tags"}}

    ((line, event),) = mapped(row, "jsonl", **paths)

    assert (line, event["user"], event["reason"], event["release"]) == (1, "17", "ui", "dotted")
    assert event["meta"] == {"tags": [{"name": "ui"}]}


@pytest.mark.parametrize(
    ("found", "value"), [("Excellent", 5), (" Bad ", 1), ("yes", 4), (True, 3), (2, 2), (2.0, 2), ("", 1), (None, 1)]
)
def test_values_become_what_the_map_says(found: Any, value: int) -> None:
    choices = {"Excellent": 5, "Bad": 1, "yes": 4, "true": 3, "2": 2}

    event = one(
        {"rating": found.strip() if isinstance(found, str) else found},
        value={"from": "rating", "map": choices, "default": 1},
    )

    assert event["value"] == value


@pytest.mark.parametrize(("found", "value"), [("5", 5), ("-1", -1), (4.0, 4), ("retry", "retry")])
def test_a_value_that_is_a_number_in_a_text_is_one(found: Any, value: Any) -> None:
    assert one({"rating": found}, value="rating")["value"] == value


@pytest.mark.parametrize(
    ("found", "formats", "iso"),
    [
        ("2026-03-02", ["iso"], "2026-03-02T00:00:00+01:00"),
        ("2026-03-02T09:00:00Z", ["iso"], "2026-03-02T09:00:00+00:00"),
        ("2.3.2026 09:00", ["iso", "%d.%m.%Y %H:%M"], "2026-03-02T09:00:00+01:00"),
        (1772442000, "unix", "2026-03-02T09:00:00+00:00"),
        ("1772442000250", ["unix_ms"], "2026-03-02T09:00:00.250000+00:00"),
    ],
)
def test_times_are_read_by_their_forms(found: Any, formats: Any, iso: str) -> None:
    rule = {"from": "when", "formats": formats, "timezone": "Europe/Berlin"}

    assert one({"when": found}, occurred_at=rule)["occurred_at"] == iso


@pytest.mark.parametrize(
    ("row", "more", "told"),
    [
        ({"rating": "Meh"}, {"value": {"from": "rating", "map": {"Good": 5}}}, "value: 'Meh' isn't in its map"),
        ({"when": "soon"}, {"occurred_at": "when"}, "occurred_at: 'soon' is no time of the forms 'iso'"),
        ({"page": ""}, {}, "subject.id: there is nothing at 'page'"),
        ({}, {"kind": "stars"}, "kind: there is nothing at 'stars'; for what all rows share write {is: stars}"),
        ({"who": {"id": 1}}, {"user": "who"}, "user: at 'who' is an array or an object"),
        ({}, {"id": "number"}, "id: there is nothing at 'number'"),
    ],
)
def test_a_row_that_doesnt_fit_is_told_by_its_field(row: dict[str, Any], more: dict[str, Any], told: str) -> None:
    with pytest.raises(ContractError) as unfit:
        one(row, **more)

    assert unfit.value.reason.startswith(told)


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ("said,page\na,b,c\nfine,home\n", "the row has 3 fields, the header 2"),
        ('said,page\n"a"b,c\nfine,home\n', "the row isn't CSV"),
        (b"said,page\n\xff,c\nfine,home\n", "the row isn't utf-8"),
        (f"said,page\n{'x' * 200_000},c\nfine,home\n", "the row isn't CSV (field larger"),
        ("said,page\n,c\nfine,home\n", "/: Value error, feedback of kind 'text' needs a 'comment'"),
    ],
)
def test_a_bad_row_is_told_and_the_next_one_read(raw: str | bytes, told: str) -> None:
    (bad, good) = mapped(raw)

    assert bad[0] == 2
    assert bad[1].startswith(told)
    assert (good[0], good[1]["comment"]) == (3, "fine")


def test_a_quote_that_isnt_closed_swallows_nothing_in_silence() -> None:
    (first, second) = mapped('page,said\nhome,fine\ncart,"slow\nhome,fine\n')

    assert first[1]["comment"] == "fine"
    assert second == (3, "the row isn't CSV (unexpected end of data); look at its quotes")


def test_bad_lines_of_json_are_told() -> None:
    good = '{"said": "slow", "page": "cart"}'

    assert [line for line, event in mapped(f"{good}\n\n{{\n[]\n{good}\n", "jsonl") if isinstance(event, str)] == [
        3,
        4,
    ]


def test_a_mark_of_byte_order_is_no_part_of_a_name() -> None:
    ((_, event),) = mapped(b"\xef\xbb\xbfsaid,page\nslow,cart\n")

    assert event["comment"] == "slow"


def test_a_file_in_another_encoding_is_read() -> None:
    ((_, event),) = mapped("said;page\nzu träge;cart\n".encode("cp1252"), encoding="cp1252", delimiter=";")

    assert event["comment"] == "zu träge"


ROWS = st.lists(st.sampled_from(["slow,cart", "fine,cart", "slow,home"]), min_size=1, max_size=12)


@given(rows=ROWS, data=st.data())
def test_ids_made_of_content_are_the_same_in_any_order_and_count_equal_rows(
    rows: list[str], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(rows))

    first = [event["id"] for _, event in mapped("\n".join(["said,page", *rows]))]
    again = [event["id"] for _, event in mapped("\n".join(["said,page", *shuffled]))]

    assert len(set(first)) == len(rows)
    assert sorted(first) == sorted(again)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (None, "a mapping must name fields of feedback; the fields are 'id', 'kind'"),
        ({"kind": {"is": "text"}}, "'subject.type', 'subject.id' must be mapped, too"),
        (LEAST | {"coment": "x"}, "'coment' is no field of feedback; the fields are 'id'"),
        (LEAST | {"subject": {"typ": "x"}}, "'subject.typ' is no field of feedback"),
        (LEAST | {"subject": "x"}, "subject must be an object"),
        (LEAST | {"value": {"from": "x", "choose": {}}}, "value: 'choose' can't stand there; what may is 'from', 'is'"),
        (LEAST | {"value": {}}, "value: say where it comes from"),
        (LEAST | {"value": {"from": "x", "is": 1}}, "value: say where it comes from"),
        (LEAST | {"value": {"from": "x", "map": {}}}, "value: 'map' must be an object"),
        (LEAST | {"value": {"from": "x", "map": [1]}}, "value: 'map' must be an object"),
        (LEAST | {"value": {"from": {}}}, "value: it must come from a column's name or a path"),
        (LEAST | {"value": []}, "value: it must come from a column's name or a path"),
        (LEAST | {"user": {"from": "x", "timezone": "UTC"}}, "user: only occurred_at has 'formats'"),
        (LEAST | {"occurred_at": {"from": "x", "formats": ["soon"]}}, "occurred_at: 'formats' must be a list"),
        (LEAST | {"occurred_at": {"from": "x", "timezone": "Mars"}}, "occurred_at: 'Mars' is no timezone"),
        (LEAST | {"format": "xlsx"}, "format must be one of 'csv', 'tsv', 'jsonl'"),
        (LEAST | {"delimiter": "||"}, "delimiter must be one character"),
        (LEAST | {"encoding": "klingon"}, "encoding 'klingon' isn't known"),
    ],
)
def test_a_fault_of_the_mapping_names_the_field_and_what_may_stand_there(document: Any, told: str) -> None:
    with pytest.raises(SettingsError) as fault:
        read_mapping(document)

    assert told in str(fault.value)


def test_a_column_that_isnt_there_is_told_with_those_that_are() -> None:
    with pytest.raises(SettingsError, match=r"comment: there is no column 'said'; the columns are 'text', 'page'"):
        mapped("text,page\nslow,cart\n")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
SAID = PLAIN | st.fixed_dictionaries(
    {},
    optional={
        "from": PLAIN,
        "is": PLAIN,
        "map": PLAIN,
        "default": PLAIN,
        "formats": PLAIN,
        "timezone": PLAIN,
        "prefix": PLAIN,
    },
)
DOCUMENTS = st.dictionaries(
    st.sampled_from(["id", "kind", "value", "comment", "user", "occurred_at", "format", "encoding", "delimiter", "x"]),
    SAID,
).map(lambda more: LEAST | more)


@given(DOCUMENTS | PLAIN, st.binary(max_size=200) | PLAIN.map(repr).map(str.encode), st.sampled_from(["csv", "jsonl"]))
def test_any_mapping_of_any_file_is_read_or_told_what_is_wrong_with_it(
    document: Any, content: bytes, format_: str
) -> None:
    try:
        mapping = read_mapping(document)
        rows = list(events_in(io.BytesIO(content), mapping, format_))
    except SettingsError:
        return

    for _, event in rows:
        if not isinstance(event, ContractError):
            assert FeedbackReceived.model_validate(event)
