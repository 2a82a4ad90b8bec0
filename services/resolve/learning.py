"""Refit a project's model from its recorded answers, gold among them."""

from pydantic_core import to_json

from labelwright.engine.decisions import Guard, Write
from labelwright.statistics.belief import Answers, fit
from services.resolve.state import Lesson, StoredModel, models


def refit(lesson: Lesson) -> tuple[Guard, Write]:
    """Return the guard and the write that put the new model in place of the one that the lesson was read beside.

    Answers with labels that the guideline in force no longer has teach nothing.
    """
    labels = lesson.project.file.label_names
    index = {label: number for number, label in enumerate(labels)}
    item_index: dict[str, int] = {}
    rows, gold = [], {}
    for field, answer in sorted(lesson.rows.items()):
        item, _, annotator = field.partition("/")
        kind, label, gold_label = answer.split("|")
        if label not in index:
            continue
        number = item_index.setdefault(item, len(item_index))
        rows.append((number, annotator, kind, index[label]))
        if gold_label in index:
            gold[number] = index[gold_label]
    model = fit(Answers.from_rows(rows), len(labels), gold)
    stored = StoredModel(
        number=lesson.number + 1, labels=labels, answers=lesson.count, model=to_json(model.to_json_dict()).decode()
    )
    project = lesson.project.file.project
    return models.version_is(project, lesson.version), models.put(project, stored, lesson.version + 1)
