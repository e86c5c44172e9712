"""Rows of one space: exact distances of pairs, and who comes first in a tie."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from platonica.errors import DegenerateInputError, ParameterError, ShapeError
from platonica.neighbors._threads import slices
from platonica.rng import as_generator

__all__ = ["ROWS", "Metric", "Ranked", "Space", "refuse_collapsed"]

Metric = Literal["cosine", "euclidean"]

_Float = NDArray[np.float64]
_Index = NDArray[np.int64]

CACHED = 1 << 16  # values of a float64 block that stays in the cache while it is worked on
ROWS = 128  # rows whose candidates are ranked at a time


class Ranked(NamedTuple):
    """Neighbours of some rows, from nearest to farthest."""

    indices: NDArray[Any]  # (m, k)
    distances: NDArray[Any]  # (m, k)
    tied: NDArray[Any]  # (m,): the k-th is as far as one left out

    @classmethod
    def empty(cls, m: int, k: int) -> Ranked:
        return cls(np.empty((m, k), dtype=np.int64), np.empty((m, k)), np.zeros(m, dtype=bool))

    def put(self, rows: _Index, part: Ranked) -> None:
        """Fill in some rows."""
        for whole, piece in zip(self, part, strict=True):
            whole[rows] = piece

    @property
    def n_arbitrary(self) -> int:
        """Neighbours that priority chose: as far as the k-th, where that is tied."""
        last = self.distances == self.distances[:, -1:]
        return int(last[self.tied].sum())

    def take(self, rows: _Index) -> Ranked:
        return Ranked(self.indices[rows], self.distances[rows], self.tied[rows])


class _Scale(NamedTuple):
    """What rows are scaled by: divided by 2^exponent and 2^peaks, then multiplied by inverses."""

    exponent: int
    inverses: _Float | None  # (n, 1): of norms; a product is four times as fast as a quotient
    peaks: NDArray[np.int32] | None  # (n, 1): where squares would leave the range of float64

    @classmethod
    def of_unit_rows(cls, X: NDArray[Any], pool: ThreadPoolExecutor) -> _Scale:
        inverses = np.empty((len(X), 1))
        peaks = np.zeros((len(X), 1), dtype=np.int32)

        def measure(part: slice) -> int | None:
            block = X[part].astype(np.float64)
            with np.errstate(over="ignore"):
                squares = (block * block).sum(axis=1)
            if not (squares.min() > 1e-200 and squares.max() < 1e200):
                # by a power of two, so that squares neither overflow nor vanish
                peak = np.maximum(block.max(axis=1), -block.min(axis=1))
                if not peak.all():
                    return int(part.start + peak.argmin())
                peaks[part, 0] = np.frexp(peak)[1]
                block = _ldexp(block, -peaks[part])
                squares = (block * block).sum(axis=1)
            inverses[part, 0] = 1.0 / np.sqrt(squares)
            return None

        for zero in pool.map(measure, slices(len(X), max(8, CACHED // X.shape[1]))):
            if zero is not None:
                raise DegenerateInputError(f"X has a zero row under the cosine metric: row {zero}")
        return cls(0, inverses, peaks if peaks.any() else None)

    def apply(self, rows: _Float, which: slice | _Index) -> _Float:
        """Scale rows where they are."""
        if self.inverses is None:
            return np.ldexp(rows, -self.exponent, out=rows) if self.exponent else rows
        if self.peaks is not None:
            np.ldexp(rows, -self.peaks[which], out=rows)
        rows *= self.inverses[which]
        return rows

    def take(self, which: _Index) -> _Scale:
        inverses = None if self.inverses is None else self.inverses[which]
        return _Scale(self.exponent, inverses, None if self.peaks is None else self.peaks[which])


class Space:
    """Rows of one space, their exact distances, and the rule for ties.

    Rows are unit rows (cosine), or X divided by 2^exponent, which loses no bit. They are made in
    float64 from X where they are needed: the same bits each time, and no copy of X in memory.
    """

    def __init__(
        self,
        X: NDArray[Any],
        scale: _Scale,
        metric: Metric,
        codes: NDArray[np.int32] | None,
        whole: NDArray[Any],
        taken: _Index | None = None,
    ) -> None:
        self._X = X
        self._scale = scale
        self.metric: Metric = metric
        self.codes = codes
        self._whole = whole
        self._taken = taken

    @classmethod
    def of(
        cls,
        X: NDArray[Any],
        metric: Metric,
        groups: Sequence[Hashable] | None,
        pool: ThreadPoolExecutor,
    ) -> Space:
        codes = _group_codes(groups, len(X))
        if metric == "cosine":
            return cls(X, _Scale.of_unit_rows(X, pool), metric, codes, X)
        if metric == "euclidean":
            exponent = int(np.frexp(max(float(X.max()), -float(X.min())))[1])
            return cls(X, _Scale(exponent, None, None), metric, codes, X)
        raise ParameterError(f'metric must be "cosine" or "euclidean", not {metric!r}')

    def __len__(self) -> int:
        return len(self._X)

    @property
    def width(self) -> int:
        """Number of features."""
        return int(self._X.shape[1])

    @property
    def block(self) -> int:
        """Rows that are worked on at a time."""
        return max(8, CACHED // self.width)

    def rows(self, which: slice | _Index) -> _Float:
        """Some rows in float64; a fresh array."""
        return self._scale.apply(self._X[which].astype(np.float64), which)

    def take(self, rows: _Index) -> Space:
        """Return some rows as a space of their own that breaks ties as the whole does."""
        codes = None if self.codes is None else self.codes[rows]
        scale = self._scale.take(rows)
        return Space(self._X[rows], scale, self.metric, codes, self._whole, rows)

    def check_groups(self, k: int) -> None:
        if self.codes is None:
            return
        _, inverse, sizes = np.unique(self.codes, return_inverse=True, return_counts=True)
        allowed = len(self) - sizes[inverse]
        if allowed.min() < k:
            row = int(allowed.argmin())
            raise ShapeError(
                f"k = {k} neighbours are asked for, but groups leaves row {row} only "
                f"{allowed[row]} items outside its own group"
            )

    @cached_property
    def priority(self) -> _Index:
        """Rank of every row among its ties, drawn from a digest of the features."""
        digest = hashlib.blake2b(repr(self._whole.shape).encode(), digest_size=16)
        for part in slices(len(self._whole), ROWS):
            # + 0.0 makes the two zeros one
            digest.update((self._whole[part].astype(np.float64) + 0.0).tobytes())
        seed = int.from_bytes(digest.digest(), "big")
        priority = as_generator(seed).permutation(len(self._whole))
        return priority if self._taken is None else priority[self._taken]

    @cached_property
    def representatives(self) -> _Index:
        """The first row that is identical to each row."""
        first: dict[bytes, int] = {}
        keys = (
            hashlib.blake2b((row + 0.0).tobytes(), digest_size=16).digest()
            for part in slices(len(self), self.block)
            for row in self.rows(part)
        )
        return np.array([first.setdefault(key, i) for i, key in enumerate(keys)])

    def distances(self, a: _Index, b: _Index) -> _Float:
        """Measure pairs of rows; rounded, and the same bits for (i, j) and (j, i)."""
        squares = np.empty(len(a))
        size = 2 * self.block
        # threads that allocate and free blocks of this size wait for each other in the kernel
        taken = np.empty((size, self.width), dtype=self._X.dtype)
        gap, other = np.empty((2, size, self.width))
        for part in slices(len(a), size):
            m = part.stop - part.start
            self._fill(gap[:m], taken[:m], a[part])
            self._fill(other[:m], taken[:m], b[part])
            np.subtract(gap[:m], other[:m], out=gap[:m])
            np.multiply(gap[:m], gap[:m], out=gap[:m])
            # a sum over the last axis is pairwise and looks at one row only
            gap[:m].sum(axis=1, out=squares[part])
        return self._round(np.sqrt(squares, out=squares))

    def _fill(self, out: _Float, taken: NDArray[Any], which: _Index) -> None:
        """Write some rows into a block of memory that is there."""
        np.take(self._X, which, axis=0, out=taken, mode="clip")
        np.copyto(out, taken)
        self._scale.apply(out, which)

    @cached_property
    def supports(self) -> NDArray[np.float32] | None:
        """Ones where rows are not 0; None unless most features are."""
        supports = (self._X != 0).astype(np.float32)
        return supports if supports.mean() < 0.5 else None

    @cached_property
    def _squares(self) -> _Float:
        return np.concatenate(
            [np.square(self.rows(p)).sum(axis=1) for p in slices(len(self), self.block)]
        )

    def distances_apart(self, row: int, others: _Index) -> tuple[_Float, NDArray[np.bool_]]:
        """Distances of rows without a common feature, and where they are sure to be as measured.

        Then the squared norms add up. This sum and the direct one differ by at most ``spread``:
        half of 20 + log2(d) roundings each, and a root. Where no step of the rounding lies so
        near, both give the same bits; so masses of exact ties need not be measured.
        """
        distances = np.sqrt(self._squares[row] + self._squares[others])
        spread = (24 + self.width.bit_length()) * 2.0**-53
        low = self._round(distances * (1 - spread))
        return low, low == self._round(distances * (1 + spread))

    def unscaled(self, distances: _Float) -> _Float:
        """Return distances in units of the features; ``rows`` are divided by 2^exponent."""
        return _ldexp(distances, self._scale.exponent)

    def _round(self, distances: _Float) -> _Float:
        """Round distances so that those which float64 cannot tell apart are equal.

        The direct sum has a relative error of about 2^-50. Unit rows carry an error of 2^-53
        of their own in every feature, which two distances that are equal for X do not share:
        2^-50 absolutely. Steps of 2^-44 (cosine) and of 44 bits (euclidean) lie well above
        both, and far below any difference that features mean.
        """
        if self.metric == "cosine":
            return _ldexp(np.rint(distances * 2.0**44), -44)
        mantissa, exponent = np.frexp(distances)
        return _ldexp(np.rint(mantissa * 2.0**44), exponent - 44)

    def tie_width(self, distances: _Float) -> _Float:
        """More than two distances can differ and be rounded to the same."""
        if self.metric == "cosine":
            return np.full_like(distances, 2.0**-43)
        return distances * 2.0**-42

    def select(self, candidates: _Index, distances: _Float, k: int) -> Ranked:
        """Take the k nearest candidates of every row, ties by priority.

        Both arrays have shape (m, w), w > k, and are padded by distance infinity.
        """
        order = np.argsort(distances, axis=1, kind="stable")
        ordered = np.take_along_axis(distances, order, axis=1)
        equal = ordered[:, :k] == ordered[:, 1 : k + 1]
        ties = np.flatnonzero(equal.any(axis=1))
        if ties.size:
            first = np.argsort(self.priority[candidates[ties]], axis=1)
            then = np.argsort(np.take_along_axis(distances[ties], first, 1), axis=1, kind="stable")
            order[ties] = np.take_along_axis(first, then, axis=1)
        chosen = np.take_along_axis(candidates, order[:, :k], axis=1)
        return Ranked(chosen, ordered[:, :k], equal[:, k - 1])


def _ldexp(values: _Float, exponent: Any) -> _Float:
    """Multiply by 2^exponent, which loses no bit."""
    scaled: _Float = np.ldexp(values, exponent)
    return scaled


def _group_codes(groups: Sequence[Hashable] | None, n_items: int) -> NDArray[np.int32] | None:
    """Equal codes for items of one group, or None if every item stands alone."""
    if groups is None:
        return None
    if len(groups) != n_items:
        raise ShapeError(
            f"groups must have one entry for each of {n_items} rows, not {len(groups)}"
        )
    known: dict[Hashable, int] = {}
    codes = [
        -1 - row if group is None else known.setdefault(group, len(known))
        for row, group in enumerate(groups)
    ]
    return None if len(set(codes)) == n_items else np.array(codes, dtype=np.int32)


def refuse_collapsed(n_arbitrary: int, n_items: int, k: int) -> None:
    if 2 * n_arbitrary > n_items * k:
        raise DegenerateInputError(
            f"X is collapsed: at least {n_arbitrary} of {n_items} x {k} neighbours are as far as "
            "items that are left out, so that the lists are arbitrary"
        )
