"""What controls explain, taken out of both spaces before they are compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from platonica.errors import DegenerateInputError, ParameterError
from platonica.measures import Kind
from platonica.prepared import Prepared
from platonica.residuals import Explained, explained_by
from platonica.spaces import Rule, Space, as_space, check_paired

__all__ = ["Controls", "Refitted", "find_controls"]


@dataclass(frozen=True)
class Controls:
    """How controls are taken out: of features, or of the states that a measure prepared.

    Attributes
    ----------
    words : str
        What was taken out, as a sentence.
    explained : Explained or None
        What is taken out of features.
    of_state : callable or None
        From a state to one of residuals.
    """

    words: str
    explained: Explained | None = None
    of_state: Callable[[Any], Any] | None = None

    def prepare(
        self, measure: Any, space: Space, role: Literal["x", "y"], **options: Any
    ) -> Prepared:
        """Prepare a space without what the controls explain of it."""
        if self.explained is not None:
            return Prepared.of(measure, _left(self.explained, space), role, **options)
        prepared = Prepared.of(measure, space, role, **options)
        assert self.of_state is not None
        return prepared.mapped(self.of_state)


def find_controls(
    measure: Any,
    controls: Any,
    x: Space,
    reduce: Rule = "first",
    kind: Kind = "features",
) -> Controls | None:
    """Find how a measure takes controls out.

    A measure that has ``partial`` (RSA) takes their dissimilarities out of those of the spaces;
    of all others the features are replaced by what the controls leave of them.

    Parameters
    ----------
    measure : Measure
    controls : None, array, Features, or a list of them
        Of the same items as x; of several layers the last counts.
    x : Space
    reduce : Rule
        What stands for an item with several rows.
    kind : {"features", "rdm"}
        What the controls hold.

    Raises
    ------
    PairingError, ShapeError
        Other items than those of x.
    ParameterError
        Items of several rows that are compared as such.
    """
    if controls is None:
        return None
    if reduce in ("set", "expand"):
        raise ParameterError(
            f"controls are taken out of one row an item, not of all rows (reduce={reduce!r}); use "
            "reduce='first', 'mean' or 'pool'"
        )
    several = controls if isinstance(controls, list | tuple) else [controls]
    spaces = [
        check_paired(x, as_space(one, f"control {number}", reduce))
        for number, one in enumerate(several)
    ]
    arrays = [space.array(space.layers[-1]) for space in spaces]
    if hasattr(measure, "partial"):
        states = [_prepared(measure, array, kind, number) for number, array in enumerate(arrays)]
        words = f"the dissimilarities of {len(states)} controls are taken out of both spaces'"
        return Controls(words, of_state=lambda state: measure.partial(state, states))
    explained = explained_by(arrays)
    return Controls(explained.words, explained=explained)


def _prepared(measure: Any, array: Any, kind: Kind, number: int) -> Any:
    try:
        return measure.prepare(array, kind=kind)
    except DegenerateInputError as error:
        raise DegenerateInputError(f"control {number}: {error}") from error


def _left(explained: Explained, space: Space) -> Space:
    return replace(space, array=lambda layer: explained.residuals(space.array(layer), space.name))


@dataclass(frozen=True)
class Residual:
    """A layer of residuals, as features and prepared."""

    features: Any
    state: Any


class Refitted:
    """A measure of residuals, with the null of their own.

    Residuals of both spaces lie in what the controls leave of item space, and agree a little for
    that reason alone: with a quarter of the directions gone, plain permutation rejected two of
    five unrelated pairs by CKA. So the permuted residuals of Y are regressed on the controls
    again (Freedman and Lane 1983), and prepared again.
    """

    def __init__(self, measure: Any, explained: Explained, y: Prepared) -> None:
        self.options = {"groups": y.space.groups, "folds": y.folds}
        self.measure = measure
        self.spec = measure.spec
        self.params = measure.params
        self.explained = explained

    def states(self, y: Prepared, at: Sequence[int]) -> list[Residual]:
        """Layers of Y, from a space of residuals."""
        space = y.space
        return [Residual(space.array(space.layers[j]), y.states[j]) for j in at]

    def score(self, a: Any, b: Residual) -> float:
        """Score of a prepared layer of X with a layer of Y."""
        return float(self.measure.score(a, b.state))

    def permuted(self, b: Residual, order: Any) -> Residual:
        """Reorder the residuals and take out what the controls explain of them now."""
        left = self.explained.residuals(b.features[order], "Y")
        return Residual(left, self.measure.prepare(left, role="y", **self.options))
