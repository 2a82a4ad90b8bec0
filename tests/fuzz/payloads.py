"""What can lie in a stream: any bytes, JSON of any shape, and events that fit their schema and nothing else."""

import json
from typing import Any, Final

from hypothesis import strategies as st

from labelwright import topology
from labelwright.contracts.envelope import MAX_BYTES
from labelwright.contracts.payload import Payload

Fields = dict[bytes, bytes]

PROJECTS: Final = ("shop", "nowhere", "sh/op", "é", "-")
IDS: Final = ("a", "a.1", "a.2", "b.1", "item_1.1", "x" * 256, "é|/%:", "\u0000", "\U0001f4a5", "..", "1")
"""Few, so that one payload names what another one made."""

LONG: Final = ("ﷺ" * 2_000, "a\u0301" * 3_000, "x" * 40_000, "\u202e")
TEXTS = st.sampled_from(IDS) | st.text(max_size=20) | st.integers(0, len(LONG) - 1).map(lambda place: LONG[place])
MOMENTS: Final = (
    "2026-05-04T12:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-05-04",
    "2999-01-01T00:00:00",
)  # fmt: skip
INTEGERS = st.sampled_from([0, 1, -1, 2, 4, 2**31, 2**53, -(2**63), 2**64, 10**30]) | st.integers(-5, 5)
NUMBERS = st.sampled_from([0.0, 0.5, 1.0, -1.0, 1e-320, 1e308, -1e308, 1e16]) | st.floats(
    allow_nan=False, allow_infinity=False
)

JSON = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def fitting(  # noqa: PLR0911  # one line a type
    schema: dict[str, Any], definitions: dict[str, Any] | None = None
) -> st.SearchStrategy[Any]:
    """Return values that fit a JSON schema of pydantic's, as odd as it lets them be."""
    definitions = schema.get("$defs", definitions or {})
    if "$ref" in schema:
        return st.deferred(lambda: fitting(definitions[schema["$ref"].rpartition("/")[2]], definitions))
    if "anyOf" in schema:
        return st.one_of([fitting(one, definitions) for one in schema["anyOf"]])
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    match schema.get("type"):
        case "string" if schema.get("format") == "date-time":
            return st.sampled_from(MOMENTS)
        case "string" if "pattern" in schema:
            return st.sampled_from(["crowd", "expert", "rules", "right", "wrong", "shop", "a"])
        case "string":
            least, most = schema.get("minLength", 0), schema.get("maxLength", 10**6)
            return TEXTS.filter(lambda text: least <= len(text) <= most) | st.sampled_from(
                ["crowd", "wrong", "a", "a.1"]
            )
        case "integer":
            return _within(INTEGERS, schema)
        case "number":
            return _within(NUMBERS, schema)
        case "boolean":
            return st.booleans()
        case "array":
            least = schema.get("minItems", 0)
            return st.lists(fitting(schema["items"], definitions), min_size=least, max_size=least + 2)
        case "object" if "properties" in schema:
            fields = {name: fitting(one, definitions) for name, one in schema["properties"].items()}
            required = set(schema.get("required", ()))
            optional = {name: one for name, one in fields.items() if name not in required}
            return st.fixed_dictionaries({name: fields[name] for name in required}, optional=optional)
        case "object":
            values = schema.get("additionalProperties")
            inner = fitting(values, definitions) if isinstance(values, dict) else JSON
            return st.dictionaries(st.sampled_from(["right", "wrong", "x"]), inner, max_size=2)
    return JSON


def _within(numbers: st.SearchStrategy[Any], schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    least, most = schema.get("minimum", -float("inf")), schema.get("maximum", float("inf"))
    above, below = schema.get("exclusiveMinimum", -float("inf")), schema.get("exclusiveMaximum", float("inf"))
    return numbers.filter(lambda n: least <= n <= most and above < n < below)


def envelopes(contract: type[Payload]) -> st.SearchStrategy[bytes]:
    """Return envelopes of a contract whose data fit its schema, and its guards of type alone."""
    return st.fixed_dictionaries(
        {
            "specversion": st.just("1.0"),
            "id": TEXTS.filter(lambda text: 0 < len(text) <= 256),
            "source": st.just("/fuzz"),
            "type": st.just(contract.type),
            "time": st.sampled_from(MOMENTS),
            "project": st.sampled_from(PROJECTS),
            "data": fitting(contract.model_json_schema()),
        },
        optional={"expirytime": st.sampled_from(MOMENTS), "traceparent": TEXTS, "correlationid": TEXTS},
    ).map(_dumped)


def _dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def broken(contract: type[Payload]) -> st.SearchStrategy[bytes]:
    """Return envelopes with something in them that doesn't belong there."""
    types = st.sampled_from(
        [
            contract.type,
            f"{contract.type[:-1]}9",
            f"{contract.type[:-1]}0",
            "labelwright.feedback.feedback_received.v1",
            "x",
        ]
    )
    fields = {
        "specversion": st.sampled_from(["1.0", "0.3", 1]),
        "id": st.sampled_from(["a", "", 7]),
        "source": st.just("/fuzz"),
        "type": types | JSON,
        "time": st.sampled_from([*MOMENTS, "yesterday", 7]),
        "project": st.just("shop") | JSON,
        "data": JSON | st.fixed_dictionaries({"up": JSON, "response_id": JSON}, optional={"ts": JSON}),
    }
    return st.fixed_dictionaries({}, optional=fields).map(_dumped)


def spliced(sound: bytes, place: float, junk: bytes) -> bytes:
    """Return bytes with others in the midst of them."""
    at = int(place * len(sound))
    return sound[:at] + junk + sound[at + len(junk) :]


HOSTILE: Final = (
    b"", b"\x00", b"null", b"[]", b"{}", b'"\\ud800"', b'{"a":"\xed\xa0\x80"}', b"[" * 100_000, b'{"a":' * 100_000,
    b"NaN", b'{"specversion":NaN}', b"1" * 100_000, b"-" + b"9" * 5_000, b"1e999999", b"\xff\xfe{}", b"\xef\xbb\xbf{}",
    b" " * (MAX_BYTES + 1), b'"' + b"x" * 1_000_000 + b'"', b'{"id":1,"id":2}', b"{}" * 1_000, "{\u2028}".encode(),
)  # fmt: skip


def entries(stream: str) -> st.SearchStrategy[Fields]:
    """Return entries for a stream: fields and values as XADD takes them."""
    contract = st.sampled_from(topology.contracts(stream) or (Payload,))
    payload = st.one_of(
        contract.flatmap(envelopes),
        contract.flatmap(envelopes),
        contract.flatmap(broken),
        st.builds(spliced, contract.flatmap(envelopes), st.floats(0, 1), st.binary(max_size=8)),
        st.integers(0, len(HOSTILE) - 1).map(lambda place: HOSTILE[place]),
        st.binary(max_size=200),
        JSON.map(_dumped),
    )
    return payload.map(lambda raw: {b"event": raw}) | st.dictionaries(
        st.binary(min_size=1, max_size=8), st.binary(max_size=20), min_size=1, max_size=3
    )
