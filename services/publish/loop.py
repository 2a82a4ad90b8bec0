"""The ledger's loop over one partition: read every stream behind the manifest, commit files, trim behind them.

It reads by range from its own manifest, not from a group: what a crash leaves half done isn't in the manifest, and so
it is done again, into files that are a pure function of what they hold.
"""

import asyncio
import random
import time
from typing import Any

from redis.exceptions import RedisError

from labelwright import metrics, topology
from labelwright.errors import LedgerError
from labelwright.ledger import Commit, Ledger, Row
from labelwright.ledger.files import order
from labelwright.logs import logger
from labelwright.metrics import Sample
from labelwright.runtime.partition import Partition
from labelwright.runtime.server import Server, kind_of
from services.publish.decide import Found, cut_at, up_to
from services.publish.settings import settings

MOST_DELAY_S = 5.0
PAGE = 1_000
"""How many rows are asked for at once: a reply is parsed, and let go of, before the next one comes."""


class Loop:
    """The one writer of a partition's ledger; a second one is harmless: of two commits the manifest takes one."""

    def __init__(self, partition: Partition, server: Server) -> None:
        self.fault: BaseException | None = None
        self.is_ready = False
        self.beat_s = time.monotonic()
        self._partition = partition
        self._server = server
        self._settings = settings()
        self._ledger = Ledger.of(server.settings)
        self._streams = ["changes"] if partition.name == "registry" else list(topology.STREAMS)
        self._clocks = [f"ticks.{name}" for name, service in topology.SERVICES.items() if service.ticks]
        self._head: Commit | None = None
        self._due_s = 0.0
        self._delay_s = 0.0
        self._log = logger().bind(service="publish", partition=partition.name)

    async def start(self) -> None:
        """Nothing to make ready: where the ledger ends is read on the first turn."""

    async def read_once(self, *_: Any) -> None:
        """Roll the ledger when it is due. Raises nothing but cancellation."""
        self.beat_s = time.monotonic()
        metrics.last_beat.labels("publish").set(time.time())
        if self.fault or time.monotonic() < self._due_s:
            await asyncio.sleep(0.05)
            return
        try:
            is_behind = await self.roll()
            self.is_ready, self._delay_s = True, 0.0
            self._due_s = time.monotonic() + (0 if is_behind else self._settings.every_s)
        except asyncio.CancelledError:
            raise
        except (RedisError, OSError) as error:
            self.is_ready, self._delay_s = False, min(MOST_DELAY_S, max(0.1, self._delay_s * 2))
            self._due_s = time.monotonic() + self._delay_s * random.uniform(0.5, 1.5)  # noqa: S311  # jitter
            metrics.refusals.labels("publish", kind_of(error)).inc()
            self._log.warning("server.refused", kind=kind_of(error), delay_s=round(self._delay_s, 2))
        except LedgerError as error:
            self._head = None  # another writer was faster: go on from what is there
            self._delay_s += 1
            self._due_s = time.monotonic() + self._settings.every_s
            if self._delay_s > 3:
                self.fault = error
            self._log.warning("ledger.refused", reason=str(error))
        except Exception as error:
            self.fault, self.is_ready = error, False
            self._log.exception("loop.crashed")

    async def stop(self) -> None:
        """Commit what there is, so that a stopped system is wholly in its ledger."""
        if not self.fault:
            await asyncio.sleep(0.002)  # let the present millisecond end
            while await self.roll():
                pass

    async def roll(self) -> bool:
        """Commit every stream up to one millisecond, then trim; True if there is more to do at once."""
        began = time.perf_counter()
        head = self._head
        if head is None:
            head = await asyncio.to_thread(self._ledger.watermark, self._partition.name)
        now_ms = int(await self._partition.server_time() * 1_000)
        found = {stream: await self._behind(stream, head) for stream in self._streams}
        self._tell_age(found, now_ms)
        cut = max(cut_at(found, now_ms, self._settings.most_rows), head.cut)
        rows = up_to(found, cut)
        if rows:
            head = await asyncio.to_thread(self._ledger.append, self._partition.name, cut, rows)
            count = sum(map(len, rows.values()))
            self._log.info(
                "ledger.committed", number=head.number, rows=count, files=len(rows), cut=cut,
                duration_s=round(time.perf_counter() - began, 4),
            )  # fmt: skip
        self._head = head
        if self._settings.trim:
            await self._trim(head, cut)
        facts = await self._server.facts()
        metrics.state.put("publish", [Sample("labelwright_redis_memory_ratio", {}, facts["memory_ratio"])])
        return any(len(of_one) >= self._settings.most_rows for of_one in found.values())

    def _tell_age(self, found: Found, now_ms: int) -> None:
        first = min((order(rows[0].entry_id)[0] for rows in found.values() if rows), default=now_ms)
        age = Sample("labelwright_ledger_age_seconds", {"partition": self._partition.name}, (now_ms - first) / 1_000)
        metrics.state.put(f"publish {self._partition.name}", [age])

    async def _behind(self, stream: str, head: Commit) -> list[Row]:
        key, most = self._partition.key(stream), self._settings.most_rows
        after = head.last_ids.get(stream, "0-0")
        rows: list[Row] = []
        while len(rows) < most:
            entries = await self._partition.client.xrange(key, min=f"({after}", count=min(PAGE, most - len(rows)))
            rows += [Row(entry_id.decode(), next(iter(fields.values()), b"")) for entry_id, fields in entries]
            if len(entries) < PAGE:
                break
            after = rows[-1].entry_id
        return rows

    async def _trim(self, head: Commit, cut: int) -> None:
        limit = str(self._settings.trim)
        bounds = dict(head.last_ids)
        if self._partition.name != "registry":
            bounds |= dict.fromkeys(self._clocks, f"{cut}-0")  # clocks aren't kept: what they caused is
        for stream, bound in bounds.items():
            if stream != "dead":  # dead letters stay until a person has looked at them
                readers = topology.STREAMS[stream].readers if stream in topology.STREAMS else ()
                await self._partition.function("trim", [self._partition.key(stream)], [bound, limit, *readers])
