"""What the SDK costs a process that imports it."""

import json
import subprocess
import sys
from typing import Any

from tests.unit.sdk.loopback import LoopbackGateway

NEVER_AT_IMPORT = {
    "http",
    "ssl",
    "socket",
    "gzip",
    "random",
    "email",
    "urllib",
    "asyncio",
    "dataclasses",
    "fcntl",
    "uuid",
}


def _run(script: str, *arguments: str) -> Any:
    run = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    return json.loads(run.stdout)


def test_importing_it_loads_only_the_standard_library_and_little_of_it() -> None:
    loaded = _run(
        "import json, sys; before = set(sys.modules); import labelwright;"
        "print(json.dumps(sorted({name.partition('.')[0] for name in set(sys.modules) - before})))"
    )

    assert set(loaded) - sys.stdlib_module_names == {"labelwright"}
    assert not NEVER_AT_IMPORT & set(loaded)


def test_sending_loads_only_the_standard_library(gateway: LoopbackGateway) -> None:
    loaded = _run(
        "import json, sys; before = set(sys.modules); import labelwright; labelwright.init(sys.argv[1]);"
        "labelwright.thumb(True, subject={'type': 'screen', 'id': 'home'}); assert labelwright.flush(20);"
        "print(json.dumps(sorted({name.partition('.')[0] for name in set(sys.modules) - before})))",
        gateway.dsn,
    )

    assert len(gateway.events) == 1
    assert set(loaded) - sys.stdlib_module_names == {"labelwright"}


def test_the_thread_imports_nothing_since_a_fork_could_catch_it_halfway(gateway: LoopbackGateway) -> None:
    imported = _run(
        "import json, sys, labelwright; labelwright.init(sys.argv[1].replace('127.0.0.1', 'localhost'));"
        "before = set(sys.modules); labelwright.thumb(True, subject={'type': 'screen', 'id': 'home'});"
        "assert labelwright.flush(20); print(json.dumps(sorted(set(sys.modules) - before)))",
        gateway.dsn,
    )

    assert len(gateway.events) == 1
    assert imported == []


def test_there_is_no_thread_before_the_first_event_and_one_after(gateway: LoopbackGateway) -> None:
    threads = _run(
        "import json, sys, threading, labelwright; counts = [threading.active_count()];"
        "labelwright.init(sys.argv[1]); counts.append(threading.active_count());"
        "[labelwright.thumb(True, subject={'type': 'screen', 'id': 'home'}) for _ in range(9)];"
        "counts.append(threading.active_count()); print(json.dumps(counts))",
        gateway.dsn,
    )

    assert threads == [1, 1, 2]


def test_what_was_published_just_before_the_end_of_the_process_arrives(gateway: LoopbackGateway) -> None:
    _run(
        "import sys, labelwright; labelwright.init(sys.argv[1], limits=labelwright.Limits(linger_s=30));"
        "labelwright.thumb(True, subject={'type': 'screen', 'id': 'home'}); print(1)",
        gateway.dsn,
    )

    assert len(gateway.events) == 1


def test_publishing_in_a_signal_handler_does_not_deadlock(gateway: LoopbackGateway) -> None:
    stats = _run(
        """
import json, signal, sys, labelwright
SCREEN = {"type": "screen", "id": "home"}
labelwright.init(sys.argv[1])
signal.signal(signal.SIGALRM, lambda *_: labelwright.signal("abandon", subject=SCREEN))
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
for _ in range(3000):
    labelwright.thumb(True, subject=SCREEN)
signal.setitimer(signal.ITIMER_REAL, 0)
assert labelwright.flush(20)
print(json.dumps(labelwright.stats()))
""",
        gateway.dsn,
    )

    assert stats["accepted"] == len(gateway.events) > 3000
    assert stats["lost"] == {}
