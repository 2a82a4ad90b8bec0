"""Redaction finds what it promises on the labelled set, and leaves what only looks like it."""

from collections import Counter
from functools import cache

import pytest

from labelwright.text.redaction import KINDS, redact
from tests.personal.cases import EACH, Case, cases
from tests.personal.figures import Figures, measure
from tests.personal.locales import LOCALES


@cache
def everything() -> tuple[Case, ...]:
    return tuple(cases())


@cache
def figures() -> Figures:
    return measure(everything())


def test_the_set_has_every_kind_in_every_locale() -> None:
    counts = Counter((case.kind, case.locale) for case in everything())

    assert len(everything()) >= 2_000
    assert counts == {
        (kind, locale.code): EACH if kind else 3 * EACH for kind in (*KINDS, "") for locale in LOCALES
    }  # fmt: skip


def test_the_same_seed_makes_the_same_set() -> None:
    assert tuple(cases(7, 3)) == tuple(cases(7, 3))


@pytest.mark.parametrize("kind", KINDS)
def test_finds_what_is_there_and_nothing_else(kind: str) -> None:
    """Recall and precision by kind; the table is printed by `make figures-personal-data`."""
    print("\n".join(figures().table()))

    assert figures().recall(kind) >= 0.99
    assert figures().precision(kind) >= 0.98


@pytest.mark.parametrize("locale", [locale.code for locale in LOCALES])
@pytest.mark.parametrize("kind", KINDS)
def test_no_locale_is_left_behind(kind: str, locale: str) -> None:
    assert figures().recall(kind, locale) >= 0.95
    assert figures().precision(kind, locale) >= 0.95


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_other_seeds_say_the_same_of_what_has_check_digits(seed: int) -> None:
    other = measure(case for case in cases(seed) if case.kind in ("card", "iban", ""))

    assert min(other.recall(kind) for kind in ("card", "iban")) >= 0.99
    assert min(other.precision(kind) for kind in ("card", "iban")) >= 0.98


def test_a_finder_that_finds_nothing_would_fail() -> None:
    """The figures count what is there, so that they can be bad."""
    unfound = [Case(case.locale, case.kind, "nothing is here", 0, 7) for case in everything() if case.kind]
    misled = [Case(case.locale, "", case.text) for case in everything() if case.kind]

    assert measure(unfound).recall("mail") == 0
    assert measure(misled).precision("card") == 0


def test_redaction_takes_out_each_piece_and_counts_it() -> None:
    for case in everything():
        if case.kind:
            redacted = redact(case.text)

            assert case.text[case.start : case.end] not in redacted.text, case
            assert redacted.counts.get(case.kind), case
