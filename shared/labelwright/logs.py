"""Logs: one rich line a batch, facts as keywords of an allow-list, never payloads or personal data."""

import logging
import sys
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

ALLOWED = frozenset(
    {
        "event", "level", "timestamp", "logger", "exc_info", "exception", "stack",
        "service", "services", "partition", "partitions", "stream", "consumer", "entry", "entries", "committed",
        "rejected", "again", "failed", "gone", "dead", "attempts", "codes", "duration_s", "load_s", "decide_s",
        "commit_s", "oldest_s", "error", "kind", "delay_s", "reason", "port", "host", "url", "version", "server",
        "seconds", "kept", "trimmed", "cut", "rows", "files", "number", "exit_code", "signal", "claimed", "replies",
        "request_id", "route", "status", "method", "project", "guideline_version", "path", "snapshot", "labels",
    }
)  # fmt: skip


class _Stderr:
    """Standard error as it is at the moment of writing: it may have been exchanged since."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def configure(format_: str = "auto", level: int = logging.INFO) -> None:
    """Send logs to stderr: pretty on a terminal, JSON lines otherwise. Call once, at start."""
    pretty = format_ == "pretty" or (format_ == "auto" and sys.stderr.isatty())
    as_json: list[Any] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _only_allowed,
            *([structlog.dev.ConsoleRenderer()] if pretty else as_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Stderr())),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")


def logger() -> FilteringBoundLogger:
    """Return the logger; its events are past-tense dotted constants, `log.info("batch.committed", entries=200)`."""
    return structlog.get_logger()  # type: ignore[no-any-return]  # structlog types it as Any


def _only_allowed(_logger: WrappedLogger, _name: str, line: EventDict) -> EventDict:
    unknown = line.keys() - ALLOWED
    for key in unknown:
        line[key] = "(hidden: not an allowed key, see labelwright/logs.py)"
    return line
