"""OpenInference annotations: flattened attributes of spans, by people or machines, on a span, a trace or a session.

An annotation stands on the span that it is about, or on a carrier: a span of its own with one link to that.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from pydantic_core import from_json

from labelwright.adapters.opentelemetry import Span, check_result, circumstances, number, text
from labelwright.adapters.scores import Score
from labelwright.errors import ContractError

VIA: Final = "openinference"
_KEY: Final = re.compile(
    r"((?:trace\.|session\.)?)(?:annotations\.([0-9]{1,6})\.annotation|evaluations\.([0-9]{1,6})\.evaluation)"
    r"\.(name|score|label|explanation|annotator_kind|identifier|metadata)"
)


def annotations_in(span: Span) -> Iterator[Score | ContractError]:
    """Yield the annotations that a span carries, or why one can't be read.

    The identity of an annotation is its target, its name and its identifier: where it stands, under which index, and
    whether it is called an annotation or an evaluation, is none of it.
    """
    found: dict[tuple[str, str, str], dict[str, Any]] = defaultdict(dict)
    for key, value in span.attributes.items():
        if match := _KEY.fullmatch(key):
            scope, annotation, evaluation, name = match.groups()
            found[scope, "annotation" if annotation else "evaluation", annotation or evaluation][name] = value
    for (scope, _, _), fields in sorted(found.items()):
        try:
            yield _score(span, scope.rstrip("."), fields)
        except ContractError as error:
            yield error


def _score(span: Span, scope: str, fields: dict[str, Any]) -> Score:
    name, identifier = text(fields, "name"), text(fields, "identifier")
    if not name:
        raise ContractError("schema_violation", "an annotation needs a 'name'")
    value, label, explanation = number(fields, "score"), text(fields, "label"), text(fields, "explanation")
    check_result(value, label, explanation)
    trace_id, span_id = span.links[0] if len(span.links) == 1 else (span.trace_id, span.span_id)
    kind = scope or "span"
    target = {"span": span_id, "trace": trace_id, "session": text(span.attributes, "session.id")}[kind]
    if not target:
        raise ContractError("schema_violation", f"the annotation {name[:60]!r} is about a {kind}, and none is named")
    return Score(
        via=VIA,
        identity=(kind, target, name, identifier),
        name=name,
        subject={"type": kind, "id": target, **_contents(span)},
        value=value,
        label=label,
        explanation=explanation,
        annotator_kind=text(fields, "annotator_kind"),
        identifier=identifier,
        trace_id=trace_id,
        occurred_at=span.at,
        **circumstances(span.resource),
        meta=_metadata(text(fields, "metadata")),
    )


def _contents(span: Span) -> dict[str, str]:
    """Return what went into the annotated span and came out of it; a carrier knows nothing of that."""
    found = {
        "prompt": text(span.attributes, "input.value"),
        "response": text(span.attributes, "output.value"),
        "model": text(span.attributes, "llm.model_name"),
    }
    return {name: value for name, value in found.items() if value and len(span.links) != 1}


def _metadata(metadata: str) -> dict[str, Any]:
    try:
        read = from_json(metadata) if metadata else {}
    except ValueError:
        raise ContractError("schema_violation", "an annotation's metadata must be a JSON object in a text") from None
    if not isinstance(read, dict):
        raise ContractError("schema_violation", "an annotation's metadata must be a JSON object in a text")
    return {"metadata": read} if read else {}
