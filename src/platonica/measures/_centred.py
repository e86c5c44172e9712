"""One space about its mean: in memory where it fits, read block by block where it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platonica.checks import check_features, check_view
from platonica.errors import DegenerateInputError, ShapeError
from platonica.rows import BLOCK_BYTES, RowView, row_blocks
from platonica.threads import available_cores

__all__ = ["STREAM_BYTES", "Centred", "centre", "cross_product", "narrowed", "paired_blocks"]

F64 = NDArray[np.float64]

SAFE = 1e-60
"""Mean squared norms between this and its inverse have fourth powers in the range of float64."""

CACHED = 1 << 16
"""Values of a block of rows that stays in the cache."""

MOST_THREADS = 8

STREAM_BYTES = 1 << 30
"""Spaces whose float64 copy is larger are not copied but read again for every product."""


@dataclass(frozen=True)
class Centred:
    """Items about their mean, in units in which their mean squared norm is 1.

    Attributes
    ----------
    source : array or RowView of shape (n_rows, n_features)
        Centred and scaled if ``mean`` is None; otherwise as it came.
    order : array of shape (n_items,), or None
        Rows of the source that are the items; None for all in their order.
    mean : array of shape (n_features,), or None
    unit : float
        Length of a feature vector in these units for each unit of the features.
    power : array of shape (n_items,)
        Squared norm of each item in these units.
    """

    source: Any
    order: NDArray[np.int64] | None
    mean: F64 | None
    unit: float
    power: F64

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.power)

    @property
    def n_features(self) -> int:
        """Number of features."""
        return int(self.source.shape[1])

    @property
    def streams(self) -> bool:
        """Whether the items are read anew for every product."""
        return self.mean is not None

    @property
    def norm(self) -> float:
        """Frobenius norm of the centred items, in units of the features."""
        return float(np.sqrt(self.power.sum()) / self.unit)

    def blocks(self, size: int | None = None) -> Iterator[tuple[slice, F64]]:
        """Yield (where, centred and scaled rows) in order."""
        if self.mean is None:
            yield slice(0, self.n_items), self.source
            return
        for part, block in row_blocks(self.source, self.order, size):
            yield part, (block.astype(np.float64) - self.mean) * self.unit

    def array(self) -> F64:
        """Return the centred and scaled items (n_items, n_features) in memory."""
        if self.mean is None:
            return self.source  # type: ignore[no-any-return]
        return np.concatenate([block for _, block in self.blocks()])

    @cached_property
    def scatter(self) -> F64:
        """Return X_cᵀ X_c (n_features, n_features), in these units."""
        return cross_product(self, self)

    def permuted(self, order: NDArray[np.int64]) -> Centred:
        """Reorder the items; nothing is computed again."""
        if self.mean is None:
            return Centred(self.source[order], None, None, self.unit, self.power[order])
        rows = order if self.order is None else self.order[order]
        return Centred(self.source, rows, self.mean, self.unit, self.power[order])

    def subset(self, rows: NDArray[np.int64]) -> Centred:
        """Some items about a mean of their own."""
        if self.mean is None:
            part = _in_memory(self.source[rows])
            return Centred(part.source, None, None, part.unit * self.unit, part.power)
        return _streamed(self.source, rows if self.order is None else self.order[rows])


def centre(X: Any, *, min_items: int = 2) -> Centred:
    """Check features and centre them in float64.

    Parameters
    ----------
    X : array or RowView of shape (n_items, n_features)

    Raises
    ------
    ShapeError, DegenerateInputError
        As in `check_features`.
    """
    if isinstance(X, RowView):
        view = check_view(X, min_items=min_items)
        if 8 * view.shape[0] * view.shape[1] > STREAM_BYTES:
            return _streamed(view, None)
        X = view.read_rows(slice(0, view.shape[0]))
    X = check_features(X, min_items=min_items)
    if 8 * X.size > STREAM_BYTES:
        return _streamed(X, None)
    return _in_memory(X)


def cross_product(a: Centred, b: Centred) -> F64:
    """X_cᵀ Y_c (n_features_x, n_features_y) of two spaces of the same items, in their units."""
    total = None
    for x, y in paired_blocks(a, b):
        product = x.T @ y
        total = product if total is None else np.add(total, product, out=total)
    assert total is not None
    return total


def paired_blocks(a: Centred, b: Centred) -> Iterator[tuple[F64, F64]]:
    """Yield centred rows of the same items of two spaces, as much at a time as memory allows."""
    if a.n_items != b.n_items:
        raise ShapeError(f"X and Y must have the same items, but have {a.n_items} and {b.n_items}")
    if not (a.streams or b.streams):
        yield a.source, b.source
        return
    size = max(1, min(_rows_of(a), _rows_of(b)))
    if a is b:
        yield from ((rows, rows) for _, rows in a.blocks(size))
        return
    for (_, x), (_, y) in zip(_cut(a, size), _cut(b, size), strict=True):
        yield x, y


def narrowed(space: Centred) -> Centred:
    """Coordinates in the span of the items where that is narrower: only a rotation.

    Spaces with more features than items are taken into memory, at most their width squared.
    """
    if space.n_features <= space.n_items:
        return space
    triangle = np.asarray(np.linalg.qr(space.array().T, mode="r"))
    return Centred(np.ascontiguousarray(triangle.T), None, None, space.unit, space.power)


def _rows_of(space: Centred) -> int:
    return BLOCK_BYTES // (8 * space.n_features)


def _cut(space: Centred, size: int) -> Iterator[tuple[slice, F64]]:
    """Blocks of a size, also of a space in memory."""
    if space.streams:
        yield from space.blocks(size)
        return
    for first in range(0, space.n_items, size):
        part = slice(first, min(first + size, space.n_items))
        yield part, space.source[part]


def _in_memory(X: NDArray[Any]) -> Centred:
    with np.errstate(over="ignore", invalid="ignore"):
        rows, power = _about_mean(X)
        size = power.mean()
    # A power of two near the largest value changes no digit and keeps squares in range.
    exponent = 0
    if not SAFE < size < 1 / SAFE:
        exponent = -int(np.frexp(max(float(X.max()), -float(X.min())))[1])
    if exponent:
        part = _in_memory(np.ldexp(X.astype(np.float64), exponent))
        return Centred(part.source, None, None, float(np.ldexp(part.unit, exponent)), part.power)
    unit = _unit(power)
    for_blocks(len(rows), rows.shape[1], lambda part: np.multiply(rows[part], unit, out=rows[part]))
    power *= unit**2
    return Centred(rows, None, None, unit, power)


def _about_mean(X: NDArray[Any]) -> tuple[F64, F64]:
    """Rows less their mean in float64, and their squared norms."""
    n, d = X.shape
    mean = X.mean(axis=0, dtype=np.float64)
    rows, power = np.empty((n, d)), np.empty(n)

    def subtract(part: slice) -> None:
        np.subtract(X[part], mean, out=rows[part])
        power[part] = np.einsum("ij,ij->i", rows[part], rows[part])

    for_blocks(n, d, subtract)
    spread = np.sqrt(power.mean() / d)
    if not np.abs(mean).max() <= spread:  # rounding of a large mean has left something
        rows -= rows.mean(axis=0)
        power = np.einsum("ij,ij->i", rows, rows)
    return rows, power


def for_blocks(n: int, width: int, work: Callable[[slice], Any]) -> None:
    """Work on blocks of rows that stay in the cache, on all cores where there are many."""
    size = max(1, CACHED // width)
    parts = [slice(start, min(start + size, n)) for start in range(0, n, size)]
    if len(parts) < 16:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(min(MOST_THREADS, available_cores())) as pool:
        for _ in pool.map(work, parts):
            pass


def _streamed(source: Any, order: NDArray[np.int64] | None) -> Centred:
    n, d = (source.shape[0] if order is None else len(order)), source.shape[1]
    total, first = np.zeros(d), None
    for part, block in row_blocks(source, order):
        finite = np.isfinite(block).all(axis=1)
        if not finite.all():
            row = part.start + int(np.argmin(finite))
            raise DegenerateInputError(f"X has NaN or infinite values, first in row {row}")
        first = block[0].astype(np.float64) if first is None else first
        total += (block - first).sum(axis=0)  # about a row: a large mean costs no digits
    mean = total / n + (0.0 if first is None else first)
    power = np.empty(n)
    for part, block in row_blocks(source, order):
        gap = block - mean
        power[part] = np.einsum("ij,ij->i", gap, gap)
    unit = _unit(power)
    return Centred(source, order, mean, unit, power * unit**2)


def _unit(power: F64) -> float:
    mean = power.mean()
    if mean == 0.0:
        raise DegenerateInputError("X is constant: all items are equal")
    return float(1.0 / np.sqrt(mean))
