"""A project's machine rules, compiled: patterns in linear time (RE2) that answer a label where they match.

Needs google-re2, which the extras `annotate` and `gateway` bring: the gateway refuses a project file whose patterns
don't compile, so that annotate never meets one.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import re2

from labelwright.contracts.project import MachineRule, ProjectFile
from labelwright.errors import ContractError


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The compiled rules of one version of a project file, in its order."""

    rules: tuple[MachineRule, ...]
    patterns: tuple[Any, ...]

    def matching(self, text: str) -> list[MachineRule]:
        """Return the rules whose pattern occurs in `text`, in order, in time linear in its length for each rule."""
        return [rule for rule, pattern in zip(self.rules, self.patterns, strict=True) if pattern.search(text)]


def compile_rules(file: ProjectFile) -> Rulebook:
    """Compile the rules of a project file; equal rules are compiled once per process.

    Raises ContractError `bad_pattern` that names the first rule at fault.
    """
    return _compiled(tuple(file.rules))


def check_rules(file: ProjectFile) -> None:
    """Raise ContractError `bad_pattern` unless every rule's pattern compiles."""
    compile_rules(file)


@lru_cache(maxsize=64)
def _compiled(rules: tuple[MachineRule, ...]) -> Rulebook:
    options = re2.Options()
    options.log_errors = False
    return Rulebook(rules, tuple(_pattern(rule, options) for rule in rules))


def _pattern(rule: MachineRule, options: Any) -> Any:
    try:
        return re2.compile(rule.pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        raise ContractError(
            "bad_pattern",
            f"the pattern {rule.pattern!r} of rule {rule.id!r} is not one of RE2 ({_told(error)}); correct it (RE2 has "
            "no look-around and no back-references)",
        ) from None


def _told(error: Exception) -> str:
    """Return the fault in text; RE2 tells it in bytes."""
    (cause, *_) = error.args
    return cause.decode("utf-8", "replace") if isinstance(cause, bytes) else str(error)
