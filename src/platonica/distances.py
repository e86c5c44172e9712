"""Pairwise dissimilarities of one space in blocks, and exact ranks of very many numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from platonica.checks import check_features, check_rdm
from platonica.errors import DegenerateInputError, ParameterError, ShapeError
from platonica.linalg import thin_svd
from platonica.threads import available_cores

__all__ = [
    "CONDENSED_BUDGET",
    "RDMS",
    "Dissimilarities",
    "Rdm",
    "condensed_size",
    "dissimilarities",
    "doubled_ranks",
]

F64 = NDArray[np.float64]
Index = NDArray[np.int64]

Rdm = Literal["correlation", "cosine", "euclidean", "sqeuclidean", "mahalanobis", "crossnobis"]
RDMS: tuple[Rdm, ...] = (
    "correlation",
    "cosine",
    "euclidean",
    "sqeuclidean",
    "mahalanobis",
    "crossnobis",
)

CONDENSED_BUDGET = 4 << 30
"""Bytes of all dissimilarities of one space in float64 (about 32,000 items)."""

_BLOCK_BYTES = 64 << 20
_PART_BYTES = 8 << 20


@dataclass(frozen=True)
class Dissimilarities:
    """Dissimilarities of the items of one space, computed where they are asked for.

    Attributes
    ----------
    rows : array of shape (n_items, n_features)
        Scaled so that products of rows give the dissimilarities; or the matrix itself.
    power : array of shape (n_items,), or None
        Squared norms, for distances; None where the dissimilarity is one minus a product.
    root : bool
        Whether distances are roots.
    unit : float
        Distances, or their squares, are in the units of the features after division by it.
    ready : bool
        ``rows`` is the matrix.
    """

    rows: F64
    power: F64 | None
    root: bool = False
    unit: float = 1.0
    ready: bool = False

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.rows)

    def permuted(self, order: Index) -> Dissimilarities:
        """Reorder the items."""
        rows = self.rows[np.ix_(order, order)] if self.ready else self.rows[order]
        power = None if self.power is None else self.power[order]
        return Dissimilarities(rows, power, self.root, self.unit, self.ready)

    def block(self, rows: slice, columns: slice) -> F64:
        """Dissimilarities (m, w) of some items to some others; the diagonal is about 0."""
        if self.ready:
            return self.rows[rows, columns]
        block: F64 = self.rows[rows] @ self.rows[columns].T
        if self.power is None:
            return np.subtract(1.0, block, out=block)
        block *= -2.0
        block += self.power[rows, None]
        block += self.power[columns]
        np.maximum(block, 0.0, out=block)  # rounding of equal items
        if self.root:
            np.sqrt(block, out=block)
        block /= self.unit
        return block

    def bands(self) -> Iterator[tuple[slice, F64]]:
        """Yield (rows, dissimilarities to all items), with zeros on the diagonal."""
        for rows in self._spans():
            block = self.block(rows, slice(0, self.n_items))
            block = block.copy() if self.ready else block
            block[np.arange(len(block)), np.arange(rows.start, rows.stop)] = 0.0
            yield rows, block

    def condensed(self) -> F64:
        """All dissimilarities of different items, in the order of SciPy's ``pdist``.

        Raises
        ------
        ShapeError
            They exceed the budget of memory.
        """
        n = self.n_items
        size = condensed_size(n)
        if 8 * size > CONDENSED_BUDGET:
            raise ShapeError(
                f"the dissimilarities of {n} items take {8 * size / 2**30:.0f} GiB, and the "
                f"budget is {CONDENSED_BUDGET / 2**30:.0f} GiB: take a sample of the items, or of "
                "the pairs (rsa has sample=)"
            )
        out, at = np.empty(size), 0
        for rows in self._spans():
            block = self.block(rows, slice(rows.start, n))
            for i, row in enumerate(block):
                length = n - rows.start - i - 1
                out[at : at + length] = row[i + 1 :]
                at += length
        return out

    def of_pairs(self, first: Index, second: Index) -> F64:
        """Dissimilarities of pairs of items, shape (n_pairs,)."""
        if self.ready:
            return self.rows[first, second]
        out = np.empty(len(first))
        size = max(1, _BLOCK_BYTES // (16 * self.rows.shape[1]))
        for start in range(0, len(first), size):
            part = slice(start, start + size)
            a, b = self.rows[first[part]], self.rows[second[part]]
            if self.power is None:
                out[part] = 1.0 - np.einsum("ij,ij->i", a, b)
            else:
                squares = np.square(a - b).sum(axis=1)
                out[part] = (np.sqrt(squares) if self.root else squares) / self.unit
        return out

    def _spans(self) -> Iterator[slice]:
        n = self.n_items
        size = max(1, _BLOCK_BYTES // (8 * n))
        return (slice(first, min(first + size, n)) for first in range(0, n, size))


def condensed_size(n_items: int) -> int:
    """Number of pairs of different items."""
    return n_items * (n_items - 1) // 2


def dissimilarities(
    X: Any, rdm: Rdm, *, folds: Any = None, ready: bool = False, min_items: int = 3
) -> Dissimilarities:
    """Prepare the dissimilarities of one space.

    Parameters
    ----------
    X : array of shape (n_items, n_features)
        For "crossnobis", the rows of every fold are the same items in the same order.
    rdm : Rdm
        "correlation" is one minus Pearson's correlation across features.
    folds : sequence of length n_rows, optional
        The repetition that each row belongs to; for "crossnobis" only.
    ready : bool
        X is a matrix of dissimilarities itself (or condensed, as SciPy's ``pdist``).
    min_items : int

    Raises
    ------
    ShapeError
        Too few items, or folds that do not repeat the same number of items.
    DegenerateInputError
        Non-finite or constant features; an item without the direction that the dissimilarity
        needs; more features than the covariance can be estimated for.
    ParameterError
        Another ``rdm``, or folds that are missing or of no use.
    """
    if ready:
        return Dissimilarities(check_rdm(X, min_items=min_items), None, ready=True)
    if rdm not in RDMS:
        raise ParameterError(f"rdm must be one of {', '.join(RDMS)}, not {rdm!r}")
    if (folds is not None) != (rdm == "crossnobis"):
        raise ParameterError(
            "crossnobis needs folds: the repetition that each row belongs to"
            if folds is None
            else f"rdm={rdm!r} does not use folds"
        )
    rows = check_features(X, min_items=min_items).astype(np.float64)
    if rdm == "crossnobis":
        return Dissimilarities(_crossnobis(rows, np.asarray(folds), min_items), None, ready=True)
    if rdm in ("correlation", "cosine"):
        return Dissimilarities(_directions(rows, centred=rdm == "correlation"), None)
    rows, unit = _centred(rows)
    if rdm == "mahalanobis":
        rows, unit = _whitened(rows), 1.0
    root = rdm != "sqeuclidean"
    power = np.einsum("ij,ij->i", rows, rows)
    return Dissimilarities(rows, power, root, unit if root else unit**2)


def _directions(rows: F64, *, centred: bool) -> F64:
    """Rows of norm 1, of mean 0 first if that is asked for."""
    largest = np.abs(rows).max(axis=1, keepdims=True)
    rows = rows / np.where(largest > 0, largest, 1.0)
    if centred:
        rows -= rows.mean(axis=1, keepdims=True)
        rows -= rows.mean(axis=1, keepdims=True)  # what rounding left of a large mean
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    if not (norms > (1e-14 * rows.shape[1] ** 0.5 if centred else 0.0)).all():
        item = int(np.argmin(norms))
        what = "features that are all equal" if centred else "a zero row"
        name = "correlation" if centred else "cosine"
        raise DegenerateInputError(f"X has {what} in item {item}: its {name} is undefined")
    rows /= norms[:, None]
    return rows


def _centred(rows: F64) -> tuple[F64, float]:
    """Rows about their mean, in units in which their mean squared norm is 1."""
    exponent = -int(np.frexp(np.abs(rows).max())[1])
    rows = np.ldexp(rows, exponent)
    rows -= rows.mean(axis=0)
    rows -= rows.mean(axis=0)
    unit = 1.0 / np.sqrt(np.einsum("ij,ij->", rows, rows) / len(rows))
    return rows * unit, float(np.ldexp(unit, exponent))


def _whitened(rows: F64) -> F64:
    n, d = rows.shape
    if d >= n:
        raise DegenerateInputError(
            f"mahalanobis needs fewer features than items, but X has {d} features and {n} items: "
            "its covariance cannot be inverted"
        )
    left, values, _ = thin_svd(rows)
    if len(values) < d:
        raise DegenerateInputError(
            f"mahalanobis needs features of full rank, but {d} features have rank {len(values)}"
        )
    whitened: F64 = left * np.sqrt(n - 1.0)
    return whitened


def _crossnobis(rows: F64, folds: NDArray[Any], min_items: int) -> F64:
    """Cross-validated squared Mahalanobis distances over pairs of folds, a feature."""
    if folds.shape != (len(rows),):
        raise ShapeError(f"folds must have one entry for each of {len(rows)} rows")
    labels, counts = np.unique(folds, return_counts=True)
    if len(labels) < 2 or len(set(counts.tolist())) != 1:
        raise ShapeError(
            "crossnobis needs at least 2 folds that repeat the same items, but the folds have "
            f"{', '.join(map(str, counts))} rows"
        )
    if counts[0] < min_items:
        raise ShapeError(f"X needs at least {min_items} items, not {counts[0]}")
    repeats = np.stack([rows[folds == label] for label in labels])
    n_folds, n, d = repeats.shape
    noise = (repeats - repeats.mean(axis=0)).reshape(-1, d)
    if d > (n_folds - 1) * n:
        raise DegenerateInputError(
            f"crossnobis needs a noise covariance of full rank: {n_folds} folds of {n} items allow "
            f"{(n_folds - 1) * n} features, but X has {d} features"
        )
    _, values, right = thin_svd(noise)
    if len(values) < d:
        raise DegenerateInputError(
            f"crossnobis needs noise in every direction, but {d} features have noise of rank "
            f"{len(values)}"
        )
    whitened = repeats @ (right / values) * np.sqrt((n_folds - 1.0) * n)
    whitened -= whitened.mean(axis=1, keepdims=True)
    total = whitened.sum(axis=0)
    gram = total @ total.T - np.einsum("fid,fjd->ij", whitened, whitened, optimize=True)
    gram /= n_folds * (n_folds - 1) * d
    diagonal = np.diagonal(gram)
    distances: F64 = diagonal[:, None] + diagonal - gram - gram.T
    np.fill_diagonal(distances, 0.0)
    return distances


@contextmanager
def _side_by_side(n_parts: int) -> Iterator[Callable[..., Any]]:
    """Give a `map` on all cores; a plain one for a single part, which starts no thread."""
    if n_parts == 1:
        yield map
        return
    with ThreadPoolExecutor(min(available_cores(), n_parts)) as pool:
        yield pool.map


def doubled_ranks(values: F64) -> NDArray[np.uint32]:
    """Twice the rank of each number, from 1; equal numbers share the mean of their ranks.

    Parameters
    ----------
    values : array of shape (N,), N < 2^31

    Returns
    -------
    array of shape (N,), uint32

    Notes
    -----
    Sorting numbers is six times as fast as sorting their positions. So each number is rounded to
    the bits that its position leaves of 64, and both are sorted as one integer; the few that
    round alike are put in order by their full value.

    Examples
    --------
    >>> doubled_ranks(np.array([0.5, 0.1, 0.5, 0.9])).tolist()
    [5, 2, 5, 8]
    """
    n = len(values)
    position_bits = max(1, (n - 1).bit_length())
    low, high = float(values.min()), float(values.max())
    steps = 2.0 ** (62 - position_bits)
    keys = np.empty(n, dtype=np.int64)
    scale = steps / (high - low) if high > low else 0.0

    def pack(part: slice) -> None:  # (v - low) * scale never falls where v grows
        coarse = ((values[part] - low) * scale).astype(np.int64)
        coarse <<= position_bits
        coarse |= np.arange(part.start, part.stop)
        keys[part] = coarse

    mask = (1 << position_bits) - 1
    run = np.zeros(n, dtype=bool)
    ranks = np.empty(n, dtype=np.uint32)

    def unpack(part: slice) -> None:
        ranks[keys[part] & mask] = np.arange(
            2 * part.start + 2, 2 * part.stop + 2, 2, dtype=np.uint32
        )
        ahead = keys[max(part.start - 1, 0) : part.stop] >> position_bits
        run[max(part.start, 1) : part.stop] = ahead[1:] == ahead[:-1]

    size = _PART_BYTES // 8
    parts = [slice(start, min(start + size, n)) for start in range(0, n, size)]
    with _side_by_side(len(parts)) as run_all:
        list(run_all(pack, parts))
        keys.sort()
        list(run_all(unpack, parts))
    if run.any():
        _order_runs(values, keys, mask, run, ranks)
    return ranks


def _order_runs(
    values: F64, keys: Index, mask: int, run: NDArray[np.bool_], ranks: NDArray[np.uint32]
) -> None:
    """Rank by their full value the numbers that were rounded alike."""
    member = run.copy()
    member[:-1] |= run[1:]
    at = np.flatnonzero(member)
    items = keys[at] & mask
    group = np.cumsum(~run[at])
    full = values[items]
    order = np.lexsort((full, group))
    items, full = items[order], full[order]
    fresh = np.ones(len(at), dtype=bool)
    fresh[1:] = (full[1:] != full[:-1]) | (group[1:] != group[:-1])
    first = np.flatnonzero(fresh)
    counts = np.diff(np.append(first, len(at)))
    # ranks at + 1 .. at + count have the mean at + (count + 1) / 2
    ranks[items] = np.repeat(2 * at[first] + counts + 1, counts).astype(np.uint32)
