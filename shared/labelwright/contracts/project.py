"""The project file: guideline, rules, skills, sources with prices, gold, and what a wrong label costs."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from labelwright.contracts.payload import Part, Payload, Price, Short, SourceName

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_\-]{0,63}$")]
SourceKind = Literal["rule", "model", "llm", "crowd", "expert"]
ScoreMeaning = Literal["thumb", "stars", "text", "machine"]
MACHINES: frozenset[str] = frozenset({"rule", "model", "llm"})


class LabelDefinition(Part):
    """One possible answer and what it means."""

    name: Name
    definition: Annotated[str, StringConstraints(max_length=2_000)] = ""


class GuidelineRule(Part):
    """One rule of the guideline, with an id that disputes and relabeling refer to."""

    id: Name
    text: Annotated[str, StringConstraints(min_length=1, max_length=4_000)]
    examples: list[Annotated[str, StringConstraints(max_length=4_000)]] = Field(default_factory=list)


class Guideline(Part):
    """What is asked, what may be answered, and by which rules."""

    question: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
    labels: Annotated[list[LabelDefinition], Field(min_length=2, max_length=64)]
    rules: list[GuidelineRule] = Field(default_factory=list)


class MachineRule(Part):
    """A pattern (RE2: linear time) that answers `label` where it matches the item's text."""

    id: Name
    pattern: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
    label: Name


class Source(Part):
    """A kind of annotator with a price per answer."""

    name: Name
    kind: SourceKind
    price_usd: Price


class GoldExample(Part):
    """A text whose true label the project's owner states; it tests annotators, unseen among other tasks.

    Where feedback comes with a prompt and a response, give them here as well: else annotators tell gold by their lack.
    """

    text: Annotated[str, StringConstraints(min_length=1, max_length=32_768)]
    label: Name
    prompt: Annotated[str, StringConstraints(max_length=32_768)] | None = None
    response: Annotated[str, StringConstraints(max_length=32_768)] | None = None


class ProjectFile(Part):
    """Everything that the owner of a project states. `max_answers` caps the answers that one item may get.

    An item that is not labeled `expire_after_days` after its last feedback expires. `customers` says whose feedback
    weighs more than another's, up to twice. An implicit signal, and what a machine says, count `signal_weight`.
    `ask_complaint_of` names the source that is asked first what a complaint means where it doesn't say.
    `scores` says by name what other tools' scores are: a user's `thumb` (above 0 is up), `stars` or `text`, or a
    `machine`'s.
    """

    project: Name
    title: Annotated[str, StringConstraints(max_length=200)] = ""
    guideline: Guideline
    rules: list[MachineRule] = Field(default_factory=list)
    skills: list[Name] = Field(default_factory=list)
    sources: Annotated[list[Source], Field(min_length=1, max_length=32)]
    wrong_label_costs_usd: Annotated[float, Field(gt=0, le=1_000_000)] = 5.0
    max_answers: Annotated[int, Field(ge=1, le=100)] = 7
    gold: list[GoldExample] = Field(default_factory=list)
    gold_share: Annotated[float, Field(ge=0, le=0.5)] = 0.05
    expire_after_days: Annotated[float, Field(gt=0, le=3_650)] = 90.0
    customers: dict[Short, Annotated[float, Field(ge=1, le=2)]] = Field(default_factory=dict)
    signal_weight: Annotated[float, Field(gt=0, le=1)] = 0.25
    ask_complaint_of: SourceName | None = None
    scores: Annotated[dict[Short, ScoreMeaning], Field(max_length=100)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_fit_together(self) -> Self:
        labels = self.label_names
        for kind, names in (
            ("label", labels),
            ("source", [source.name for source in self.sources]),
            ("guideline rule", [rule.id for rule in self.guideline.rules]),
            ("rule", [rule.id for rule in self.rules]),
        ):
            twice = {name for name in names if names.count(name) > 1}
            if twice:
                raise ValueError(f"{kind} {sorted(twice)[0]!r} is named twice; names must be unique")
        owners: list[MachineRule | GoldExample] = [*self.rules, *self.gold]
        for owner in owners:
            if owner.label not in labels:
                known = ", ".join(map(repr, labels))
                raise ValueError(f"label {owner.label!r} is not in the guideline; its labels are {known}")
        if self.ask_complaint_of and self.source(self.ask_complaint_of) is None:
            raise ValueError(f"ask_complaint_of names {self.ask_complaint_of!r}, which is no source of this project")
        if not any(source.kind in ("crowd", "expert") for source in self.sources):
            raise ValueError(
                "no source is people; add one of kind 'crowd' or 'expert', else a dispute can't be settled"
            )
        return self

    @property
    def label_names(self) -> list[str]:
        """The labels in the guideline's order: the class axis of every belief."""
        return [label.name for label in self.guideline.labels]

    def source(self, name: str) -> Source | None:
        """Return the source of that name, or None."""
        return next((source for source in self.sources if source.name == name), None)


class ProjectApplied(Payload, stream="guidelines"):
    """An owner applied a project file; it became this version. Versions are never overwritten."""

    number: int
    file: ProjectFile
