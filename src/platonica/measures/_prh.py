"""The protocol of the first hypothesis paper's code, so that published numbers can be checked.

It clips the largest twentieth of the values, scales rows to norm 1, and adds 1e-6 to the
denominators of CKA and CKNNA. Never the default: the clipping moves scores with outliers, and the
added constant is felt where features are small.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from platonica.checks import check_features
from platonica.errors import DegenerateInputError, ParameterError

__all__ = ["PRH_EPSILON", "Compat", "check_compat", "prh_features"]

Compat = Literal["prh", "prh-script"] | None
"""Parameter ``compat`` of the measures that the paper's code has; None is the exact form.

"prh" clips as the code's programming interface does (and its script with --precise), at one
percentile of all values; "prh-script" as its script does by default, at the mean of the items' own
percentiles.
"""

PRH_QUANTILE = 0.95
PRH_EPSILON = 1e-6


def check_compat(compat: Compat) -> Compat:
    """Return a parity mode that exists.

    Raises
    ------
    ParameterError
        Another one.
    """
    if compat not in (None, "prh", "prh-script"):
        raise ParameterError(f"compat must be None, 'prh' or 'prh-script', not {compat!r}")
    return compat


def prh_features(X: Any, compat: Compat, *, min_items: int = 1) -> NDArray[np.float64]:
    """Clip at the 95th percentile of the absolute values, then scale the rows.

    Parameters
    ----------
    X : array of shape (n_items, n_features)
    compat : {"prh", "prh-script"}

    Returns
    -------
    array of shape (n_items, n_features), float64, rows of norm 1

    Raises
    ------
    DegenerateInputError
        A row is zero, or becomes zero; and as in `check_features`.

    Notes
    -----
    The percentile is the value at position int(0.95 N) of all N sorted absolute values, or the
    mean over items of each one's interpolated percentile. The paper's code takes it over all
    layers of a model at once, so that one large layer decides for the others; here it is that of
    the layer given.
    """
    X = check_features(X, min_items=min_items).astype(np.float64)
    size = np.abs(X)
    if compat == "prh-script":
        limit = np.quantile(size, PRH_QUANTILE, axis=1).mean()
    else:
        at = int(PRH_QUANTILE * size.size)
        limit = np.partition(size.ravel(), at)[at]
    clipped = np.clip(X, -limit, limit)
    norms = np.sqrt((clipped * clipped).sum(axis=1, keepdims=True))
    if not norms.all():
        row = int(np.argmin(norms))
        raise DegenerateInputError(f"X has a zero row after clipping: row {row}")
    rows: NDArray[np.float64] = clipped / norms
    return rows
