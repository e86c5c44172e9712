"""A space whose layers a measure has prepared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from platonica.errors import DegenerateInputError, UnknownNameError
from platonica.measures import Kind
from platonica.spaces import Space
from platonica.stats import prepare_layers

__all__ = ["Prepared"]


@dataclass(frozen=True)
class Prepared:
    """One space with the states of its layers; None where a layer is degenerate."""

    measure: Any
    space: Space
    role: Literal["x", "y"]
    states: tuple[Any, ...]
    warnings: tuple[str, ...]
    folds: Sequence[int] | None = None
    kind: Kind = "features"

    @classmethod
    def of(
        cls,
        measure: Any,
        space: Space,
        role: Literal["x", "y"],
        *,
        folds: Sequence[int] | None = None,
        kind: Kind = "features",
    ) -> Prepared:
        """Prepare every layer, and say of each that is left out why."""
        prepared = prepare_layers(
            measure,
            space.layers,
            space.array,
            n_items=space.n_items,
            role=role,
            groups=space.groups,
            folds=folds,
            kind=kind,
        )
        states: list[Any] = []
        warnings: list[str] = []
        for layer, state in zip(space.layers, prepared, strict=True):
            where = f"{space.name}, layer {layer}"
            if isinstance(state, DegenerateInputError):
                warnings.append(f"left out: {where}: {state}")
                states.append(None)
            else:
                warnings += [f"{where}: {text}" for text in measure.cautions(state)]
                states.append(state)
        if all(state is None for state in states):
            raise DegenerateInputError(warnings[-1].removeprefix("left out: "))
        return cls(measure, space, role, tuple(states), tuple(warnings), folds, kind)

    def mapped(self, change: Callable[[Any], Any]) -> Prepared:
        """Change every state; a layer that cannot be changed is left out, and why is said."""
        states: list[Any] = []
        warnings = list(self.warnings)
        for layer, state in zip(self.space.layers, self.states, strict=True):
            try:
                states.append(None if state is None else change(state))
            except DegenerateInputError as error:
                warnings.append(f"left out: {self.space.name}, layer {layer}: {error}")
                states.append(None)
        if all(state is None for state in states):
            raise DegenerateInputError(warnings[-1].removeprefix("left out: "))
        return replace(self, states=tuple(states), warnings=tuple(warnings))

    def choose(self, wanted: str) -> list[int]:
        """Indices of the layers to search."""
        usable = [i for i, state in enumerate(self.states) if state is not None]
        if wanted == "best":
            return usable
        if wanted == "last":
            chosen = len(self.states) - 1
        elif wanted in self.space.layers:
            chosen = self.space.layers.index(wanted)
        else:
            raise UnknownNameError.among(f"layer of {self.space.name}", wanted, self.space.layers)
        if chosen not in usable:
            raise DegenerateInputError(self.warnings[0])
        return [chosen]

    def for_subsets(self, index: int) -> Any:
        """State of a layer from which subsets can be taken cheaply.

        A neighbour measure holds twice its k there, so that few rows of a subset run short.
        """
        params = self.measure.params
        if "k" not in params:
            return self.states[index]
        wide = self.measure.bound(k=min(2 * params["k"], self.space.n_items - 2))
        layer = self.space.layers[index]
        return wide.prepare(self.space.array(layer), role=self.role, groups=self.space.groups)
