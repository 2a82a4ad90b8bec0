"""Measure themes on public data: recall of known duplicates, how well themes part intents, texts a second.

`python -m benchmarks.themes` measures the words alone, with `--model FOLDER` also with a sentence model.
"""

import argparse
import csv
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import Final

from labelwright.themes.encoder import encoder_in
from labelwright.themes.grouping import packed_dense
from labelwright.themes.offline import Grouped
from labelwright.themes.tables import LEAST_ITEMS

DATA: Final = Path(__file__).resolve().parents[2] / "shared" / "data"


@dataclass(frozen=True, slots=True)
class Timed:
    """A grouping, and the texts a second that it and the model took."""

    grouped: Grouped
    per_second: float
    encoded_per_second: float | None


def reports(described: int) -> tuple[list[str], dict[int, set[int]]]:
    """Return bug reports with so much of their description, and by number those that are known to be the same."""
    with (DATA / "duplicates/hadoop_bugs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    numbers = {row["Issue id"]: number for number, row in enumerate(rows)}
    same: dict[int, set[int]] = defaultdict(set)
    with (DATA / "duplicates/hadoop_bugs-combined.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for other in row["Duplicate id"].replace(";", ",").split(","):
                one, another = numbers.get(row["Issue id"]), numbers.get(other.strip())
                if one is not None and another is not None:
                    same[one].add(another)
                    same[another].add(one)
    return [f"{row['Summary']}\n{row['Description'][:described]}" for row in rows], same


def requests(most: int) -> tuple[list[str], list[str]]:
    """Return customer requests and the intent of each, evenly from all of the file."""
    with (DATA / "themes/banking77.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    chosen = rows[:: max(1, len(rows) // most)]
    return [row["text"] for row in chosen], [row["category"] for row in chosen]


def timed(texts: Sequence[str], model: Path | None) -> Timed:
    """Group texts, once a model has read them where there is one."""
    dense = version = encoded = None
    if model:
        encoder = encoder_in(model)
        began = time.perf_counter()
        dense = [packed_dense(map(float, vector)) for vector in encoder.encode(texts)]
        encoded, version = len(texts) / (time.perf_counter() - began), encoder.version
    began = time.perf_counter()
    grouped = Grouped(texts, dense, version)
    return Timed(grouped, len(texts) / (time.perf_counter() - began), encoded)


def recall(grouped: Grouped, same: dict[int, set[int]]) -> float:
    """Return the share of texts with a duplicate for which one is among the ten most similar."""
    hits = [bool(others & {int(one.item) for one in grouped.similar(number)}) for number, others in same.items()]
    return sum(hits) / len(hits)


def parted(grouped: Grouped, truth: Sequence[str]) -> dict[str, float]:
    """Return how many clusters there are, their purity and NMI; and of themes of five or more, share and purity."""
    groups = [group.members for group in grouped.groups()]
    alone = set(range(len(truth))) - {number for members in groups for number in members}
    clusters = [*groups, *([number] for number in sorted(alone))]
    themes = [members for members in clusters if len(members) >= LEAST_ITEMS]
    return {
        "clusters": len(clusters),
        "purity": _purity(clusters, truth),
        "nmi": _mutual(clusters, truth),
        "themes": len(themes),
        "share_in_themes": sum(map(len, themes)) / len(truth),
        "purity_of_themes": _purity(themes, truth),
    }


def measured(model: Path | None, most: int) -> Iterator[tuple[str, float]]:
    """Yield every figure by its name."""
    for described in (500, 2_000):
        texts, same = reports(described)
        run = timed(texts, model)
        yield f"recall_at_10_of_{described}_characters", recall(run.grouped, same)
        yield f"texts_per_second_of_{described}_characters", run.per_second
        if run.encoded_per_second:
            yield f"encoded_per_second_of_{described}_characters", run.encoded_per_second
    texts, truth = requests(most)
    run = timed(texts, model)
    yield from parted(run.grouped, truth).items()
    yield "texts_per_second_of_requests", run.per_second
    if run.encoded_per_second:
        yield "encoded_per_second_of_requests", run.encoded_per_second


def _purity(clusters: Sequence[Sequence[int]], truth: Sequence[str]) -> float:
    most = sum(Counter(truth[number] for number in members).most_common(1)[0][1] for members in clusters)
    return most / max(1, sum(map(len, clusters)))


def _mutual(clusters: Sequence[Sequence[int]], truth: Sequence[str]) -> float:
    """Return normalised mutual information (arithmetic mean of the entropies)."""
    total, classes = len(truth), Counter(truth)
    shared = 0.0
    for members in clusters:
        for label, count in Counter(truth[number] for number in members).items():
            shared += count / total * log(count * total / (len(members) * classes[label]))
    entropies = _entropy(map(len, clusters), total) + _entropy(classes.values(), total)
    return 2 * shared / entropies if entropies else 1.0


def _entropy(sizes: Iterable[int], total: int) -> float:
    return -sum(size / total * log(size / total) for size in sizes)


def main() -> None:
    """Print the figures, and as the last line all of them as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="a sentence model's folder")
    parser.add_argument("--most", type=int, default=10_003, help="requests to group")
    given = parser.parse_args()
    if not (DATA / "duplicates").is_dir():
        raise SystemExit(f"there is no public data at {DATA}; see benchmarks/README.md")
    figures: dict[str, dict[str, float]] = {}
    for name, model in (("words", None), *([("model", given.model)] if given.model else [])):
        figures[name] = {}
        for figure, value in measured(model, given.most):
            figures[name][figure] = round(value, 3)
            print(f"{name:6} {figure:36} {value:>10,.3f}", flush=True)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
