"""`platonica compare`: extract what is missing, compare all pairs, print, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["compare"]


def compare(
    models: Annotated[list[str], typer.Argument(help="Model names; see `platonica models`.")],
    data: Annotated[
        str | None, typer.Option("--data", "-d", help="A data name; see `platonica data`.")
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(help="Compare MODELS with these only, not with each other; may be repeated."),
    ] = None,
    measure: Annotated[
        list[str] | None,
        typer.Option("--measure", "-m", help="See `platonica measures`; may be repeated."),
    ] = None,
    k: Annotated[int | None, typer.Option("-k", help="Neighbours an item (default 10).")] = None,
    null: Annotated[
        str,
        typer.Option(help="Permutations; or exact-moments (--layers last), or surrogate:199."),
    ] = "999",
    layers: Annotated[
        str, typer.Option(help="best (searched, also in the null) or last.")
    ] = "best",
    select: Annotated[
        str, typer.Option(help="best, mean or mean_best of the layer pairs, also in the null.")
    ] = "best",
    exchange: Annotated[
        str, typer.Option(help="What the null exchanges: auto, within, blocks:SIZE, shifts.")
    ] = "auto",
    alpha: Annotated[float, typer.Option(help="Level of the gated score and of p.")] = 0.05,
    interval: Annotated[
        float | None, typer.Option(help="Level of intervals, such as 0.95; none if not given.")
    ] = None,
    control: Annotated[
        list[str] | None,
        typer.Option(help="Take out what this explains, such as control:pixels; may be repeated."),
    ] = None,
    adjust: Annotated[
        str, typer.Option(help="p over all pairs of a measure: bh, by, holm or none.")
    ] = "bh",
    reduce: Annotated[
        str, typer.Option(help="An item's several captions: first, mean, pool, set or expand.")
    ] = "first",
    seed: Annotated[int, typer.Option(help="Seed of the permutations.")] = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Payloads a forward pass.")] = 32,
    skip_bad_items: Annotated[
        bool, typer.Option("--skip-bad-items", help="Leave out unreadable images, empty texts.")
    ] = False,
    store: Annotated[Path | None, typer.Option(help="Root of the store.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write records.json and report.html into this folder.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a list of records and nothing else.")
    ] = False,
) -> None:
    """Compare models on data: every pair, every layer, each score with its null.

    Features computed elsewhere need no --data: file:emb.npy?ids=ids.txt

    Example: platonica compare pip:opennsfw control:tfidf -d stamps --out run
    """
    from platonica.cli._output import print_json, stdout_console
    from platonica.cli._run import Settings, run_comparisons

    run = run_comparisons(
        Settings(
            models=tuple(models),
            against=tuple(against or ()),
            data=data,
            measures=tuple(measure or ["mutual_knn"]),
            k=k,
            null=null,
            layers=layers,
            reduce=reduce,
            seed=seed,
            batch_size=batch_size,
            on_bad_item="skip" if skip_bad_items else "error",
            store=store,
            out=out,
            select=select,
            exchange=exchange,
            alpha=alpha,
            interval=interval,
            controls=tuple(control or ()),
            adjust=adjust,  # type: ignore[arg-type]  # checked there
        )
    )
    report = _write(run, out) if out is not None else None
    if as_json:
        print_json(run["records"])
        return
    from platonica.report import comparison_table

    stdout_console().print(comparison_table(run["records"], run["models"]))
    if report is not None:
        typer.echo(str(report))


def _write(run: dict[str, Any], out: Path) -> Path:
    from platonica.report import write_report
    from platonica.store import write_records

    write_records(out / "records.json", run)
    return write_report(run, out / "report.html").resolve()
