"""Twenty pieces of personal data go through the whole system, and none comes to light anywhere behind intake."""

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx2
import pyarrow.parquet as pq
import pytest
import redis

from labelwright.demo.annotators import Annotator
from labelwright.demo.client import WorkClient
from tests.conftest import eventually
from tests.desk_office import visit
from tests.integration.cli.conftest import PORTS, ROOT, Ran, System, without_settings

pytestmark = [pytest.mark.server, pytest.mark.anyio]

PROJECT: Final = "support"
KEPT_RAW: Final = "{p0}:feedback"
"""What publishers sent, until intake has read it and the stream is trimmed: the one place where it stays as it was."""


class Canary(NamedTuple):
    """A secret, a sentence that has it, the words of it to look for, and whether it is looked for within ids, too."""

    kind: str
    secret: str
    sentence: str = "You showed {} to everybody."
    is_id: bool = True

    @property
    def text(self) -> str:
        return self.sentence.format(self.secret)

    @property
    def needles(self) -> set[str]:
        """The secret in the forms in which it could lie somewhere."""
        tight = re.sub(r"[\s()-]", "", self.secret)
        parts = self.secret.split() if self.kind == "name" else [self.secret, tight]
        return {part.casefold() for part in parts if len(part) > 3 or not part.isascii()}


CANARIES: Final = (
    Canary("mail", "quirina.vosskamp@example.com"),
    Canary("mail", "z.albescu+canary@mail.example.co.uk"),
    Canary("phone", "+49 171 5550 1937"),
    Canary("phone", "(415) 555-0187", "call me: {}", is_id=False),
    Canary("phone", "090-5550-7413", "電話は{}です", is_id=False),
    Canary("card", "4539 5787 6362 1486"),
    Canary("card", "371449635398431"),
    Canary("iban", "DE89 3704 0044 0532 0130 00"),
    Canary("iban", "FR1420041010050500013M02606"),
    Canary("ip", "203.0.113.197"),
    Canary("ip", "2001:db8:85a3::8a2e:370:7334"),
    Canary("key", "AKIAQ7XWZCANARY53KEY"),
    Canary("key", "ghp_caNaRy0123456789abcdefghijklmnopqrst"),
    Canary("key", "eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOiJ5ZXMifQ.c2lnbmF0dXJlLWNhbmFyeS0x"),
    Canary("password", "C4n4ry!tweets", "my password is {} and it is refused", is_id=False),
    Canary("password", "s3cr3t-cAnary", "see https://ann:{}@host.example/path", is_id=False),
    Canary("pem", "MIICdgIBADANBgkqCanary", "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----", is_id=False),
    Canary("name", "Xanthippa Querulova", "My name is {} and this is wrong.", is_id=False),
    Canary("name", "Wolfhard Zwiebelbach", "Es geht nicht.\nMit freundlichen Grüßen\n{}", is_id=False),
    Canary("name", "鷹司琥珀", "私の名前は{}です。", is_id=False),
)

PROGRAM: Final = """
import logging
from labelwright import logs
import services.intake.decide as intake

logging.basicConfig(level=logging.DEBUG)
configure = logs.configure
def at_debug(format_="json", level=logging.DEBUG):
    configure("json", logging.DEBUG)
import labelwright.cli.up
labelwright.cli.up.configure = at_debug

clean = intake.clean
def failing(event, feedback):
    if event.id.startswith("killer"):
        raise ValueError(f"a bug met {feedback.comment!r} of {feedback.user!r}")
    return clean(event, feedback)
intake.clean = failing

from labelwright.cli import main
main()
"""


def published() -> Iterator[dict[str, Any]]:
    """Yield events that have each canary in every place where a publisher can write."""
    for number, canary in enumerate(CANARIES):
        text = canary.text
        said = f"case {number} is wrong: {text}"
        subject: dict[str, Any] = {
            "type": "llm_response",
            "id": f"r{number}",
            "prompt": text,
            "response": f"Sorry. {text}",
        }
        meta: dict[str, Any] = {"note": text, "deep": [{"list": [text]}], text: 1}
        event: dict[str, Any] = {
            "id": f"canary-{number}", "kind": "correction", "corrected": text, "comment": said,
            "reason": text[:256], "subject": subject, "meta": meta,
        }  # fmt: skip
        if canary.is_id:
            subject["id"] = canary.secret
            event |= {"user": canary.secret, "customer": canary.secret, "trace_id": canary.secret}
        if canary.kind == "name":
            meta |= {"user_name": canary.secret, "user": {"name": canary.secret}}
        if canary.kind == "password":
            meta |= {"password": canary.secret}
        yield event
    yield {
        "id": "killer-1",
        "kind": "text",
        "subject": {"type": "s", "id": "s"},
        "comment": _all(),
        "user": CANARIES[0].secret,
    }


def _all() -> str:
    return "\n\n".join(canary.text for canary in CANARIES)


def malformed() -> Iterator[str]:
    """Yield entries as somebody may add them to the stream, of which intake must say why it turns them away."""
    envelope = {
        "specversion": "1.0", "id": "bad", "source": "/s", "type": "labelwright.feedback.feedback_received.v2",
        "time": "2026-11-24T10:00:00Z", "project": PROJECT, "data": {},
    }  # fmt: skip
    for number, canary in enumerate(CANARIES):
        secret = canary.secret
        old = {"up": True, "response_id": secret, "ts": secret, "text": canary.text}
        flat = envelope | {"type": "labelwright.feedback.feedback_received.v1", "data": old, "id": f"bad-1-{number}"}
        wrong = {
            "kind": secret,
            "subject": {"type": secret, "id": secret, secret: secret},
            "value": secret,
            secret: secret,
        }
        yield json.dumps(flat)
        yield json.dumps(envelope | {"data": wrong, "id": f"bad-2-{number}"})
        yield json.dumps(
            envelope | {"data": {"kind": "stars", "value": secret}, "time": secret, "id": f"bad-3-{number}"}
        )
        yield json.dumps(envelope | {"type": secret, "id": f"bad-4-{number}"})
        yield canary.text


class Running:
    """The whole system at debug level with a bug planted in intake; everything that it says goes into one file."""

    def __init__(self, folder: Path) -> None:
        self.said = folder / "said.log"
        self._file = self.said.open("w")
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "up"], cwd=folder, stderr=self._file, stdout=self._file, text=True,
            env=without_settings() | PORTS | {"LABELWRIGHT_ATTEMPTS": "1", "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert eventually(lambda: "Ctrl-C stops" in self.said.read_text(), within_s=60), self.said.read_text()[-3_000:]
        urls = re.findall(r"^(\w+) +(http://[\d.:]+)", self.said.read_text(), re.MULTILINE)
        self.system = System(folder, {name.lower(): url for name, url in urls})

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=60)
        self._file.close()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    started = Running(tmp_path)
    try:
        yield started
    finally:
        started.end()


@pytest.mark.timeout(400)
async def test_no_canary_comes_to_light(running: Running, tmp_path: Path) -> None:
    system, events, file = running.system, list(published()), tmp_path / "canaries.jsonl"
    file.write_text("\n".join(json.dumps(event) for event in [*events, {"kind": _all(), "comment": _all()}]))
    system.command("project", "apply", str(ROOT / "examples/support.yaml"))
    url = (system.folder / ".labelwright/running").read_text()
    server = redis.Redis.from_url(url, decode_responses=True, encoding_errors="replace")

    sent = system.command("publish", str(file), "--dsn", _dsn(system), "--json")
    for body in malformed():
        server.xadd(KEPT_RAW, {"event": body})
    raw = repr(server.xrange(KEPT_RAW)).casefold()
    assert sent.last["accepted"] == len(events), sent.last
    assert eventually(lambda: server.xlen("{p0}:dead") == 1, within_s=60)
    assert eventually(lambda: server.xlen("{p0}:rejected") == 5 * len(CANARIES), within_s=60)
    pages = await _labeled(system)
    assert eventually(lambda: _cut(system, tmp_path), within_s=60)

    shown = {f"redis {key}": value for key, value in _in_redis(server) if key != KEPT_RAW}
    shown |= {f"desk {number}": page for number, page in enumerate(pages)}
    shown |= {f"command {name}": ran.out + ran.said for name, ran in _commands(system, sent)}
    shown |= {"metrics": httpx2.get(f"{system.urls['metrics']}/metrics").text}
    shown |= {f"ledger {name}": value for name, value in _files(system.folder / ".labelwright/ledger")}
    shown |= {f"snapshot {name}": value for name, value in _files(tmp_path / "snapshots")}
    shown |= {"logs": running.said.read_text(errors="replace")}
    assert {needle for canary in CANARIES for needle in canary.needles} - _in(raw) <= _tight()  # so they are looked for
    assert {place: found for place, text in shown.items() if (found := _in(text.casefold()))} == {}
    assert {place.partition(" ")[0] for place in shown} == {
        "redis", "desk", "command", "metrics", "ledger", "snapshot", "logs"
    }  # fmt: skip


def _in(text: str) -> set[str]:
    return {needle for canary in CANARIES for needle in canary.needles if needle in text}


def _tight() -> set[str]:
    return {re.sub(r"[\s()-]", "", canary.secret).casefold() for canary in CANARIES}


def _dsn(system: System) -> str:
    return f"{system.urls['publish'].replace('://', '://' + system.key(PROJECT, 'publisher') + '@')}/{PROJECT}"


async def _labeled(system: System) -> list[str]:
    """Let people label what there is, one of them at the desk, and return the desk's pages."""
    for name in ("kim", "lou"):
        key = system.key(PROJECT, "annotator", source="crowd", annotator=name)
        hand = WorkClient(system.urls["publish"], key, PROJECT, Annotator(name, "crowd", 1.0))
        while task := hand.next_task(wait_s=1):
            hand.annotate(task, "wrong_fact")
        hand.close()
    key = system.key(PROJECT, "annotator", "owner", source="experts", annotator="max")
    link = system.command("keys", "link", key.split("_")[2], "--desk", system.urls["desk"]).out.split()[-1]
    async with visit(system.urls["desk"]) as browser:
        pages = [await browser.get(path) for path in (link, "/label", "/items", "/merges")]
        pages += [await browser.get(path) for path in sorted(set(re.findall(r'"(/items/[^"]+)"', pages[2].text)))[:30]]
    assert {page.status_code for page in pages} == {200}
    return [page.text for page in pages]


def _cut(system: System, folder: Path) -> bool:
    ran = system.command("snapshot", "cut", PROJECT, "--out", str(folder / "snapshots"), "--json")
    return ran.code == 0 and bool(ran.last["labels"])


def _commands(system: System, sent: Ran) -> Iterator[tuple[str, Ran]]:
    """Yield commands that show what became of it, as a person types them."""
    yield "publish", sent
    letters = system.command("dead", "list", "--json")
    yield "dead list", letters
    for letter in letters.last["dead"]:
        yield "dead show", system.command("dead", "show", letter["letter"])
    for arguments in (("status", "--json"), ("doctor", "--json"), ("dead", "list")):
        yield " ".join(arguments), system.command(*arguments)
    for number in range(len(CANARIES)):
        yield f"trace {number}", system.command("trace", f"canary-{number}", "--project", PROJECT, "--json")
    for number in range(5):
        yield f"trace bad {number}", system.command("trace", f"bad-{number}-3", "--project", PROJECT, "--json")


def _in_redis(server: redis.Redis) -> Iterator[tuple[str, str]]:
    """Yield every key with all that it holds."""
    read: dict[str, Callable[[str], object]] = {
        "string": server.get, "hash": server.hgetall, "set": server.smembers, "stream": server.xrange,
        "list": lambda key: server.lrange(key, 0, -1), "zset": lambda key: server.zrange(key, 0, -1, withscores=True),
    }  # fmt: skip
    for key in server.scan_iter(count=1_000):
        yield str(key), f"{key} {read[str(server.type(key))](str(key))!r}"


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield every file as it lies there, and once more as it reads when its compression is undone."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name, content = str(path.relative_to(folder)), path.read_bytes()
        yield name, content.decode(errors="replace")
        if content.startswith(b"PAR1"):
            rows = pq.read_table(path).to_pylist()
            yield (
                f"{name} read",
                "\n".join(
                    value.decode(errors="replace") if isinstance(value, bytes) else str(value)
                    for row in rows
                    for value in row.values()
                ),
            )
        elif content.startswith(b"\x1f\x8b"):
            yield f"{name} read", gzip.decompress(content).decode(errors="replace")
