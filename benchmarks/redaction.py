"""`make bench-personal-data`: how long it takes to take personal data out of texts, ordinary ones and hostile ones.

The hostile ones are 100,000 characters of what each finder could stumble over; each is read beside a plain scan of the
same text by one RE2 pattern, and beside itself at twice the length. The last line is one JSON object.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Final

import re2

from labelwright.text.redaction import redact

LENGTH: Final = 100_000
ORDINARY: Final = (
    "The answer is wrong and rude",
    "The answer about my invoice was plain wrong, it says that the tariff is 12 cents at night.",
    "私の請求書についての回答は間違っていました。",
    "my card is 4111 1111 1111 1111, charged twice; write to anna@example.com",
)
HOSTILE: Final = (
    "@", "a@", "a.", "a@b.", "a@a@a.", "1", "1.", "1:", "1-1-", "+1 ", "00 ", "0 0", "4111", "4111 ",
    "4111 1111 1111 ", "(((", "DE89 ", "DE89", "key=", "://:", "://a:", "?token=", "-----BEGIN ",
    "-----BEGIN PRIVATE KEY", "eyJ", "eyJ.", "sk-", "bearer ", "name: ", "my name is ", "Dear ", "Regards,\n",
    "password: ", "pin: ", "the name of ", "名前", "私の名前は", "と申します", "tel ", "tel: 0", "my number is ",
    "order 1", "version 1.", "é", "名", "\u0301", "\u202e", "\u200b", "😀", "A" * 63 + ".", " ", "\n",
)  # fmt: skip
FULL: Final = ("a@b.co ", "4111 1111 1111 1111 ", "203.0.113.7 ", "+44 20 7946 0958 ", "DE89 3704 0044 0532 0130 00 ")
_SCAN: Final = re2.compile(r"[0-9]{4}[a-z]@[^ ]*x")


def best(work: Callable[[], object], rounds: int = 5) -> float:
    """Return the processor's seconds of the fastest round: what others on the machine do only adds."""
    times = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def milliseconds(unit: str, length: int = LENGTH) -> float:
    """Return how long a text of one unit over and over takes."""
    text = unit * (length // len(unit))
    return 1e3 * best(lambda: redact(text))


def main() -> None:
    """Print a line for each kind of text, and the figures."""
    for text in ORDINARY:
        print(f"{1e6 * best(lambda text=text: [redact(text) for _ in range(500)]) / 500:8.1f} us  {text}")  # type: ignore[misc]
    hostile = {unit: milliseconds(unit) for unit in HOSTILE}
    growth = {unit: milliseconds(unit, 2 * LENGTH) / took for unit, took in hostile.items()}
    for unit, took in sorted(hostile.items(), key=lambda one: -one[1]):
        print(f"{took:8.2f} ms  x {growth[unit]:.2f} at twice the length  {unit!r} over and over")
    full = {unit: milliseconds(unit) for unit in FULL}
    for unit, took in full.items():
        print(f"{took:8.2f} ms  {unit!r} over and over: {LENGTH // len(unit):,} finds")
    letters = "a" * LENGTH
    figures = {
        "hostile_ms_at_most": round(max(hostile.values()), 2),
        "growth_at_most": round(max(growth.values()), 2),
        "full_ms_at_most": round(max(full.values()), 2),
        "scan_ms": round(1e3 * best(lambda: _SCAN.search(letters)), 3),
        "characters": LENGTH,
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
