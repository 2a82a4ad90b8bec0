"""Train a small classifier on a snapshot, each label weighing as much as it may be believed: `train.py SNAPSHOT`.

Multinomial naive Bayes on words, counted by hand: what matters here is where the weights come from.
"""

import math
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

import duckdb


def words(text: str) -> list[str]:
    """Return a text's words."""
    return re.findall(r"\w+", text.lower())


def main(snapshot: Path) -> None:
    """Train on four fifths of the items, and say how often the rest is met."""
    query = f"SELECT item, text, distribution FROM '{snapshot}/data/train.parquet' ORDER BY item"
    rows = duckdb.connect().execute(query).fetchall()
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    shares: Counter[str] = Counter()
    held_out = []
    for item, text, distribution in rows:
        if int(item[-8:], 16) % 5 == 0:
            held_out.append((text, max(distribution, key=lambda one: one["probability"])["label"]))
            continue
        for belief in distribution:  # an item that may be one of two things teaches a little of both
            shares[belief["label"]] += belief["probability"]
            for word in words(text):
                counts[belief["label"]][word] += belief["probability"]
    vocabulary = len({word for counted in counts.values() for word in counted})

    def score(label: str, text: str) -> float:
        total = sum(counts[label].values()) + vocabulary
        return math.log(shares[label]) + sum(math.log((counts[label][word] + 1) / total) for word in words(text))

    right = sum(max(shares, key=lambda label: score(label, text)) == label for text, label in held_out)
    print(f"{len(rows)} labels; {right} of {len(held_out)} held-out ones met")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
