"""The figure of every page, drawn from the declarations and the four verbs alone.

Left, a measure's score against the share of common signal, over the middle 90 % of its own
permutation null; a diagnostic's value against the number of dimensions in which the items vary.
Right, the value after each move relative to the value before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from platonica.errors import PlatonicaError
from platonica.measures import Diagnostic
from platonica.measures._base import Move
from platonica.measures._moves import moved
from platonica.report.drawing import ACCENT, INK, LINE, MUTED
from platonica.stats.permutation import score_permuted

__all__ = ["caption", "draw", "save"]

N, WIDTHS, LATENT, NOISE = 200, (28, 36), 6, 0.15
SHARES, SHARE = np.linspace(0.0, 1.0, 11), 0.8  # of the curve, and of the moves
RESAMPLES, SEED = 99, 0
DIMENSIONS = range(2, 25, 2)
MOVES: tuple[Move, ...] = get_args(Move)
LEFT, RIGHT = -0.25, 2.25  # of the axis of the moves; what lies beyond is an arrow
BAND = "#cfd9e2"
STYLE = {
    "font.size": 8.5, "font.family": "sans-serif", "svg.fonttype": "none",
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": LINE,
    "xtick.color": MUTED, "ytick.color": MUTED,
}  # fmt: skip
MARKERS = {"x": "o", "y": "s", "both": "D"}
SIDES = {"x": "X moved", "y": "Y moved", "both": "both by one map"}


@dataclass(frozen=True)
class Worlds:
    """What two spaces of the same items hold: a world in common, one of their own, and noise."""

    common: np.ndarray[Any, Any]
    own: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
    noise: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
    maps: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]

    @classmethod
    def drawn(cls, equal_width: bool) -> Worlds:
        """Draw them; spaces of equal width have the same coordinates too."""
        r = np.random.default_rng(SEED)
        widths = (WIDTHS[0], WIDTHS[0]) if equal_width else WIDTHS
        scales = np.geomspace(2.0, 0.7, LATENT)
        common, x, y = scales * r.standard_normal((3, N, LATENT))
        noise = tuple(NOISE * r.standard_normal((N, d)) for d in widths)
        maps = [np.linalg.qr(r.standard_normal((d, LATENT)))[0].T for d in widths]
        if equal_width:
            maps[1] = maps[0]
        return cls(common, (x, y), (noise[0], noise[1]), (maps[0], maps[1]))

    def spaces(self, share: float) -> tuple[Any, Any]:
        """Return X and Y whose variance is common to this share."""
        both = zip(self.own, self.maps, self.noise, strict=True)
        X, Y = (
            (np.sqrt(share) * self.common + np.sqrt(1 - share) * own) @ into + noise + 0.2
            for own, into, noise in both
        )
        return X, Y


def draw(one: Any) -> Figure:
    """Draw the figure of a measure or a diagnostic."""
    with rc_context(STYLE):
        figure = Figure(figsize=(7.3, 3.1), dpi=100, facecolor="white")
        curve = figure.add_axes((0.075, 0.17, 0.37, 0.70))
        moves = figure.add_axes((0.645, 0.17, 0.27, 0.70))
        if isinstance(one, Diagnostic):
            _draw_dimensions(curve, one)
            _draw_moves(moves, list(_diagnostic_responses(one)), ["x"])
        else:
            worlds = Worlds.drawn("equal_width" in one.spec.requires)
            _draw_shares(curve, one, worlds)
            sides = _sides(one.spec)
            _draw_moves(moves, list(_responses(one, worlds, sides)), sides)
        for axes in (curve, moves):
            axes.spines[["top", "right", "left"]].set_visible(False)
            axes.tick_params(length=0, pad=4)
        moves.tick_params(axis="y", pad=8)  # room for an arrow
        return figure


def save(figure: Figure, path: Path, name: str) -> None:
    """Write a figure so that the same figure gives the same bytes."""
    with rc_context({**STYLE, "svg.hashsalt": name}):
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def caption(one: Any) -> str:
    """Say what the figure shows, for those who cannot see it and for those who can."""
    right = (
        "Right: the value after a move relative to the value before; a dark mark at 1 is a move "
        "that changes nothing, and a number beyond the axis stands at an arrow."
    )
    if isinstance(one, Diagnostic):
        return (
            f"Left: the value for {N} Gaussian items that vary in 2 to 24 of {WIDTHS[0]} features, "
            f"with noise of 0.002, about a mean of 0 and of 0.5. {right}"
        )
    widths = WIDTHS[:1] if "equal_width" in one.spec.requires else WIDTHS
    band = (
        f" The band holds the middle 90 % of {RESAMPLES} permutations of the items."
        if one.spec.paired
        else ""
    )
    return (
        f"Left: the score of two spaces of {N} items and {' and '.join(map(str, widths))} features "
        f"against the share of their variance that they have in common.{band} {right} The spaces "
        f"share {SHARE:g} of their variance."
    )


def _draw_shares(axes: Any, measure: Any, worlds: Worlds) -> None:
    states = [
        [measure.prepare(Z, role=role) for Z, role in zip(worlds.spaces(s), "xy", strict=True)]
        for s in SHARES
    ]
    scores = [measure.score(a, b) for a, b in states]
    if measure.spec.paired:
        r = np.random.default_rng(SEED)
        orders = np.stack([r.permutation(N) for _ in range(RESAMPLES)])
        null = [score_permuted(measure, [a], [b], orders).ravel() for a, b in states]
        low, high = np.quantile(null, [0.05, 0.95], axis=1)
        axes.fill_between(SHARES, low, high, color=BAND, lw=0)
        axes.plot(SHARES, np.median(null, axis=1), color=MUTED, lw=0.8, ls=(0, (2, 2)))
        _beside(axes, SHARES[-1], float(np.median(null[-1])), "null", MUTED)
    axes.plot(SHARES, scores, color=INK, lw=1.6, marker="o", ms=3.5)
    _beside(axes, SHARES[-1], scores[-1], "score", INK)
    axes.set_xlabel("share of common signal")
    axes.set_title(measure.spec.name, loc="left", fontsize=9.5, color=INK)
    axes.grid(axis="y", color=LINE, lw=0.6)
    axes.set_axisbelow(True)


def _draw_dimensions(axes: Any, diagnostic: Diagnostic) -> None:
    for offset, colour, text in ((0.0, INK, "mean 0"), (0.5, ACCENT, "mean 0.5")):
        values = [diagnostic(_of_dimension(d, offset)) for d in DIMENSIONS]
        style = {"lw": 1.6, "ms": 3.5} if offset == 0.0 else {"lw": 1.0, "ms": 2.5, "ls": "--"}
        axes.plot(DIMENSIONS, values, color=colour, marker="o", label=text, **style)
    axes.legend(frameon=False, fontsize=7.5, handlelength=1.8, labelcolor=MUTED)
    axes.set_xlabel("dimensions in which the items vary")
    axes.set_title(diagnostic.spec.name, loc="left", fontsize=9.5, color=INK)
    axes.grid(axis="y", color=LINE, lw=0.6)
    axes.set_axisbelow(True)


def _of_dimension(dimension: int, offset: float) -> Any:
    r = np.random.default_rng(SEED)
    basis = np.linalg.qr(r.standard_normal((WIDTHS[0], WIDTHS[0])))[0]
    latent = r.standard_normal((N, WIDTHS[0]))[:, :dimension]
    noise = 0.002 * r.standard_normal((N, WIDTHS[0]))
    return latent @ basis[:dimension] + noise + offset


def _sides(spec: Any) -> list[str]:
    """List whose moves are of interest: X's, Y's where it plays another part, both together."""
    sides = ["x"]
    if not spec.symmetric or spec.invariant_x or spec.invariant_y:
        sides.append("y")
    return [*sides, "both"] if spec.invariant_jointly else sides


def _responses(
    measure: Any, worlds: Worlds, sides: list[str]
) -> Iterator[tuple[int, str, float | None]]:
    """Yield (row, side, score after relative to before); None where the measure refuses."""
    X, Y = worlds.spaces(SHARE)
    before = measure(X, Y)
    for row, move in enumerate(MOVES):
        for side in sides:
            # the same draws for both: one and the same map
            x, y = (moved(move, Z, np.random.default_rng(SEED + 1)) for Z in (X, Y))
            try:
                after = measure(X if side == "y" else x, Y if side == "x" else y)
            except PlatonicaError:
                yield row, side, None
            else:
                yield row, side, after / before


def _diagnostic_responses(diagnostic: Diagnostic) -> Iterator[tuple[int, str, float | None]]:
    X = _of_dimension(8, 0.5)
    before = diagnostic(X)
    for row, move in enumerate(MOVES):
        yield row, "x", diagnostic(moved(move, X, np.random.default_rng(SEED + 1))) / before


def _draw_moves(
    axes: Any, responses: list[tuple[int, str, float | None]], sides: list[str]
) -> None:
    axes.axvline(1.0, color=LINE, lw=1.0, zorder=0)
    for row, side, ratio in responses:
        y = row + 0.8 / len(sides) * (sides.index(side) - (len(sides) - 1) / 2)
        _draw_response(axes, y, MARKERS[side], ratio, 7.0 if len(sides) == 1 else 6.0)
    axes.set_yticks(range(len(MOVES)), [move.replace("_", " ") for move in MOVES], color=INK)
    axes.set_ylim(len(MOVES) - 0.4, -0.6)
    axes.set_xlim(LEFT, RIGHT)
    axes.set_xticks([0, 1, 2])
    axes.set_xlabel("after the move / before")
    if len(sides) > 1:
        for side in sides:
            axes.plot([], [], MARKERS[side], color=MUTED, ms=3.5, label=SIDES[side])
        axes.legend(
            loc="lower right", bbox_to_anchor=(1.25, 0.99), ncols=len(sides), frameon=False,
            fontsize=7, handletextpad=0.1, columnspacing=0.8, borderpad=0, labelcolor=MUTED,
        )  # fmt: skip


def _draw_response(axes: Any, y: float, marker: str, ratio: float | None, size: float) -> None:
    number = {"va": "center", "fontsize": size, "clip_on": False}
    if ratio is None:
        axes.text(RIGHT + 0.12, y, "refused", color=MUTED, **number)
        return
    same = abs(ratio - 1.0) < 1e-6
    colour = INK if same else ACCENT
    inside = min(max(ratio, LEFT), RIGHT)
    shape = marker if inside == ratio else (">" if ratio > RIGHT else "<")
    axes.plot([1.0, inside], [y, y], color=colour, lw=1.2)
    axes.plot([inside], [y], shape, color=colour, ms=4.5 if same else 4.0, clip_on=False)
    axes.text(RIGHT + 0.12, y, "same" if same else _short(ratio), color=colour, **number)


def _short(ratio: float) -> str:
    if abs(ratio - 1.0) < 0.005:
        return "near 1"
    text = f"{ratio:.2f}" if abs(ratio) < 100 else f"{ratio:.0f}"
    return "0.00" if text == "-0.00" else text.replace("-", "−")


def _beside(axes: Any, x: float, y: float, text: str, colour: str) -> None:
    axes.annotate(
        text, (x, y), (6, 0), textcoords="offset points", va="center", color=colour, fontsize=8
    )
