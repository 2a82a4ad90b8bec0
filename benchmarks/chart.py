"""Draw the last line of `make bench-stage`, from standard input, as bars: see benchmarks/README.md."""

import json
import sys
from collections.abc import Mapping
from html import escape
from typing import Final

NAMES: Final = {
    "ours": "Labelwright",
    "faststream_batch": "FastStream, batch + MULTI",
    "faststream_publisher": "FastStream @publisher",
    "taskiq": "taskiq-redis",
    "dramatiq": "dramatiq",
    "celery": "celery",
}
WIDTH, LEFT, ROW, BAR = 760, 210, 34, 20


def draw(rates: Mapping[str, float]) -> str:
    """Return an SVG with a bar for each contender, fastest first, in entries a second; readable on light and dark."""
    ranked = sorted(((rate, name) for name, rate in rates.items() if name in NAMES), reverse=True)
    most = ranked[0][0]
    rows = []
    for place, (rate, name) in enumerate(ranked):
        top, length = 44 + place * ROW, max(2.0, (WIDTH - LEFT - 90) * rate / most)
        colour = "#2f6f9f" if name == "ours" else "#9aa5ae"
        rows.append(
            f'<text x="{LEFT - 10}" y="{top + 15}" text-anchor="end">{escape(NAMES[name])}</text>'
            f'<rect x="{LEFT}" y="{top}" width="{length:.0f}" height="{BAR}" rx="3" fill="{colour}"/>'
            f'<text x="{LEFT + length + 8:.0f}" y="{top + 15}">{rate:,.0f}</text>'
        )
    height = 56 + len(ranked) * ROW
    told = ", ".join(f"{NAMES[name]} {rate:,.0f}" for rate, name in ranked)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        f'role="img" aria-label="Entries a second of one stage: {escape(told)}">'
        "<style>text{font:14px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}"
        "@media (prefers-color-scheme:dark){text{fill:#e6edf3}}</style>"
        '<text class="title" x="10" y="24">One stage: entries a second, one process, same server and payload</text>'
        f"{''.join(rows)}</svg>\n"
    )


if __name__ == "__main__":
    sys.stdout.write(draw(json.loads(sys.stdin.read())["entries_per_second"]))
