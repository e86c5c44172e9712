"""Which items may change places under the null hypothesis."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from platonica.errors import ParameterError
from platonica.rng import permutations

__all__ = ["Exchange"]


@dataclass(frozen=True)
class Exchange:
    """The units that a permutation moves.

    Attributes
    ----------
    n_items : int
    blocks : array of shape (n_blocks, block_size)
        Items of a block stay together and in order; blocks change places freely.
    """

    n_items: int
    blocks: NDArray[np.int64]

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
            return cls(n_items, np.arange(n_items)[:, None])
        members: dict[Hashable, list[int]] = defaultdict(list)
        for item, group in enumerate(groups):
            members[("item", item) if group is None else ("group", group)].append(item)
        sizes = {len(block) for block in members.values()}
        if len(sizes) > 1 or len(members) < 5:
            raise ParameterError(
                "items of a group move together under the null, which needs at least 5 groups "
                f"of equal size; there are {len(members)} of sizes {min(sizes)} to {max(sizes)}"
            )
        return cls(n_items, np.array(list(members.values())))

    def draw(self, n_resamples: int, rng: int | np.random.Generator) -> NDArray[np.int64]:
        """Random orders of the items, shape (n_resamples, n_items)."""
        orders = np.empty((n_resamples, self.n_items), dtype=np.int64)
        moved = permutations(len(self.blocks), n_resamples, rng)
        orders[:, self.blocks.ravel()] = self.blocks[moved].reshape(n_resamples, -1)
        return orders

    @property
    def words(self) -> str:
        """The null hypothesis in words."""
        size = self.blocks.shape[1]
        what = "items" if size == 1 else f"groups of {size} items"
        return f"{what} of Y exchanged freely"
