"""Patterns of a project file: compiled in linear time, or refused by name."""

import pytest

from labelwright.contracts.project import MachineRule, ProjectFile
from labelwright.errors import ContractError
from labelwright.rules import check_rules, compile_rules


def _file(*patterns: str) -> ProjectFile:
    return ProjectFile.model_validate(
        {
            "project": "acme",
            "guideline": {"question": "Is it?", "labels": [{"name": "yes"}, {"name": "no"}]},
            "sources": [{"name": "people", "kind": "expert", "price_usd": 1}],
            "rules": [{"id": f"r{number}", "pattern": one, "label": "yes"} for number, one in enumerate(patterns)],
        }
    )


def test_rules_that_occur_in_the_text_match_in_order() -> None:
    file = _file("(?i)refund", r"\bcrash(es|ed)?\b", "^never$")

    assert compile_rules(file).matching("It crashed. REFUND me!") == [file.rules[0], file.rules[1]]


def test_equal_rules_are_compiled_once() -> None:
    assert compile_rules(_file("a", "b")) is compile_rules(_file("a", "b"))


def test_any_script_matches() -> None:
    assert compile_rules(_file("(?i)größe|払い戻し")).matching("Die GRÖSSE? 払い戻し!") != []


def test_a_file_without_rules_matches_nothing() -> None:
    assert compile_rules(_file()).matching("anything") == []


@pytest.mark.parametrize("pattern", ["(", "(?=a)", r"(a)\1", "((a{100}){100}){100}", "[z-a]", "\ud800"])
def test_a_pattern_that_is_not_linear_or_not_one_is_refused_by_its_rule(pattern: str) -> None:
    rule = MachineRule.model_construct(id="r1", pattern=pattern, label="yes")
    file = _file("fine").model_copy(update={"rules": [_file("fine").rules[0], rule]})

    with pytest.raises(ContractError, match=r"of rule 'r1' is not one of RE2 \(.+\)") as caught:
        check_rules(file)

    assert caught.value.code == "bad_pattern"


def test_a_pattern_that_would_backtrack_for_ever_is_answered() -> None:
    assert compile_rules(_file("^(a+)+$")).matching("a" * 30_000 + "b") == []
