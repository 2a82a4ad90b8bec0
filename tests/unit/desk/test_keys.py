"""The key table."""

from collections import Counter

import pytest

from services.desk.keys import SKIP_REASONS, key_table


@pytest.mark.parametrize("labels", [["a", "b"], [f"label_{n}" for n in range(64)]])
def test_no_key_means_two_things_at_once(labels: list[str]) -> None:
    table = key_table(labels)

    pressed = Counter((key.scope, cap) for key in table.keys for cap in (key.key, key.also) if cap)
    assert max(pressed.values()) == 1


def test_labels_have_digits_in_the_guidelines_order() -> None:
    table = key_table([f"label_{n}" for n in range(12)])

    badges = [table.badge(f"label label_{n}") for n in range(12)]
    assert badges == [*"123456789", "", "", ""]


def test_every_reason_to_skip_has_a_key() -> None:
    table = key_table(["a", "b"])

    assert [table.badge(f"skip {reason}") for reason in SKIP_REASONS] == ["1", "2", "3"]
