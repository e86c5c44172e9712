"""A diagnostic is a function of one space, with its declarations."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platonica.checks import check_features, check_view
from platonica.errors import DegenerateInputError, ParameterError
from platonica.measures._base import Move
from platonica.rows import RowView

__all__ = ["Diagnostic", "DiagnosticSpec", "check_space", "unit_rows"]


@dataclass(frozen=True)
class DiagnosticSpec:
    """Declarations of a diagnostic; every one of them is a test that runs for every diagnostic.

    Attributes
    ----------
    name : str
        Key in `DIAGNOSTICS`; the quantity that is returned.
    bounds : (float, float)
        Smallest and largest value there can be.
    invariant_to, sensitive_to : tuples of Move
        Moves of the space that leave the value as it is; moves that must change it.
    min_items : int
        Fewest items for which the value is defined.
    cost : str
        Time and memory in n items, d features, k neighbours.
    summary : str
        One line: what it says of a space.
    reference : str
        Where it is defined.
    """

    name: str
    bounds: tuple[float, float]
    invariant_to: tuple[Move, ...]
    sensitive_to: tuple[Move, ...]
    min_items: int
    cost: str
    summary: str
    reference: str


@dataclass(frozen=True)
class Diagnostic:
    """A quantity of one space.

    Attributes
    ----------
    spec : DiagnosticSpec
    function : callable
        From features, and parameters by keyword, to the value.
    """

    spec: DiagnosticSpec
    function: Callable[..., float]

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters with their default values, by name."""
        signature = inspect.signature(self.function).parameters.values()
        return {p.name: p.default for p in signature if p.kind is p.KEYWORD_ONLY}

    def __call__(self, X: Any, **params: Any) -> float:
        """The value for a feature matrix of shape (n_items, n_features).

        Raises
        ------
        ParameterError
            A parameter that the diagnostic does not have.
        """
        unknown = sorted(set(params) - set(self.params))
        if unknown:
            allowed = ", ".join(self.params) or "none"
            raise ParameterError(
                f"{self.spec.name} has no parameter {unknown[0]!r}; its parameters: {allowed}"
            )
        return self.function(X, **params)


def check_space(X: Any, min_items: int) -> NDArray[Any] | RowView:
    """Return checked features; a lazy view stays lazy, and its rows are checked as they come."""
    if isinstance(X, RowView):
        return check_view(X, min_items=min_items)
    return check_features(X, min_items=min_items)


def unit_rows(X: NDArray[Any] | RowView, part: slice) -> NDArray[np.float64]:
    """Read some rows in float64 and scale each to norm 1.

    Raises
    ------
    DegenerateInputError
        A zero row, or a value that is not finite.
    """
    stored = X.read_rows(part) if isinstance(X, RowView) else X[part]
    rows: NDArray[np.float64] = stored.astype(np.float64)
    largest = np.abs(rows).max(axis=1)
    if not np.isfinite(largest).all():
        row = part.start + int(np.argmin(np.isfinite(largest)))
        raise DegenerateInputError(f"X has NaN or infinite values, first in row {row}")
    if not largest.all():
        row = part.start + int(np.argmin(largest))
        raise DegenerateInputError(f"X has a zero row, which has no direction: row {row}")
    rows /= largest[:, None]  # first: squares of very large or small values would not be finite
    rows /= np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
    return rows
