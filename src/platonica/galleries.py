"""Scores against the size of the gallery, beside a ceiling and a control."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from platonica.errors import ParameterError
from platonica.measures import get_measure
from platonica.prepared import Prepared
from platonica.spaces import Rule, as_space, check_paired
from platonica.stats.curves import CurveFit, CurvePoint, fit_curve, gallery_curve
from platonica.stats.exchange import Exchange

__all__ = ["GalleryCurve", "gallery_curves"]

SMALLEST = 64
"""Items of the smallest gallery, unless sizes are given."""


@dataclass(frozen=True)
class GalleryCurve:
    """One pair of spaces in galleries of several sizes.

    Attributes
    ----------
    label : str
    measure : str
    hold : {"k", "k/n"}
        What a measure with neighbours keeps from gallery to gallery.
    points : tuple of CurvePoint
        By size, each with its own chance level.
    fit : CurveFit or None
        A power law through the chance-normalised scores; None where one is not above chance.
    """

    label: str
    measure: str
    hold: str
    points: tuple[CurvePoint, ...]
    fit: CurveFit | None

    def predict(self, n_items: int) -> tuple[float, bool] | None:
        """Chance-normalised score of a gallery, and whether that is extrapolated."""
        return None if self.fit is None else self.fit.predict(n_items)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "label": self.label,
            "measure": self.measure,
            "hold": self.hold,
            "points": [
                {
                    "n_items": point.n_items,
                    "k": point.k,
                    "score": point.score,
                    "spread": point.spread,
                    "null_mean": point.null_mean,
                    "chance_normalized": point.chance_normalized,
                    "n_galleries": len(point.scores),
                }
                for point in self.points
            ],
            "fit": None
            if self.fit is None
            else {
                "exponent": self.fit.exponent,
                "residual": self.fit.residual,
                "largest": self.fit.largest,
                "at_ten_times_the_largest": self.fit.predict(10 * self.fit.largest)[0],
            },
        }


def gallery_curves(
    pairs: Mapping[str, tuple[Any, Any]],
    measure: str | Any = "mutual_knn",
    *,
    k: int | None = None,
    hold: Literal["k", "k/n"] = "k",
    sizes: Sequence[int] | None = None,
    n_galleries: int = 20,
    reduce: Rule = "first",
    rng: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[GalleryCurve]:
    """Score pairs of spaces in random galleries of growing size, the same for every pair.

    A score falls with the gallery if k stays, whatever the spaces are. So compare its curve with
    a ceiling (two models of one modality) and a control (an untrained twin, pixels): what falls
    as the ceiling does is the gallery's doing.

    Parameters
    ----------
    pairs : mapping of label to (X, Y)
        Features or arrays of the same items; their last layers are compared, so that there is no
        search over layers in a gallery.
    measure : str or Measure
    k : int, optional
        Neighbours an item in the largest gallery.
    hold : {"k", "k/n"}
        Whether k, or its share of the gallery, stays.
    sizes : sequence of int, optional
        By default 64, 128, ... and all items.
    n_galleries : int
        Random galleries of each size; those of one draw are nested.
    reduce : Rule
        As in `compare`.
    rng : int
    progress : callable(done, total), optional

    Returns
    -------
    list of GalleryCurve

    Raises
    ------
    ParameterError
        No pairs, an unpaired measure, or another ``hold``.
    ShapeError, PairingError
        Other items, or sizes out of range.

    Examples
    --------
    >>> import numpy as np
    >>> r = np.random.default_rng(0)
    >>> world = r.standard_normal((300, 4))
    >>> X, Y, Z = (world @ r.standard_normal((4, 20)) for _ in "XYZ")
    >>> across, ceiling = gallery_curves({"across": (X, Y), "ceiling": (X, Z)}, n_galleries=5)
    >>> [point.n_items for point in across.points]
    [64, 128, 256, 300]
    """
    bound = get_measure(measure) if isinstance(measure, str) else measure
    bound = bound if k is None else bound.bound(k=k)
    if not bound.spec.paired:
        raise ParameterError(f"{bound.spec.name} has no null by pairing, and so no curve")
    if not pairs:
        raise ParameterError("a curve needs at least one pair of spaces")
    first = as_space(next(iter(pairs.values()))[0], "X", reduce)
    exchange = Exchange.of(first.n_items, first.groups)
    n = len(exchange.units)
    chosen = [size for size in (SMALLEST << i for i in range(40)) if size < n] + [n]
    curves = []
    for done, (label, (x, y)) in enumerate(pairs.items(), 1):
        sides = []
        for one, role in ((x, "x"), (y, "y")):
            space = check_paired(first, as_space(one, f"{label} {role}", reduce))
            last = Prepared.of(bound, space.only(space.layers[-1]), role)  # type: ignore[arg-type]
            sides.append(last.for_subsets(0))
        points = gallery_curve(
            bound, *sides, exchange=exchange, sizes=chosen if sizes is None else sizes, hold=hold,
            n_galleries=n_galleries, rng=rng,
        )  # fmt: skip
        curves.append(GalleryCurve(label, bound.spec.name, hold, tuple(points), _fit(points)))
        if progress is not None:
            progress(done, len(pairs))
    return curves


def _fit(points: Sequence[CurvePoint]) -> CurveFit | None:
    try:
        return fit_curve(points)
    except ParameterError:
        return None
