"""`platonica curve`: scores against the size of the gallery, beside ceilings and controls."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["curve"]


def curve(
    x: Annotated[str, typer.Argument(help="A model name; see `platonica models`.")],
    y: Annotated[str, typer.Argument(help="Another, of the same items.")],
    data: Annotated[
        str | None, typer.Option("--data", "-d", help="A data name; see `platonica data`.")
    ] = None,
    ceiling: Annotated[
        list[str] | None,
        typer.Option(help="A model of X's or Y's kind, compared with X; may be repeated."),
    ] = None,
    control: Annotated[
        list[str] | None,
        typer.Option(help="What agreement has to beat, compared with Y; may be repeated."),
    ] = None,
    measure: Annotated[
        str, typer.Option("--measure", "-m", help="See `platonica measures`.")
    ] = "mutual_knn",
    k: Annotated[int | None, typer.Option("-k", help="Neighbours an item (default 10).")] = None,
    hold: Annotated[str, typer.Option(help="k, or k/n: its share of the gallery.")] = "k",
    galleries: Annotated[int, typer.Option(min=2, help="Random galleries of each size.")] = 20,
    reduce: Annotated[
        str, typer.Option(help="An item's several captions: first, mean, pool, set or expand.")
    ] = "first",
    seed: Annotated[int, typer.Option(help="Seed of the galleries.")] = 0,
    store: Annotated[Path | None, typer.Option(help="Root of the store.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write curves.json and curves.svg into this folder.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the curves as JSON and nothing else.")
    ] = False,
) -> None:
    """Show how a score depends on the number of items, each point with its own chance level.

    Last layers are compared. A score falls with the gallery at a fixed k; read it beside a
    ceiling and a control.

    Example: platonica curve pip:efficientnet-lite2 pip:all-minilm-l6-v2 -d stamps --ceiling
    pip:efficientnet-lite0
    """
    from platonica.cli._features import load_features, open_sources
    from platonica.cli._output import print_json, print_table
    from platonica.cli._progress import progress_bar
    from platonica.galleries import gallery_curves

    ceilings, controls = ceiling or [], control or []
    sources, loaded = open_sources((x, y, *ceilings, *controls), data)
    features = load_features(sources, loaded, store=store)
    named = {f"{x} x {y}": (x, y)}
    named |= {f"ceiling: {x} x {one}": (x, one) for one in ceilings}
    named |= {f"control: {one} x {y}": (one, y) for one in controls}
    pairs = {label: (features[a], features[b]) for label, (a, b) in named.items()}
    with progress_bar("curves") as progress:
        found = gallery_curves(
            pairs, measure, k=k, hold=hold, n_galleries=galleries, reduce=reduce,  # type: ignore[arg-type]
            rng=seed, progress=progress,
        )  # fmt: skip
    curves = [one.to_dict() for one in found]
    if out is not None:
        _write(curves, out)
    if as_json:
        print_json(curves)
        return
    for one in curves:
        print_table(one["label"], [_row(point) for point in one["points"]], COLUMNS)
        if one["fit"] is not None:
            typer.echo(
                f"goes like n^{-one['fit']['exponent']:.2f}; extrapolated to "
                f"{10 * one['fit']['largest']} items: {one['fit']['at_ten_times_the_largest']:.3f}"
            )
        typer.echo()


COLUMNS = ["items", "k", "score", "spread", "chance", "calibrated"]


def _row(point: dict[str, Any]) -> dict[str, str]:
    from platonica.report.formatting import format_number

    return {
        "items": str(point["n_items"]),
        "k": "" if point["k"] is None else str(point["k"]),
        "score": format_number(point["score"]),
        "spread": format_number(point["spread"]),
        "chance": format_number(point["null_mean"]),
        "calibrated": format_number(point["chance_normalized"]),
    }


def _write(curves: list[dict[str, Any]], out: Path) -> None:
    from platonica.report.curves import gallery_figure
    from platonica.store.atomic import make_folder, write_bytes, write_json

    make_folder(out)
    write_json(out / "curves.json", {"schema_version": 1, "curves": curves})
    picture = io.BytesIO()
    gallery_figure(curves).savefig(picture, format="svg", metadata={"Date": None})
    write_bytes(out / "curves.svg", picture.getvalue())
