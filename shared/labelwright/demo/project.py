"""The demo's project file."""

from labelwright.contracts.project import (
    GoldExample,
    Guideline,
    GuidelineRule,
    LabelDefinition,
    MachineRule,
    ProjectFile,
    Source,
)
from labelwright.demo import stories

PROJECT = "support"


def project_file() -> ProjectFile:
    """Return what the owner of the support assistant states."""
    return ProjectFile(
        project=PROJECT,
        title="What is wrong with the support assistant's answers?",
        guideline=Guideline(
            question="What does the user say is wrong with the answer?",
            labels=[LabelDefinition(name=name, definition=text) for name, text in stories.LABELS.items()],
            rules=[
                GuidelineRule(id="harm-first", text="Where an answer could do harm it is unsafe, whatever else it is."),
                GuidelineRule(id="facts-before-tone", text="A false statement said rudely is wrong_fact."),
                GuidelineRule(
                    id="false-not-vague", text="wrong_fact needs a statement that is false, not a vague one."
                ),
            ],
        ),
        rules=[MachineRule(id=name, label=label, pattern=pattern) for name, label, pattern in stories.RULES],
        sources=[
            Source(name="rules", kind="rule", price_usd=0),
            Source(name="crowd", kind="crowd", price_usd=0.08),
            Source(name="experts", kind="expert", price_usd=1.5),
        ],
        wrong_label_costs_usd=5,
        max_answers=7,
        gold=[GoldExample(text=text, label=label) for label, texts in stories.GOLD.items() for text in texts],
        gold_share=0.05,
    )
