"""How well redaction does on the labelled set: recall and precision by kind and locale."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from labelwright.text.redaction import KINDS, finds
from tests.personal.cases import Case


@dataclass
class Figures:
    """Counts by (kind, locale): pieces that are there, those found whole under their kind, and finds that are wrong."""

    there: Counter[tuple[str, str]] = field(default_factory=Counter)
    found: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def recall(self, kind: str, locale: str = "") -> float:
        """Return which share of the pieces of a kind was found."""
        return self._of(self.found, kind, locale) / (self._of(self.there, kind, locale) or 1)

    def precision(self, kind: str, locale: str = "") -> float:
        """Return which share of the finds of a kind is right."""
        right = self._of(self.found, kind, locale)
        return right / (right + self._of(self.wrong, kind, locale) or 1)

    def _of(self, counts: Counter[tuple[str, str]], kind: str, locale: str) -> int:
        return sum(count for at, count in counts.items() if at[0] == kind and locale in ("", at[1]))

    def table(self) -> Iterator[str]:
        """Yield the lines of a table: recall/precision by kind and locale, in percent."""
        locales = sorted({locale for _, locale in self.there})
        yield f"{'kind':<8}{'cases':>6}{'recall':>8}{'prec.':>8}   " + "".join(f"{locale:>13}" for locale in locales)
        for kind in KINDS:
            each = "".join(f"{self.recall(kind, at):>7.1%}/{self.precision(kind, at):<5.0%}" for at in locales)
            there = self._of(self.there, kind, "")
            yield f"{kind:<8}{there:>6}{self.recall(kind):>8.2%}{self.precision(kind):>8.2%}   {each}"


def measure(cases: Iterable[Case]) -> Figures:
    """Count what redaction finds in each case: a piece is found if one find of its kind is exactly where it lies."""
    figures = Figures()
    for case in cases:
        at = (case.kind, case.locale)
        if case.kind:
            figures.there[at] += 1
        for found in finds(case.text):
            if case.kind and (found.start, found.end, found.kind) == (case.start, case.end, case.kind):
                figures.found[at] += 1
            else:
                figures.wrong[found.kind, case.locale] += 1
                figures.faults.append(
                    f"{case.locale} {found.kind} {case.text[found.start : found.end]!r} in {case.text!r}"
                )
        if case.kind and not any(
            (one.start, one.end, one.kind) == (case.start, case.end, case.kind) for one in finds(case.text)
        ):
            figures.faults.append(
                f"{case.locale} {case.kind} missed: {case.text[case.start : case.end]!r} in {case.text!r}"
            )
    return figures
