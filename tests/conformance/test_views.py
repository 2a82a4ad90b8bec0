"""Whoever reads another's table sees what its owner wrote: a document without a field means the same to both."""

from typing import Any

import pytest
from pydantic import BaseModel

from labelwright import stories
from labelwright.engine.tables import Documents
from services.dispatch import state as dispatch
from services.triage import state as triage

VIEWS = [
    (stories.tasks, dispatch.tasks),
    (stories.belongings, triage.statements),
    (stories.wordings, triage.wordings),
]


def differences(view: type[BaseModel], own: type[BaseModel]) -> list[str]:
    """Name the fields that the owner may leave out, having their default, and the view understands otherwise."""
    found = []
    for name, field in view.model_fields.items():
        of_owner = own.model_fields.get(name)
        if of_owner is None:
            found.append(f"{name} is no field of {own.__name__}")
        elif not of_owner.is_required() and field.get_default(call_default_factory=True) != of_owner.get_default(
            call_default_factory=True
        ):
            found.append(f"{name} has another default than in {own.__name__}")
        else:
            found += _within(field.annotation, of_owner.annotation)
    return found


def _within(view: Any, own: Any) -> list[str]:
    models = [
        [one for one in (annotation, *getattr(annotation, "__args__", ())) if isinstance(one, type)]
        for annotation in (view, own)
    ]
    pairs = zip(*([one for one in of if issubclass(one, BaseModel)] for of in models), strict=False)
    return [difference for pair in pairs for difference in differences(*pair)]


@pytest.mark.parametrize(("view", "own"), VIEWS, ids=lambda table: table.name)
def test_a_view_has_its_owner_s_defaults(view: Documents[Any], own: Documents[Any]) -> None:
    assert view.name == own.name
    assert differences(view.model, own.model) == []


def test_another_default_is_seen() -> None:
    class Own(BaseModel):
        status: str = "ready"

    class View(BaseModel):
        status: str

    assert differences(View, Own) == ["status has another default than in Own"]
