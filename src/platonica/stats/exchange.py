"""Which items may change places under the null hypothesis."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from platonica.errors import ParameterError, ShapeError
from platonica.rng import as_generator, permutations

__all__ = ["Exchange"]

Index = NDArray[np.int64]


@dataclass(frozen=True)
class Exchange:
    """The units that a permutation moves, and where they may go.

    Attributes
    ----------
    n_items : int
    units : array of shape (n_units, unit_size)
        Items of a unit stay together and in order. Items of no unit stay where they are.
    words : str
        The null hypothesis.
    strata : array of shape (n_units,), or None
        Units change places within their stratum only.
    circular : bool
        Units only move on together, the last to the front.
    """

    n_items: int
    units: Index = field(repr=False)
    words: str
    strata: Index | None = field(default=None, repr=False)
    circular: bool = False

    @classmethod
    def of(cls, n_items: int, groups: Sequence[Hashable] | None = None) -> Exchange:
        """Free exchange of items, or of whole groups where there are groups.

        Parameters
        ----------
        n_items : int
        groups : sequence of length n_items, optional
            Items with None belong to no group.

        Raises
        ------
        ParameterError
            Groups of different sizes cannot change places, and fewer than 5 groups allow
            no test.
        """
        if groups is None or all(group is None for group in groups):
            return cls(n_items, np.arange(n_items)[:, None], "items of Y exchanged freely")
        members = _members(n_items, groups)
        sizes = {len(block) for block in members}
        if len(sizes) > 1 or len(members) < 5:
            raise ParameterError(
                "items of a group move together under the null, which needs at least 5 groups "
                f"of equal size; there are {len(members)} of sizes {min(sizes)} to {max(sizes)}"
            )
        size = sizes.pop()
        what = "items" if size == 1 else f"groups of {size} items"
        return cls(n_items, np.array(members), f"{what} of Y exchanged freely")

    @classmethod
    def within(cls, n_items: int, groups: Sequence[Hashable]) -> Exchange:
        """Exchange inside each group only, to see agreement beyond that of the groups.

        Parameters
        ----------
        n_items : int
        groups : sequence of length n_items
            Class, subject, video; an item with None stays where it is.

        Raises
        ------
        ParameterError
            Every group has one item only.
        """
        members = [block for block in _members(n_items, groups) if len(block) > 1]
        if not members:
            raise ParameterError(
                "exchange within groups needs groups of at least 2 items, but every group has one"
            )
        items = np.concatenate([np.array(block) for block in members])
        strata = np.repeat(np.arange(len(members)), [len(block) for block in members])
        order = np.argsort(items)
        words = f"items of Y exchanged within {len(members)} groups"
        if len(items) < n_items:
            words += f"; {n_items - len(items)} of {n_items} items cannot move"
        return cls(n_items, items[order, None], words, strata[order])

    @classmethod
    def in_blocks(cls, n_items: int, size: int) -> Exchange:
        """Exchange blocks of consecutive items, whose order inside carries dependence.

        Parameters
        ----------
        n_items : int
            What is left over after the last whole block stays where it is.
        size : int, at least 1
            Longer than the dependence reaches.

        Raises
        ------
        ParameterError
            Fewer than 5 blocks.
        """
        if size < 1 or n_items // size < 5:
            raise ParameterError(
                f"blocks of {size} items leave fewer than 5 blocks of {n_items} items to exchange"
            )
        units = np.arange(n_items // size * size).reshape(-1, size)
        words = f"blocks of {size} consecutive items of Y exchanged freely"
        if units.size < n_items:
            words += f"; the last {n_items - units.size} items stay"
        return cls(n_items, units, words)

    @classmethod
    def shifts(cls, n_items: int) -> Exchange:
        """Circular shifts of a series: its whole order is kept.

        Raises
        ------
        ShapeError
            Fewer than 20 items: no shift could reach p = 0.05.
        """
        if n_items < 20:
            raise ShapeError(f"circular shifts of {n_items} items cannot reach p = 0.05")
        units = np.arange(n_items)[:, None]
        return cls(n_items, units, "the series of Y shifted circularly", circular=True)

    @property
    def free(self) -> bool:
        """Every item may take the place of every other."""
        single = self.units.shape == (self.n_items, 1)
        return single and self.strata is None and not self.circular

    @property
    def n_arrangements(self) -> int:
        """Number of distinct orders; 1 / n_arrangements bounds the p-value from below."""
        if self.circular:
            return len(self.units)
        if self.strata is None:
            return math.factorial(len(self.units))
        return math.prod(math.factorial(int(size)) for size in np.bincount(self.strata))

    def draw(self, n_resamples: int, rng: int | np.random.Generator) -> Index:
        """Random orders of the items, shape (n_resamples, n_items)."""
        n = len(self.units)
        if self.strata is None and not self.circular:
            return self._orders(permutations(n, n_resamples, rng))
        generator = as_generator(rng)
        if self.circular:
            offsets = generator.integers(n, size=n_resamples)[:, None]
            return self._orders((np.arange(n) + offsets) % n)
        assert self.strata is not None
        home = np.argsort(self.strata, kind="stable")
        moved = np.empty((n_resamples, n), dtype=np.int64)
        for row in moved:
            row[home] = np.lexsort((generator.random(n), self.strata))
        return self._orders(moved)

    def every(self) -> Index:
        """All orders of the items, shape (n_arrangements, n_items); for few of them."""
        return self._orders(np.array(list(self._arrangements()), dtype=np.int64))

    def _arrangements(self) -> Iterator[Sequence[int]]:
        n = len(self.units)
        if self.circular:
            yield from ([(i + offset) % n for i in range(n)] for offset in range(n))
            return
        strata = np.zeros(n, dtype=np.int64) if self.strata is None else self.strata
        homes = [np.flatnonzero(strata == s) for s in np.unique(strata)]
        for parts in itertools.product(*(itertools.permutations(home) for home in homes)):
            moved = np.empty(n, dtype=np.int64)
            for home, part in zip(homes, parts, strict=True):
                moved[home] = part
            yield moved.tolist()

    def _orders(self, moved: Index) -> Index:
        orders = np.tile(np.arange(self.n_items), (len(moved), 1))
        orders[:, self.units.ravel()] = self.units[moved].reshape(len(moved), -1)
        return orders


def _members(n_items: int, groups: Sequence[Hashable]) -> list[list[int]]:
    """Items of each group, in order; an item without a group is alone."""
    if len(groups) != n_items:
        raise ShapeError(f"groups must have one entry for each of {n_items} items")
    members: dict[Hashable, list[int]] = defaultdict(list)
    for item, group in enumerate(groups):
        members[("item", item) if group is None else ("group", group)].append(item)
    return list(members.values())
