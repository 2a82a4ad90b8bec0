"""A mapping file: which columns of a table, or which places in JSON lines, are which fields of feedback.

Each field is a column or a path (`comment: text`, `subject.id: answer.id`), or says more about it: `{from: rating, map:
{Excellent: 5, Bad: 1}}`, `{is: stars}` for what all rows share. Rows stream; what doesn't fit is told by its line.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ValidationError
from pydantic_core import from_json

from labelwright.contracts.envelope import in_one_sentence
from labelwright.contracts.feedback import FeedbackReceived, Subject
from labelwright.errors import ContractError, SettingsError
from labelwright.identity import derive

Row = Mapping[str, Any]
Path = tuple[str | int, ...]

FORMATS: Final = {"csv": ",", "tsv": "\t", "jsonl": ""}
ENDINGS: Final = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
OPTIONS: Final = ("format", "delimiter", "encoding")
FIELDS: Final = (
    "id",
    *(name for name in FeedbackReceived.model_fields if name not in ("subject", "meta")),
    *(f"subject.{name}" for name in Subject.model_fields),
)
NEEDED: Final = ("kind", "subject.type", "subject.id")
WORDS: Final = ("from", "is", "map", "default", "formats", "timezone", "prefix")
"""What may be said about a field; `formats` and `timezone` of a time alone."""

TIMES: Final = ("unix", "unix_ms", "iso")


@dataclass(frozen=True, slots=True)
class Rule:
    """Where a field comes from. `choices` are the values it may have, and what each becomes; None leaves it out."""

    field: str
    path: Path = ()
    constant: Any = None
    choices: Mapping[str, Any] | None = None
    default: Any = None
    formats: tuple[str, ...] = ("iso",)
    timezone: ZoneInfo | None = None
    prefix: str = ""

    @property
    def place(self) -> str:
        """The column or path, as it is told."""
        return ".".join(map(str, self.path))


@dataclass(frozen=True, slots=True)
class MappingFile:
    """A mapping file, read: its rules by field, and how the file that it maps is written."""

    rules: tuple[Rule, ...]
    format: str = ""
    delimiter: str = ""
    encoding: str = "utf-8"

    def event(self, row: Row) -> dict[str, Any]:
        """Return a row as an event; without `id` where no rule gives one. Raises ContractError that names the field."""
        event: dict[str, Any] = {}
        for rule in self.rules:
            value = _value(rule, row)
            if value is None:
                if rule.field in (*NEEDED, "id"):
                    hint = f"; for what all rows share write {{is: {rule.place}}}" if rule.path else ""
                    raise ContractError("unfit", f"{rule.field}: there is nothing at {rule.place!r}{hint}")
                continue
            group, _, name = rule.field.partition(".")
            if name:
                event.setdefault(group, {})[name] = value
            else:
                event[group] = value
        return event


def read_mapping(document: object) -> MappingFile:
    """Read a mapping file's document. Raises SettingsError that tells all faults, each with what may stand there."""
    if not isinstance(document, dict):
        raise SettingsError(f"a mapping must name fields of feedback; the fields are {_listed(FIELDS)} and meta.…")
    faults: list[str] = []
    rules = [rule for name, told in _flat(document, faults) if (rule := _rule(name, told, faults))]
    missing = [name for name in NEEDED if name not in {rule.field for rule in rules}]
    if missing and not faults:
        faults.append(f"{_listed(missing)} must be mapped, too: a column or path, or {{is: …}}")
    options = _options(document, faults)
    if faults:
        raise SettingsError("the mapping can't be used: " + "; ".join(faults))
    return MappingFile(tuple(rules), **options)


def events_in(
    raw: IO[bytes], mapping: MappingFile, format_: str
) -> Iterator[tuple[int, dict[str, Any] | ContractError]]:
    """Yield each row's line number and its event, or why it doesn't fit, one at a time.

    A row without an `id` of its own gets one that its content makes, and the count of equal rows before it: so the same
    file publishes the same events, in whatever order its rows are. Raises SettingsError for a column that isn't there.
    """
    rows = _lines(raw) if format_ == "jsonl" else _table(raw, mapping, mapping.delimiter or FORMATS[format_])
    seen: Counter[str] = Counter()
    for line, row in rows:
        try:
            if isinstance(row, ContractError):
                raise row
            event = mapping.event(row)
            FeedbackReceived.model_validate(event)
        except ValidationError as error:
            yield line, ContractError("unfit", in_one_sentence(error.errors(include_url=False)))
        except ContractError as error:
            yield line, error
        else:
            yield line, event if "id" in event else {"id": _id_of(row, seen), **event}


def _id_of(row: Row | ContractError, seen: Counter[str]) -> str:
    content = derive("row", json.dumps(row, sort_keys=True, default=str))
    seen[content] += 1
    return derive("row", content, str(seen[content]))


def _table(raw: IO[bytes], mapping: MappingFile, delimiter: str) -> Iterator[tuple[int, Row | ContractError]]:
    encoding = "utf-8-sig" if mapping.encoding == "utf-8" else mapping.encoding
    with io.TextIOWrapper(raw, encoding, errors="surrogateescape", newline="") as text:
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        try:
            header = next(reader, [])
        except (csv.Error, UnicodeError) as error:
            raise SettingsError(f"the first line names no columns ({error}); is it this format and encoding?") from None
        _check_columns(mapping, header)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except UnicodeError as error:
                yield line, ContractError("unfit", f"from here on nothing can be read ({error}); name its 'encoding'")
                return
            except csv.Error as error:
                yield line, ContractError("unfit", f"the row isn't CSV ({error}); look at its quotes")
                continue
            if cells:
                yield line, _row(header, cells, mapping.encoding)


def _row(header: list[str], cells: list[str], encoding: str) -> Row | ContractError:
    if len(cells) != len(header):
        return ContractError("unfit", f"the row has {len(cells)} fields, the header {len(header)}; look at its quotes")
    if any("\ud800" <= character <= "\udfff" for cell in cells for character in cell):
        return ContractError("unfit", f"the row isn't {encoding}; name the file's 'encoding' in the mapping")
    return dict(zip(header, cells, strict=True))


def _check_columns(mapping: MappingFile, header: list[str]) -> None:
    missing = [rule for rule in mapping.rules if rule.path and rule.place not in header]
    if missing:
        told = "; ".join(f"{rule.field}: there is no column {rule.place!r}" for rule in missing)
        raise SettingsError(f"{told}; the columns are {_listed(header)} (for what all rows share write {{is: …}})")


def _lines(raw: IO[bytes]) -> Iterator[tuple[int, Row | ContractError]]:
    for number, line in enumerate(raw, 1):
        content = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if not content.strip():
            continue
        try:
            row = from_json(content, allow_inf_nan=False)
        except ValueError:
            row = None
        if isinstance(row, dict):
            yield number, row
        else:
            yield number, ContractError("unfit", "the line isn't a JSON object in UTF-8")


def _value(rule: Rule, row: Row) -> Any:
    found = _at(row, rule.path) if rule.path else rule.constant
    if found is None or (isinstance(found, str) and not found.strip()):
        found = rule.default
    elif rule.choices is not None:
        key = _key(found)
        if key not in rule.choices:
            raise ContractError(
                "unfit", f"{rule.field}: {key[:60]!r} isn't in its map, which has {_listed(rule.choices)}; add it"
            )
        found = rule.choices[key]
    if found is None or rule.field.startswith("meta."):
        return found
    if isinstance(found, dict | list):
        raise ContractError("unfit", f"{rule.field}: at {rule.place!r} is an array or an object; name a place in it")
    if rule.field == "occurred_at":
        return _moment(rule, found).isoformat()
    if rule.field in ("value", "sample_rate"):
        return _number(found)
    return rule.prefix + _key(found)


def _at(row: Row, path: Path) -> Any:
    """Return what stands at a place: a key with dots in it is found as it is, too."""
    whole = ".".join(map(str, path))
    if whole in row:
        return row[whole]
    found: Any = row
    for step in path:
        if isinstance(found, dict):
            found = found.get(str(step))
        elif isinstance(found, list) and str(step).isdigit():
            found = found[int(step)] if int(step) < len(found) else None
        else:
            return None
    return found


def _key(found: Any) -> str:
    """Return a value as a text: whole numbers without a point, true and false as JSON has them."""
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, float) and found.is_integer():
        return str(int(found))
    return found if isinstance(found, str) else str(found)


def _number(found: Any) -> Any:
    """Return a number that is written as a text as one, whole where it is whole; another text stays."""
    try:
        number = float(found)
    except ValueError:
        return found
    return int(number) if number.is_integer() else number


def _moment(rule: Rule, found: Any) -> datetime:
    text = _key(found).strip()
    for form in rule.formats:
        try:
            moment = _read_moment(text, form)
        except (ValueError, OverflowError, OSError):
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=rule.timezone or UTC)
    raise ContractError(
        "unfit",
        f"{rule.field}: {text[:60]!r} is no time of the forms {_listed(rule.formats)}; add its form to 'formats', "
        "like '%d.%m.%Y %H:%M', 'unix' or 'unix_ms'",
    )


def _read_moment(text: str, form: str) -> datetime:
    if form == "iso":
        return datetime.fromisoformat(text)
    if form in ("unix", "unix_ms"):
        return datetime.fromtimestamp(float(text) / (1_000 if form == "unix_ms" else 1), UTC)
    return datetime.strptime(text, form)  # noqa: DTZ007  # the mapping says the zone


def _flat(document: Mapping[Any, Any], faults: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield each field's dotted name and what is said of it."""
    for name, told in document.items():
        if name in OPTIONS:
            continue
        if name not in ("subject", "meta"):
            yield str(name), told
        elif isinstance(told, dict):
            yield from ((f"{name}.{inner}", about) for inner, about in told.items())
        else:
            faults.append(f"{name} must be an object, each of whose fields is a column, a path or {{is: …}}")


def _rule(name: str, told: Any, faults: list[str]) -> Rule | None:
    before = len(faults)
    if name not in FIELDS and not name.startswith("meta."):
        faults.append(f"{name!r} is no field of feedback; the fields are {_listed(FIELDS)} and meta.…")
        return None
    about = told if isinstance(told, dict) else {"from": told}
    unknown = [word for word in about if word not in WORDS]
    if unknown:
        faults.append(f"{name}: {_listed(unknown)} can't stand there; what may is {_listed(WORDS)}")
    if ("from" in about) == ("is" in about):
        faults.append(f"{name}: say where it comes from (a column or a path), or {{is: …}} for what all rows share")
    path = _path(about["from"], name, faults) if "from" in about else ()
    choices = about.get("map")
    if choices is not None and not (isinstance(choices, dict) and choices):
        faults.append(f"{name}: 'map' must be an object of the file's values and ours, as in {{Bad: -1, Good: 1}}")
    formats = about.get("formats", ["iso"])
    formats = [formats] if isinstance(formats, str) else formats
    if ("formats" in about or "timezone" in about) and name != "occurred_at":
        faults.append(f"{name}: only occurred_at has 'formats' and a 'timezone'")
    if not (isinstance(formats, list) and formats and all(_is_form(form) for form in formats)):
        faults.append(f"{name}: 'formats' must be a list of {_listed(TIMES)} or forms like '%d.%m.%Y %H:%M'")
    zone = _zone(about.get("timezone"), name, faults)
    if len(faults) > before:
        return None
    return Rule(
        name,
        path,
        about.get("is"),
        {_key(key).strip(): value for key, value in choices.items()} if choices else None,
        about.get("default"),
        tuple(formats),
        zone,
        _key(about.get("prefix", "")),
    )


def _path(told: Any, name: str, faults: list[str]) -> Path:
    steps = told if isinstance(told, list) else str(told).split(".") if isinstance(told, str | int | float) else []
    if not steps or not all(isinstance(step, str | int) and str(step) for step in steps):
        faults.append(f"{name}: it must come from a column's name or a path, as in 'answer.id' or [answer, id]")
        return ()
    return tuple(steps)


def _is_form(form: Any) -> bool:
    return isinstance(form, str) and (form in TIMES or "%" in form)


def _zone(told: Any, name: str, faults: list[str]) -> ZoneInfo | None:
    try:
        return ZoneInfo(told) if told is not None else None
    except (ZoneInfoNotFoundError, TypeError, ValueError, OSError):
        faults.append(f"{name}: {told!r} is no timezone; name one like 'Europe/Berlin'")
        return None


def _options(document: Mapping[Any, Any], faults: list[str]) -> dict[str, str]:
    options = {name: document[name] for name in OPTIONS if name in document}
    if options.get("format", "csv") not in list(FORMATS):
        faults.append(f"format must be one of {_listed(FORMATS)}, not {options['format']!r}")
    try:
        csv.reader([], delimiter=options.get("delimiter", ","))
    except (TypeError, ValueError):
        faults.append("delimiter must be one character, and no quote, space or line feed")
    try:
        "".encode(options.get("encoding", "utf-8"))
    except (LookupError, TypeError):
        faults.append(f"encoding {options['encoding']!r} isn't known; 'utf-8', 'latin-1' and 'cp1252' are common")
    return options


def _listed(names: Iterable[Any]) -> str:
    known = [repr(str(name)) for name in names]
    return ", ".join(known[:30]) + (", …" if len(known) > 30 else "")
