"""`platonica extract`: features of one model on one data set, into the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["extract"]


def extract(
    model: Annotated[str, typer.Argument(help="A model name; see `platonica models`.")],
    data: Annotated[str, typer.Option("--data", "-d", help="A data name; see `platonica data`.")],
    pooling: Annotated[str, typer.Option(help="How a payload becomes one vector.")] = "auto",
    layers: Annotated[
        list[str] | None, typer.Option("--layer", help="Only this layer; may be repeated.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Payloads a forward pass.")] = 32,
    store: Annotated[Path | None, typer.Option(help="Root of the store.")] = None,
    skip_bad_items: Annotated[
        bool, typer.Option("--skip-bad-items", help="Leave out unreadable images, empty texts.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Extract features of every layer and print where they are.

    A run that was interrupted goes on where it stopped; features that are there are not
    computed again.

    Example: platonica extract pip:efficientnet-lite0 --data stamps
    """
    from platonica.cli._output import print_json
    from platonica.cli._progress import progress_bar
    from platonica.sources.extraction import extract as run

    with progress_bar(model) as progress:
        features = run(
            model,
            data,
            layers=layers or "all",
            pooling=pooling,
            batch_size=batch_size,
            store=store,
            on_bad_item="skip" if skip_bad_items else "error",
            progress=progress,
        )
    if as_json:
        print_json(
            {
                "path": str(features.path),
                "fingerprint": features.fingerprint,
                "n_items": features.n_items,
                "n_rows": features.n_rows,
                "layers": [layer.model_dump() for layer in features.layers],
            }
        )
        return
    typer.echo(
        f"{features.n_items} items, {features.n_rows} rows, {len(features.layers)} layers: "
        f"{', '.join(features.layer_names)}"
    )
    typer.echo(str(features.path))
