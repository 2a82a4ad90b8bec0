"""What is too large, too deep, packed too well or of an unknown kind is refused, and said so."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from labelwright.runtime.server import Server
from services.gateway.routes.body import MOST_MEMBERS
from services.gateway.settings import Settings
from tests.installation import Installation, event, installed

pytestmark = [pytest.mark.server, pytest.mark.anyio]

MIB = 1_048_576


async def _chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 65_536 + 1):
        yield b" " * 65_536


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_body_over_a_mebibyte_is_refused(installation: Installation, is_chunked: bool) -> None:
    publisher = await installation.caller("publisher")
    content = _chunks(MIB) if is_chunked else b" " * (MIB + 1)

    answer = await publisher.post("/v1/feedback", content=content, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")
    assert str(MIB) in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/v1/projects/shop/assignments", "/v1/assignments/a1/annotation"])
async def test_the_limit_holds_for_every_body(installation: Installation, path: str) -> None:
    annotator = await installation.caller("annotator")

    answer = await annotator.post(path, content=_chunks(MIB), headers={"Content-Type": "application/json"})

    assert answer.status_code == 413


async def test_a_stranger_is_turned_away_before_a_byte_of_the_body_is_read(installation: Installation) -> None:
    target = urlsplit(installation.url)
    for path in ("/v1/feedback", "/v1/projects/shop/assignments", "/v1/assignments/a1/release"):
        reader, writer = await asyncio.open_connection(target.hostname, target.port)
        writer.write(
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            "Content-Length: 900000\r\nExpect: 100-continue\r\n\r\n".encode()
        )

        status = await asyncio.wait_for(reader.readline(), 5)
        writer.close()

        assert status.startswith(b"HTTP/1.1 401")


async def test_a_gzip_bomb_is_not_blown_up(installation: Installation) -> None:
    publisher = await installation.caller("publisher")
    bomb = gzip.compress(b" " * (200 * MIB), 9)
    assert len(bomb) < MIB

    answer = await publisher.send(bomb, "application/json", {"Content-Encoding": "gzip"})

    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (gzip.compress(b"{}" * 999)[:-9], "cut short"),
        (b"no gzip at all", "isn't valid gzip"),
        (gzip.compress(b"{}") + b"junk", "isn't valid gzip"),
        (gzip.compress(b" ") * (MOST_MEMBERS + 1), "members"),
    ],
)
async def test_broken_gzip_is_said_to_be_so(installation: Installation, body: bytes, said: str) -> None:
    publisher = await installation.caller("publisher")

    answer = await publisher.send(body, "application/json", {"Content-Encoding": "gzip"})

    assert answer.status_code == 400
    assert said in answer.json()["detail"]


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "deflate"])
async def test_an_unknown_coding_is_told_what_is_known(installation: Installation, coding: str) -> None:
    publisher = await installation.caller("publisher")

    answer = await publisher.send(b"{}", "application/json", {"Content-Encoding": coding})

    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "gzip")


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data", "jsonish", "text/json+x"])
async def test_an_unknown_content_type_is_told_what_is_taken(installation: Installation, kind: str) -> None:
    owner = await installation.caller("owner")

    answers = [
        await owner.send(b"{}", kind),
        await owner.put("/v1/projects/shop", content=b"{}", headers={"Content-Type": kind}),
        await owner.post("/v1/assignments/a1/release", content=b"{}", headers={"Content-Type": kind}),
    ]

    assert [answer.status_code for answer in answers] == [415] * 3
    assert all("application/json" in answer.json()["detail"] for answer in answers)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe{}",
        b'{"a": NaN}',
        b'"\\ud800"',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\x00",
        b"[]",
        b"1e999",
    ],
)
async def test_what_is_no_json_is_refused(installation: Installation, body: bytes) -> None:
    publisher = await installation.caller("publisher")

    answer = await publisher.send(body, "application/json")

    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_an_event_that_nests_too_deep_is_rejected(installation: Installation) -> None:
    publisher = await installation.caller("publisher")

    def nested(levels: int) -> dict[str, object]:
        return json.loads('{"a":' * levels + "1" + "}" * levels)  # type: ignore[no-any-return]  # it is one by its text

    results = (await publisher.publish(event(meta=nested(19)), event(meta=nested(20)), event(meta=nested(150)))).json()

    assert [one.get("error", {}).get("code") for one in results["results"]] == [None, "too_deep", "too_deep"]


async def test_an_event_over_its_limit_is_rejected_alone(installation: Installation) -> None:
    publisher = await installation.caller("publisher")
    large = event(comment="é" * 20_000, meta={"more": "é" * 20_000})

    answer = await publisher.publish(event(), large)

    assert [one["status"] for one in answer.json()["results"]] == ["accepted", "rejected"]
    assert answer.json()["results"][1]["error"]["type"] == "/problems/too-large"


async def test_more_events_than_the_limit_are_refused_together(server: Server) -> None:
    async with installed(server, Settings(most_events=3)) as installation:
        await installation.apply()
        publisher = await installation.caller("publisher")

        answers = [await publisher.publish(*(event() for _ in range(count))) for count in (3, 4)]

        assert [answer.status_code for answer in answers] == [202, 413]
        assert "the most is 3" in answers[1].json()["detail"]
        assert await server.client.xlen("{p0}:feedback") == 3


@pytest.mark.parametrize("given", ["", " " * 3, "x" * 129, "a\nb", "\u202e", 7, ["a"], {"a": 1}])
async def test_an_id_that_can_not_be_one_is_rejected(installation: Installation, given: object) -> None:
    publisher = await installation.caller("publisher")

    answer = await publisher.publish(event(id=given))

    if given == " " * 3:
        assert answer.status_code == 202  # blanks are printable; whoever wants them may have them
    else:
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_id")
