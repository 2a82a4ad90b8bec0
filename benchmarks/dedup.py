"""`make bench-dedup`: telling duplicates beside datasketch, on the same texts in one run.

Three things are measured. *Candidates*: from normalised texts to the earlier texts that may be the same, ours (MinHash
cells in a dict) beside datasketch's MinHashLSH(128, .7) over the same four-letter pieces, query then insert. *The whole
decision*: from the raw text to merged, proposed or apart, beside datasketch's candidates alone, which decide nothing.
Rounds are interleaved, the ratio is the median of the rounds', and the dictionary is loaded before. *In the server*:
triage over accepted feedback with those texts, and the memory of all of its tables (items, statements, wordings, users,
cells: more than an index) beside datasketch's storage in the same server.

The texts are generated, a tenth of them near-duplicates. `--input` takes a file of JSON lines instead.
"""

import argparse
import asyncio
import json
import logging
import os
import random
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import redis
from datasketch import MinHash, MinHashLSH

from labelwright.contracts.envelope import Event, encode
from labelwright.contracts.feedback import FeedbackAccepted, Subject
from labelwright.contracts.payload import Payload
from labelwright.demo.project import project_file
from labelwright.duplicates import Statement, cells, read
from labelwright.duplicates.grouping import Index
from labelwright.logs import configure
from labelwright.registry import apply_project
from labelwright.runtime.embedded import temporary
from labelwright.runtime.process import connect
from labelwright.runtime.service import Service
from labelwright.runtime.stage import Stage
from labelwright.settings import LabelwrightSettings
from labelwright.text.language import languages

PIECE: Final = 4
PERMUTATIONS: Final = 128
THRESHOLD: Final = 0.7
PROJECT: Final = "support"
PACKAGES: Final = ("datasketch", "numpy", "rapidfuzz", "pyspellchecker")
SMALL: Final = (
    "the",
    "of the",
    "in my",
    "with a",
    "for",
    "and the",
    "is not",
    "was",
    "on our",
    "about",
    "when the",
    "but",
)


def main() -> None:
    """Run the rounds and print one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--texts", type=int, default=10_000, help="generated texts")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--input", type=Path, help="JSON lines instead of generated texts")
    parser.add_argument("--field", default="text")
    chosen = parser.parse_args()
    configure("json", logging.WARNING)
    texts = list(_of_file(chosen.input, chosen.field) if chosen.input else generated(chosen.texts, seed=1))
    print(json.dumps(in_memory(texts, chosen.rounds) | asyncio.run(in_the_server(texts)) | _facts(texts)))


def generated(count: int, seed: int) -> Iterator[str]:
    """Yield sentences of common words; every tenth text says again, in another writing, what was said."""
    chance = random.Random(seed)
    counts = languages()[0].counts
    things = sorted((word for word in counts if len(word) > 3), key=lambda word: (-counts[word], word))[:5_000]
    told: list[str] = []
    for _ in range(count):
        if told and chance.random() < 0.1:
            yield _again(chance, chance.choice(told))
            continue
        sentences = [_sentence(chance, things) for _ in range(chance.randint(1, 2))]
        told.append(" ".join(sentences))
        yield told[-1]


def _sentence(chance: random.Random, things: Sequence[str]) -> str:
    words = [f"{chance.choice(SMALL)} {chance.choice(things)}" for _ in range(chance.randint(4, 12))]
    return " ".join(words).capitalize() + "."


def _again(chance: random.Random, text: str) -> str:
    match chance.randrange(4):
        case 0:
            return text.upper()
        case 1:
            return f"Hi team, {text} Thanks a lot!"
        case 2:
            at = chance.randrange(len(text) - 1)
            return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        case _:
            return " ".join(reversed(text.partition(". ")[::2]))


def in_memory(texts: Sequence[str], rounds: int) -> dict[str, Any]:
    """Measure candidates and decisions beside datasketch."""
    read(texts[0]).language.knows("")  # loads the dictionary
    statements = [read(text) for text in texts]
    candidates, decisions, peers = [], [], []
    for turn in range(rounds):
        peers.append(len(texts) / _timed(lambda: _by_datasketch(statements)))
        candidates.append(len(texts) / _timed(lambda: _by_cells(statements)))
        decisions.append(len(texts) / _timed(lambda: _decide(texts)))
        print(
            f"round {turn + 1}  datasketch {peers[-1]:8,.0f}  our candidates {candidates[-1]:8,.0f}"
            f"  our decisions {decisions[-1]:8,.0f} texts/s",
            flush=True,
        )
    return {
        "candidates_times_datasketch": _times(candidates, peers),
        "decision_times_datasketch": _times(decisions, peers),
        "candidates_per_second": round(statistics.median(candidates)),
        "decisions_per_second": round(statistics.median(decisions)),
        "datasketch_per_second": round(statistics.median(peers)),
        **_outcomes(texts),
    }


def _by_datasketch(statements: Sequence[Statement]) -> None:
    index = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS)
    for number, statement in enumerate(statements):
        signature = _signature(statement.words)
        index.query(signature)
        index.insert(number, signature)


def _signature(words: str) -> Any:
    signature = MinHash(num_perm=PERMUTATIONS)
    signature.update_batch([words[at : at + PIECE].encode() for at in range(max(1, len(words) - PIECE + 1))])
    return signature


def _by_cells(statements: Sequence[Statement]) -> None:
    first: dict[str, int] = {}
    for number, statement in enumerate(statements):
        own = cells(statement, b"benchmark")
        {first[cell] for cell in own if cell in first}  # the query: what it finds isn't needed
        for cell in own:
            first.setdefault(cell, number)


def _decide(texts: Sequence[str]) -> None:
    index = Index()
    for text in texts:
        index.place(text)


def _outcomes(texts: Sequence[str]) -> dict[str, int]:
    index = Index()
    placed = [index.place(text) for text in texts]
    return {
        "merged": sum(one.merged is not None for one in placed),
        "proposed": sum(bool(one.proposed) for one in placed),
    }


def _timed(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _times(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return round(statistics.median(one / other for one, other in zip(ours, theirs, strict=True)), 2)


async def in_the_server(texts: Sequence[str]) -> dict[str, Any]:
    """Run triage over the texts, then let datasketch store the same ones, each on an empty server."""
    with temporary() as url, redis.Redis.from_url(url) as client:
        rate = await _triage(url, texts)
        ours, keys = _memory(client, "*triage.*")
    with temporary() as url, redis.Redis.from_url(url) as client:
        _store_by_datasketch(url, texts)
        theirs, their_keys = _memory(client, "*")
    return {
        "triage_events_per_second": round(rate),
        "bytes_per_document": round(ours / len(texts)),
        "datasketch_bytes_per_document": round(theirs / len(texts)),
        "keys_per_document": round(keys / len(texts), 3),
        "datasketch_keys_per_document": round(their_keys / len(texts), 3),
    }


async def _triage(url: str, texts: Sequence[str]) -> float:
    """Return the accepted events a second that one triage process places."""
    server = await connect(LabelwrightSettings(redis_url=url))
    partition = server.partitions[0]
    try:
        await apply_project(server, project_file())
        with redis.Redis.from_url(url) as client, client.pipeline(transaction=False) as pipeline:
            for number, text in enumerate(texts):
                pipeline.xadd(f"{{{partition.name}}}:accepted", {"event": encode(_accepted(number, text))})
            pipeline.execute()
        stage = Stage(Service.named("triage"), partition, server.settings)
        await stage.start()
        began = time.perf_counter()
        while (await partition.backlog())["triage"]:
            await stage.read_once()
            if stage.fault:
                raise stage.fault
        return len(texts) / (time.perf_counter() - began)
    finally:
        await server.close()


def _accepted(number: int, text: str) -> Event[Payload]:
    now, identity = datetime.now(UTC), f"feedback-{number}"
    feedback = FeedbackAccepted(
        kind="thumb",
        value=-1,
        comment=text,
        subject=Subject(type="llm_response", id=f"response-{number}"),
        user=f"user-{number}",
        feedback=identity,
        received_at=now,
    )
    return Event(identity, "/benchmark", PROJECT, now, feedback)


def _store_by_datasketch(url: str, texts: Sequence[str]) -> None:
    storage = {"type": "redis", "redis": {"host": "127.0.0.1", "port": urlsplit(url).port}}
    index = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS, storage_config=storage)
    with index.insertion_session() as session:
        for number, text in enumerate(texts):
            session.insert(f"feedback-{number}", _signature(read(text).words))


def _memory(client: redis.Redis, pattern: str) -> tuple[int, int]:
    keys = list(client.scan_iter(match=pattern, count=1_000))
    with client.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.memory_usage(key, samples=0)
        return sum(pipeline.execute()), len(keys)


def _of_file(file: Path, field: str) -> Iterator[str]:
    with file.open(encoding="utf-8") as lines:
        yield from (json.loads(line)[field] for line in lines if line.strip())


def _facts(texts: Sequence[str]) -> dict[str, Any]:
    return {
        "texts": len(texts),
        "mean_letters": round(statistics.mean(map(len, texts))),
        "versions": {"python": sys.version.split()[0]} | {name: version(name) for name in PACKAGES},
        "cpus": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
    }


if __name__ == "__main__":
    main()
