"""Events of every contract, made by hypothesis from the contracts themselves, about things that a story knows."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from labelwright.contracts.envelope import Event
from labelwright.contracts.feedback import Feedback
from labelwright.contracts.payload import Payload
from labelwright.contracts.project import ProjectFile

Words = Mapping[str, Sequence[str]]
"""Values by the name of a field: what a story's items, tasks, annotators … are called."""

MOMENTS: Final = st.integers(0, 60 * 86_400).map(lambda s: datetime(2026, 10, 1, tzinfo=UTC) + timedelta(seconds=s))
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
GESTURES: Final = st.sampled_from(
    [
        {"kind": "thumb", "value": -1},
        {"kind": "thumb", "value": 1},
        {"kind": "stars", "value": 1},
        {"kind": "stars", "value": 3},
        {"kind": "signal", "value": "retry"},
        {"kind": "correction", "corrected": "it is 1989"},
        {"kind": "text", "comment": "the year is wrong; write to me@example.org"},
        {"kind": "text", "comment": "ｆｕｌｌ ｗｉｄｔｈ \u202e 😀"},
    ]
)


def events(
    kinds: Sequence[type[Payload]], words: Words, files: Sequence[ProjectFile]
) -> st.SearchStrategy[Event[Payload]]:
    """Events of these contracts."""
    return st.builds(
        Event,
        id=_text("event", words),
        source=st.sampled_from(["/gateway", "/intake", "/nobody"]),
        project=_text("project", words),
        time=MOMENTS,
        data=st.one_of([payloads(kind, words, files) for kind in kinds]),
        correlation_id=st.just("story"),
        expires_at=st.none() | MOMENTS,
    )


def payloads(kind: type[BaseModel], words: Words, files: Sequence[ProjectFile]) -> st.SearchStrategy[Any]:
    """Instances of a contract, or of a part of one."""
    if issubclass(kind, ProjectFile):
        return st.sampled_from(files)
    fields = {
        name: _of(field.annotation, field.metadata, name, words, files) for name, field in kind.model_fields.items()
    }
    optional = {name for name, field in kind.model_fields.items() if not field.is_required()}
    made = st.fixed_dictionaries(
        {name: fields[name] for name in fields.keys() - optional}, optional={name: fields[name] for name in optional}
    )
    if issubclass(kind, Feedback):
        made = st.builds(lambda values, gesture: values | gesture, made, GESTURES)
    return made.map(kind.model_validate)


def _of(
    annotation: Any, metadata: Sequence[Any], name: str, words: Words, files: Sequence[ProjectFile]
) -> st.SearchStrategy[Any]:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        more = [part for part in inner[1:] for part in (part.metadata if isinstance(part, FieldInfo) else [part])]
        return _of(inner[0], [*metadata, *more], name, words, files)
    if origin is None:
        is_part = isinstance(annotation, type) and issubclass(annotation, BaseModel)
        return payloads(annotation, words, files) if is_part else _plain(annotation, metadata, name, words)
    if origin is Literal:
        return st.sampled_from(inner)
    parts = [_of(one, metadata if origin is not list else (), name, words, files) for one in inner]
    if origin is list:
        return st.lists(parts[0], min_size=_bound(metadata, "min_length", 0), max_size=3)
    if origin is dict:
        return st.dictionaries(_text("", words), parts[1], max_size=3)
    return st.one_of(parts)


def _plain(annotation: Any, metadata: Sequence[Any], name: str, words: Words) -> st.SearchStrategy[Any]:
    least = _bound(metadata, "ge", _bound(metadata, "gt", None))
    most = _bound(metadata, "le", _bound(metadata, "lt", None))
    if annotation is str:
        return _text(name, words, _bound(metadata, "min_length", 0))
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        return st.integers(least if least is not None else 0, most if most is not None else 2**31)
    if annotation is float:
        exclusive = _bound(metadata, "gt", None) is not None
        return st.floats(
            least if least is not None else 0.0, most if most is not None else 1e6, exclude_min=exclusive, width=32
        )
    return {datetime: MOMENTS, type(None): st.none(), Any: JSON}[annotation]


def _text(name: str, words: Words, least: int = 0) -> st.SearchStrategy[str]:
    known = words.get(name.removesuffix("s"), ())
    anything = st.text(min_size=max(least, 1), max_size=40)
    return st.sampled_from(known) | anything if known else anything


def _bound(metadata: Sequence[Any], name: str, otherwise: Any) -> Any:
    return next((value for part in metadata if (value := getattr(part, name, None)) is not None), otherwise)
