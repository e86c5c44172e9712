"""The result of a comparison: a score with all that is needed to believe it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platonica.errors import ParameterError
from platonica.stats.multiplicity import max_t_pvalues

__all__ = ["Comparison", "Side"]


@dataclass(frozen=True)
class Side:
    """Whose features one side of a comparison are."""

    name: str
    fingerprint: str | None = None


@dataclass(frozen=True)
class Comparison:
    """A score with its null: how far two spaces agree, and whether that could be chance.

    Attributes
    ----------
    x, y : Side
        Names and fingerprints of what was compared.
    measure : str
    params : dict
        Parameters of the measure.
    direction : {"similarity", "distance"}
    score : float
        Of the selected pair of layers.
    null_mean, null_std : float
        Of the selected statistic under the null: after the search over layers.
    pair_null_mean : float or None
        Mean of the score of the selected pair alone under free exchange; None where no exact
        value is known.
    pvalue : float
        (1 + null values at least as close) / (1 + n_resamples), for the selected statistic;
        without resamples, from the exact moments of the null.
    z : float or None
        (score - null_mean) / null_std; nulls are skewed, so read it beside the p-value.
    chance_normalized : float or None
        (score - null_mean) / (best - null_mean): 0 at chance, 1 at the best value.
    gated : float or None
        The same above the null's 95 % point, and 0 below it (Groeger et al. 2026).
    interval : (float, float) or None
        Of the score for other items of the same population; None: not computed.
    interval_method : str or None
        Its level, and how it was computed.
    n_items : int
    reduce : str or None
        What stood for an item with several rows; None where every item has one.
    layer_x, layer_y : str
        The selected pair of layers.
    n_layer_pairs : int
        Number of pairs that were searched, in the data and in every permutation.
    layers_x, layers_y : tuple of str
    layer_scores : array of shape (len(layers_x), len(layers_y))
        NaN where a layer is degenerate; `warnings` says why.
    null : str
        What was exchanged, in words, and how many times.
    n_resamples : int
    selection : str
        How the layers were chosen, in words.
    rng : int or None
        Seed of the permutations, where it is known.
    warnings : tuple of str
    null_distribution : array of shape (n_resamples,)
    """

    x: Side
    y: Side
    measure: str
    params: Mapping[str, Any]
    direction: str
    score: float
    null_mean: float
    null_std: float
    pair_null_mean: float | None
    pvalue: float
    z: float | None
    chance_normalized: float | None
    gated: float | None
    interval: tuple[float, float] | None
    interval_method: str | None
    n_items: int
    reduce: str | None
    layer_x: str
    layer_y: str
    n_layer_pairs: int
    layers_x: tuple[str, ...]
    layers_y: tuple[str, ...]
    layer_scores: NDArray[np.float64] = field(repr=False)
    null: str
    n_resamples: int
    selection: str
    rng: int | None
    warnings: tuple[str, ...]
    null_distribution: NDArray[np.float64] = field(repr=False)

    @property
    def layer_pvalues(self) -> NDArray[np.float64]:
        """P of every pair of layers, corrected for all of them (Westfall and Young's max-T).

        Raises
        ------
        ParameterError
            The null is not that of the best pair of layers, or nothing was drawn.
        """
        if not len(self.null_distribution) or "mean" in self.selection:
            raise ParameterError(
                "p-values of layers need the null of the best pair (select='best'), drawn by "
                "permutation"
            )
        direction: Any = self.direction
        return max_t_pvalues(self.layer_scores, self.null_distribution, direction)

    def __str__(self) -> str:
        """Everything needed to believe the score, in one line."""
        used = {key: value for key, value in self.params.items() if value is not None}
        params = "".join(f"{key}={value}, " for key, value in used.items())
        searched = f"best of {self.n_layer_pairs} pairs" if self.n_layer_pairs > 1 else "one pair"
        calibrated = _digits(self.chance_normalized)
        of = f"of {self.n_resamples} permutations" if self.n_resamples else "by exact moments"
        return (
            f"{self.x.name} x {self.y.name}: {self.measure} {self.score:.4f} "
            f"({params}n={self.n_items}; null {self.null_mean:.4f} ± {self.null_std:.4f}, "
            f"p = {self.pvalue:.2g} {of}; calibrated {calibrated}; "
            f"layers {self.layer_x} x {self.layer_y}, {searched})"
        )

    def __rich__(self) -> Any:
        """Return a table of the fields."""
        from rich.table import Table

        table = Table("field", "value", title=f"{self.x.name} x {self.y.name}")
        shown = self.to_dict()
        for name in ("schema_version", "x", "y", "layers_x", "layers_y", "layer_scores"):
            del shown[name]
        for name, value in shown.items():
            text = f"{value:.6g}" if isinstance(value, float) else str(value)
            table.add_row(name, "\n".join(value) if isinstance(value, list) else text)
        return table

    def to_dict(self) -> dict[str, Any]:
        """Every field but the null distribution, as plain JSON values; NaN becomes None."""
        fields = {**asdict(self), "schema_version": 1, "params": dict(self.params)}
        del fields["null_distribution"]
        return {key: _plain(value) for key, value in sorted(fields.items())}

    def to_json(self) -> str:
        """`to_dict` as text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)


def _digits(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"


def _plain(value: Any) -> Any:
    """Plain JSON values: no NumPy types, None for NaN."""
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
