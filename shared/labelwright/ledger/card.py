"""A snapshot's dataset card: what the Hugging Face Hub and a person who finds the folder need to know."""

import json
from collections.abc import Mapping
from typing import Any

_CREATORS = {"expert": "expert-generated", "crowd": "crowdsourced"}
_SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M", 10_000_000: "1M<n<10M"}

_CARD = """---
pretty_name: {name}
annotations_creators: {creators}
source_datasets: [original]
task_categories: [text-classification]
size_categories: [{size}]
tags: [labelwright]
configs:
- config_name: default
  data_files:
  - split: train
    path: data/*.parquet
- config_name: annotations
  data_files:
  - split: train
    path: annotations.parquet
---

# Labels of {project}

{labels} labels from {annotations} annotations under guideline version {versions}. Each label comes with a probability;
if those hold, about {expected_wrong_labels} of the labels are wrong.

| label | items |
| --- | ---: |
{rows}

| complaint | label | items |
| --- | --- | ---: |
{complaints}

`data/train.parquet` has one row an item: text, label, probability, what the complaint meant, and where it comes from:
feedback (beside it votes that were changed since), annotations, annotators, guideline version, method, and the ledger
entry with its SHA-256. `annotations.parquet` has every answer
behind the labels, so that you can aggregate them otherwise.

The folder is locked: its name is the hash of `snapshot.json`, which has the hash of every other file and says from
which point of the ledger they were cut.
"""


def card(about: Mapping[str, Any]) -> str:
    """Return the card, Markdown behind YAML, of the snapshot that `about` (its snapshot.json) describes."""
    creators = sorted({_CREATORS.get(kind, "machine-generated") for kind in about["source_kinds"]})
    return _CARD.format(
        **{key: about[key] for key in ("project", "labels", "annotations", "expected_wrong_labels")},
        name=json.dumps(about["project"]),
        creators=json.dumps(creators),
        size=next((size for bound, size in _SIZES.items() if about["labels"] < bound), "n>10M"),
        versions=", ".join(map(str, about["guideline_versions"])),
        rows="\n".join(f"| {label} | {items} |" for label, items in sorted(about["by_label"].items())),
        complaints="\n".join(
            f"| {complaint} | {label} | {items} |"
            for complaint, by_label in sorted(about["by_complaint"].items())
            for label, items in sorted(by_label.items())
        ),
    )
