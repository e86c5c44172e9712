"""Pairs arranged as matrices of models: what the heat maps draw and the map of models reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from platonica.report.views import ModelView, PairView, modality_name

__all__ = ["Grid", "all_by_all", "between_modalities"]


@dataclass(frozen=True)
class Grid:
    """A matrix of pairs.

    Attributes
    ----------
    title : str
    rows, columns : tuples of ModelView
        Trained models before controls.
    cells : tuple of tuples of (PairView or None)
        None where the pair was not compared.
    """

    title: str
    rows: tuple[ModelView, ...]
    columns: tuple[ModelView, ...]
    cells: tuple[tuple[PairView | None, ...], ...]

    @property
    def n_compared(self) -> int:
        """Number of cells that hold a pair."""
        return sum(cell is not None for row in self.cells for cell in row)


def all_by_all(models: Sequence[ModelView], pairs: Sequence[PairView]) -> Grid:
    """Arrange every model against every model, grouped by modality, controls last in each."""
    present = _present(models, pairs)
    order = [
        model
        for modality in _modalities(present)
        for model in _controls_last([m for m in present if m.modality == modality])
    ]
    return _grid("All models", order, order, pairs)


def between_modalities(models: Sequence[ModelView], pairs: Sequence[PairView]) -> list[Grid]:
    """Arrange one modality against another, one grid for each two that were compared."""
    present = _present(models, pairs)
    grids = []
    for first, second in combinations([m for m in _modalities(present) if m], 2):
        rows = _controls_last([m for m in present if m.modality == first])
        columns = _controls_last([m for m in present if m.modality == second])
        title = f"{modality_name(first)} × {modality_name(second)}"
        grid = _grid(title[0].upper() + title[1:], rows, columns, pairs)
        if grid.n_compared:
            grids.append(grid)
    return grids


def _present(models: Sequence[ModelView], pairs: Sequence[PairView]) -> list[ModelView]:
    labels = {label for pair in pairs for label in (pair.x.label, pair.y.label)}
    return [model for model in models if model.label in labels]


def _modalities(models: Sequence[ModelView]) -> list[str]:
    """Vision first, language second, others by name, models without one last."""
    rank = {"image": 0, "text": 1, "": 3}
    return sorted({m.modality for m in models}, key=lambda name: (rank.get(name, 2), name))


def _controls_last(models: Sequence[ModelView]) -> list[ModelView]:
    return sorted(models, key=lambda model: model.control)


def _grid(
    title: str,
    rows: Sequence[ModelView],
    columns: Sequence[ModelView],
    pairs: Sequence[PairView],
) -> Grid:
    found = {(pair.x.label, pair.y.label): pair for pair in pairs}
    cells = tuple(
        tuple(found.get((r.label, c.label)) or found.get((c.label, r.label)) for c in columns)
        for r in rows
    )
    return Grid(title, tuple(rows), tuple(columns), cells)
