"""How far annotators agree, beyond what chance would give: kept as one small matrix, to which items are added.

All figures come from the coincidence matrix, which is a plain sum over items. So it is maintained by `+` and `-`:
add an item's coincidences when it has answers; when an answer changes, subtract the old ones and add the new.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labelwright.errors import ContractError


def coincidences(counts: ArrayLike) -> NDArray[np.float64]:
    """Return the coincidence matrix, (k, k), of one item's answer counts, (k,), or the sum over items, (items, k).

    Cell (c, d) counts the ordered pairs of annotators who answered c and d, each item weighing as many answers as it
    has. Items with fewer than two answers add nothing. Raises ContractError on a negative count.
    Krippendorff 2011, "Computing Krippendorff's alpha-reliability", section C.
    """
    by_item = np.atleast_2d(np.asarray(counts, dtype=np.float64))
    if (by_item < 0).any():
        raise ContractError("negative_count", f"answer count {float(by_item.min())!r} is negative; counts start from 0")
    answers = by_item.sum(axis=1)
    weights = np.where(answers > 1, 1 / np.maximum(answers - 1, 1), 0)[:, None]
    pairs: NDArray[np.float64] = by_item.T @ (by_item * weights) - np.diag((by_item * weights).sum(axis=0))
    return pairs


def raw_agreement(matrix: NDArray[np.float64]) -> float | None:
    """Return the share of pairs of answers to one item that agree, of a coincidence matrix; None without any pair."""
    pairs = float(matrix.sum())
    return float(np.trace(matrix)) / pairs if pairs else None


def krippendorff_alpha(matrix: NDArray[np.float64]) -> float | None:
    """Return Krippendorff's alpha for nominal labels, of a coincidence matrix: 1 is perfect, 0 is chance.

    None where it isn't defined: without any pair, or when only one class was ever answered, so that nothing could have
    disagreed.
    """
    totals = matrix.sum(axis=1)
    pairs = float(totals.sum())
    could_disagree = pairs**2 - float(totals @ totals)
    # A matrix from which items were taken back may hold rounding noise where it held zeros.
    if could_disagree <= 1e-9 * pairs**2:
        return None
    return 1 - (pairs - 1) * (pairs - float(np.trace(matrix))) / could_disagree
