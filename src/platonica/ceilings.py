"""How much agreement there is to expect at most: of a space with itself, seen twice."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platonica.comparison import compare, compare_many
from platonica.errors import DegenerateInputError, ParameterError, ShapeError
from platonica.measures import get_measure
from platonica.results import Comparison
from platonica.rng import as_generator
from platonica.spaces import as_space
from platonica.store import Features

__all__ = ["Ceiling", "between", "between_rows", "split_half"]

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Ceiling:
    """Comparisons of spaces that differ in nothing that matters.

    Attributes
    ----------
    kind : str
        What was compared with what, in words.
    comparisons : tuple of Comparison
        Each with its null.
    """

    kind: str
    comparisons: tuple[Comparison, ...]

    @property
    def scores(self) -> F64:
        """Scores, one a comparison."""
        return np.array([one.score for one in self.comparisons])

    @property
    def score(self) -> float:
        """Mean of the scores."""
        return float(self.scores.mean())

    @property
    def spread(self) -> float:
        """Standard deviation of the scores; NaN of a single one. They share items and spaces."""
        return float(self.scores.std(ddof=1)) if len(self.comparisons) > 1 else float("nan")

    @property
    def chance_normalized(self) -> float:
        """Mean of the chance-normalised scores.

        Raises
        ------
        DegenerateInputError
            It is undefined for one of the comparisons.
        """
        values = [one.chance_normalized for one in self.comparisons]
        defined = [value for value in values if value is not None]
        if len(defined) < len(values):
            raise DegenerateInputError("a ceiling whose chance level already is the best value")
        return float(np.mean(defined))

    def share(self, comparison: Comparison) -> float:
        """Chance-normalised score of a comparison, as a share of this ceiling's.

        It may exceed 1: one ceiling is no bound for another pair of spaces.

        Raises
        ------
        ParameterError
            Another measure, other parameters, or another number of items.
        DegenerateInputError
            The ceiling is at chance or below, or a calibrated score is undefined.
        """
        first = self.comparisons[0]
        for name in ("measure", "params", "n_items"):
            ours, theirs = getattr(first, name), getattr(comparison, name)
            if ours != theirs:
                raise ParameterError(
                    f"a ceiling is one for the same measure, parameters and number of items: "
                    f"{name} is {ours} here and {theirs} in the comparison"
                )
        ceiling, value = self.chance_normalized, comparison.chance_normalized
        if value is None or ceiling <= 0:
            raise DegenerateInputError(
                f"the ceiling ({ceiling:.3g}) is at chance, or the score has no calibrated value: "
                "no share of it is defined"
            )
        return value / ceiling


def split_half(
    X: Any,
    measure: str | Any = "mutual_knn",
    *,
    layer: str | None = None,
    n_splits: int = 10,
    n_resamples: int = 199,
    rng: int | np.random.Generator = 0,
    **options: Any,
) -> Ceiling:
    """Split the features of one layer at random into halves, and compare these.

    What finitely many features say of themselves: the reliability of a layer, or of recordings
    whose columns are units. Halves are narrower than the whole, and agree less than it would.

    Parameters
    ----------
    X : array of shape (n_items, n_features), mapping or list of layers, or Features
    measure : str or Measure
        A paired one.
    layer : str, optional
        By default the last.
    n_splits : int, at least 1
    n_resamples : int, at least 19
        Permutations of each comparison.
    rng : int or Generator
    **options
        As in `compare`: ``k``, ``alpha``.

    Raises
    ------
    ShapeError
        Fewer than 2 features.
    ParameterError
        No splits.

    Examples
    --------
    >>> r = np.random.default_rng(0)
    >>> X = r.standard_normal((100, 3)) @ r.standard_normal((3, 400))
    >>> split_half(X, "cka").score > 0.9
    True
    """
    if n_splits < 1:
        raise ParameterError(f"n_splits must be at least 1, not {n_splits}")
    space = as_space(X, "X")
    features = np.asarray(space.array(layer if layer is not None else space.layers[-1]))
    width = features.shape[1]
    if width < 2:
        raise ShapeError(f"{space.name} needs at least 2 features to be split, but has {width}")
    generator, found = as_generator(rng), []
    for _ in range(n_splits):
        order = generator.permutation(width)
        one, other = (features[:, np.sort(part)] for part in np.array_split(order, 2))
        found.append(
            compare(one, other, measure, n_resamples=n_resamples, rng=generator, **options)
        )
    return Ceiling(f"random halves of {width} features", tuple(found))


def between(
    spaces: Mapping[str, Any] | Sequence[Any],
    measure: str | Any = "mutual_knn",
    *,
    kind: str = "spaces of one kind",
    n_resamples: int = 199,
    **options: Any,
) -> Ceiling:
    """Compare all pairs of some spaces: seeds of one model, models of one modality.

    Parameters
    ----------
    spaces : mapping of name to Features or arrays, or a sequence of them
        Of the same items; at least 2.
    measure : str or Measure
    kind : str
        What they have in common, in words.
    n_resamples : int, at least 19
    **options
        As in `compare_many`: ``k``, ``layers``, ``select``, ``exchange``, ``rng``.

    Raises
    ------
    ParameterError
        Fewer than 2 spaces.

    Examples
    --------
    >>> r = np.random.default_rng(0)
    >>> world = r.standard_normal((100, 3))
    >>> seeds = [world @ r.standard_normal((3, 20)) for _ in range(3)]
    >>> len(between(seeds, "cka", kind="seeds").scores)
    3
    """
    named = spaces if isinstance(spaces, Mapping) else {str(i): s for i, s in enumerate(spaces)}
    if len(named) < 2:
        raise ParameterError(f"a ceiling between spaces needs at least 2, not {len(named)}")
    pairs = itertools.combinations(named, 2)
    found = compare_many(named, pairs, measure, n_resamples=n_resamples, **options)
    return Ceiling(f"pairs of {len(named)} {kind}", tuple(found))


def between_rows(
    features: Features,
    measure: str | Any = "mutual_knn",
    *,
    layer: str | None = None,
    n_resamples: int = 199,
    **options: Any,
) -> Ceiling:
    """Compare what one model makes of the rows of the same items: caption with caption.

    Parameters
    ----------
    features : Features
        Whose items have at least 2 rows each.
    measure : str or Measure
    layer : str, optional
        By default the last.
    n_resamples : int, at least 19
    **options
        As in `compare_many`.

    Returns
    -------
    Ceiling
        Of all pairs of the rows that every item has: first with second, first with third ...

    Raises
    ------
    ShapeError
        An item has one row only.
    """
    counts = np.bincount(features.item_index, minlength=features.n_items)
    common = int(counts.min())
    if common < 2:
        raise ShapeError(
            f"{features.item_ids[int(counts.argmin())]!r} has one row: rows of the same item can "
            "be compared only where every item has at least 2"
        )
    rows = features.array(layer if layer is not None else features.layer_names[-1], reduce=None)
    first = np.cumsum(counts) - counts
    spaces = {f"row {r + 1}": rows[first + r] for r in range(common)}
    kind = f"rows of the same items, by {features.model}"
    # get_measure first: an unknown name is no reason to read the features
    bound = get_measure(measure) if isinstance(measure, str) else measure
    return between(spaces, bound, kind=kind, n_resamples=n_resamples, **options)
