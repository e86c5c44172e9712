"""The commands and the options that they share."""

from __future__ import annotations

from typing import Annotated

import typer

import platonica
from platonica.cli.compare import compare
from platonica.cli.curve import curve
from platonica.cli.data import data
from platonica.cli.doctor import doctor
from platonica.cli.extract import extract
from platonica.cli.measures import measures
from platonica.cli.models import models_app
from platonica.cli.report import report

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Measure and test representational convergence between models and modalities.\n\n"
    "Example: platonica compare pip:opennsfw control:tfidf --data stamps",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"platonica {platonica.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Take the options that stand before a command."""


for command in (compare, curve, extract, data, measures, report, doctor):
    app.command()(command)
app.add_typer(models_app, name="models")
