"""The page on inference: words from inference/text.md, numbers from the benchmarks' JSON."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

__all__ = ["PAGE", "generated", "problems"]

DOCS = Path(__file__).resolve().parent
RESULTS = DOCS.parent / "benchmarks" / "results"
PAGE = DOCS / "inference.md"
NOTICE = "<!-- Written by docs/generate.py from inference/text.md and benchmarks/results. -->"

Row = dict[str, Any]


def generated() -> str:
    """Return the page, every ``@name@`` of its text replaced by the table of that name."""
    text = (DOCS / "inference" / "text.md").read_text(encoding="utf-8")
    for name, table in TABLES.items():
        text = text.replace(f"@{name}@", table())
    return f"{NOTICE}\n\n{text}"


def problems() -> list[str]:
    """Return what is wrong with the page as it stands."""
    if not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != generated():
        return ["inference.md is out of date: run python docs/generate.py"]
    return []


def _load(name: str) -> Row:
    document: Row = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return document


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _rates() -> str:
    document = _load("type_one")
    cells = [cell for cell in document["cells"] if cell["fault"] is None]
    by: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for cell in cells:
        by[cell["null"], cell["family"]].append(cell)
    nulls = list(dict.fromkeys(null for null, _ in by))
    families = list(dict.fromkeys(family for _, family in by))

    def span(null: str, family: str) -> str:
        rates = [cell["rate"] for cell in by.get((null, family), [])]
        return f"{min(rates):.3f} to {max(rates):.3f}" if rates else ""

    upper = {cell["upper"] / cell["runs"] for cell in cells}
    lower = {cell["lower"] / cell["runs"] for cell in cells if cell["lower"]}
    faults = [[cell["fault"], f"{cell['rate']:.3f}"] for cell in document["cells"] if cell["fault"]]
    above = sum(cell["above"] for cell in cells)
    below = sum(cell["below"] for cell in cells)
    return "\n\n".join(
        [
            f"`{document['command']}`: {document['runs']:,} pairs of independent spaces a cell, "
            f"{document['permutations']} permutations ({document['turnings_of_surrogates']} turned "
            f"spaces), n = {document['n_items']}, level {document['level']}; a cell is one null, "
            "one family of measures, one kind of features (isotropic, anisotropic, hubby, 20 % and "
            "40 % identical rows) and one layer a side or two. Lowest to highest rate of rejection "
            "over the cells of each null and family:",
            _table(
                ["null", *families], [[null, *(span(null, f) for f in families)] for null in nulls]
            ),
            f"{len(cells)} cells: {above} above the upper limit ({_span(upper)}, family-wise 1 %), "
            f"{below} below the lower one ({_span(lower)}), which holds for continuous statistics "
            "without ties and for all nulls but the surrogate, whose p is the larger of two. "
            "Planted faults, which must be above the limit:",
            _table(["fault", "rejected"], faults),
        ]
    )


def _span(values: Iterable[float]) -> str:
    texts = sorted({f"{value:.3f}" for value in values})
    return texts[0] if len(texts) == 1 else f"{texts[0]} to {texts[-1]}"


def _coverage() -> str:
    document = _load("coverage")
    low, high = document["claimed_between"]
    rows = [row for row in document["rows"] if row["of"] == "score"]
    worlds = list(dict.fromkeys(row["world"] for row in rows))
    names = list(dict.fromkeys((row["measure"], row["method"]) for row in rows))
    found = {(row["measure"], row["method"], row["world"]): row for row in rows}

    def cell(name: tuple[str, str], world: str) -> str:
        row = found[(*name, world)]
        text = f"{100 * row['coverage']:.1f}"
        return text if low <= row["coverage"] <= high else f"**{text}**"

    runs = rows[0]["runs"]
    differences = [row for row in document["rows"] if row["of"] == "difference" and row["claimed"]]
    inside = sum(low <= row["coverage"] <= high for row in differences)
    used = {(row["measure"], row["method"]) for row in document["rows"] if row["claimed"]}
    return "\n\n".join(
        [
            f"`{document['command']}`: share of {runs} data sets (n = {document['n_items']}, "
            f"k = {document['k']}) whose 95 % interval holds the mean score of the population, in "
            f"%. Bold: outside {100 * low:.0f} to {100 * high:.1f}. The interval of `compare` is "
            "marked.",
            _table(
                ["measure, method", *worlds],
                [
                    [f"{name[0]}, {name[1]}{' (used)' if name in used else ''}",
                     *(cell(name, world) for world in worlds)]
                    for name in names
                ],
            ),
            f"Differences of two scores on the same items, by the method used, for related, close "
            f"and clustered spaces: {inside} of {len(differences)} within the same limits.",
        ]
    )  # fmt: skip


def _real() -> str:
    parts = []
    for data in _load("inference")["data"]:
        table = data["table"]
        rows = [
            [
                _name(row["x"]), _name(row["y"]), f"{row['score']:.3f}",
                f"{row['null_mean']:.4f} ± {row['null_std']:.4f}", f"{row['pvalue_bh']:.3f}",
                f"{row['chance_normalized']:.3f}",
                "none" if row["interval"] is None
                else f"{row['interval'][0]:.3f} to {row['interval'][1]:.3f}",
            ]
            for row in sorted(table, key=lambda row: -row["chance_normalized"])
        ]  # fmt: skip
        differences = [
            [row["measure"], _name(row["text"]), f"{row['lite2']:.4f}", f"{row['lite0']:.4f}",
             f"{row['difference']:+.4f}", f"{row['low']:+.4f} to {row['high']:+.4f}",
             _verdict(row)]
            for row in data["difference_lite2_less_lite0"]
        ]  # fmt: skip
        parts += [
            f"### {data['data']}, n = {data['n_items']}",
            "`python benchmarks/inference.py`: mutual k-NN, k = 10, best layers, 999 permutations "
            "with the search, p after Benjamini and Hochberg over all pairs:",
            _table(["image", "text", "score", "null", "p", "calibrated", "95 % interval"], rows),
            "Is efficientnet-lite2 closer to a text model than efficientnet-lite0? Last layers:",
            _table(
                ["measure", "text", "lite2", "lite0", "difference", "95 % interval", ""],
                differences,
            ),
        ]
    return "\n\n".join(parts)


def _verdict(row: Row) -> str:
    if row["low"] > 0:
        return "lite2 is closer"
    return "lite0 is closer" if row["high"] < 0 else "not told apart"


def _name(name: str) -> str:
    short = name.partition(":")[2].partition("?")
    return f"{short[0]} untrained" if short[1] else short[0]


def _curves() -> str:
    parts = []
    for data in _load("inference")["data"]:
        for key, held in (("curves_k", "k = 10"), ("curves_k_over_n", "k / n held")):
            curves = data[key]
            sizes = [point["n_items"] for point in curves[0]["points"]]
            rows = [
                [curve["label"],
                 *(f"{point['chance_normalized']:.3f}" for point in curve["points"]),
                 "" if curve["fit"] is None else f"{-curve['fit']['exponent']:+.2f}",
                 "" if curve["fit"] is None else f"{curve['fit']['at_ten_times_the_largest']:.3f}"]
                for curve in curves
            ]  # fmt: skip
            parts += [
                f"{data['data']}, {held}, chance-normalised, by size of the gallery; power of n, "
                f"and what it would give at {10 * sizes[-1]:,} items (extrapolated):",
                _table(["pair", *map(str, sizes), "power", "extrapolated"], rows),
            ]
        name = data["data"]
        parts.append(f"![{name}](inference/{name}-k.svg)")
        ks = sorted(data["k"], key=lambda row: row["k"])
        parts += [
            f"{name}, lite2 x all-minilm-l6, against k:",
            _table(
                ["k", *(row["k"] for row in ks)],
                [[what, *(f"{row[key]:.3f}" for row in ks)]
                 for what, key in (("score", "score"), ("chance", "null_mean"),
                                   ("calibrated", "chance_normalized"))],
            ),
        ]  # fmt: skip
    return "\n\n".join(parts)


def _captions() -> str:
    found = [data for data in _load("inference")["data"] if "captions" in data]
    parts = []
    for data in found:
        captions = data["captions"]
        rows = [
            [row["reduce"], f"{row['score']:.3f}", f"{row['null_mean']:.4f}",
             f"{row['calibrated']:.3f}", f"{row['pvalue']:.3f}"]
            for row in captions["rules"]
        ]  # fmt: skip
        own, halves = captions["ceiling_of_captions"], captions["ceiling_of_halves_of_lite2"]
        parts += [
            f"{data['data']}, lite2 x all-minilm-l6, last layers, five captions an image:",
            _table(["`reduce=`", "score", "null mean", "calibrated", "p"], rows),
            f"Ceilings: the captions of an image among themselves {own['calibrated']:.3f} (the "
            f"first captions reach {own['share_of_it']:.2f} of it), random halves of lite2's "
            f"features {halves['calibrated']:.3f}.",
        ]
    return "\n\n".join(parts)


def _controls() -> str:
    parts = []
    for data in _load("inference")["data"]:
        rows = [
            [row["measure"], f"{row['calibrated']:.3f}", f"{row['pvalue']:.3f}",
             f"{row['left']:.3f}", f"{row['left_null_mean']:.3f}", f"{row['left_calibrated']:.3f}",
             f"{row['left_pvalue']:.3f}"]
            for row in data["beyond_controls"]
        ]  # fmt: skip
        parts += [
            f"{data['data']}, lite2 x all-minilm-l6, last layers; pixels, colour histograms and "
            "word counts taken out:",
            _table(
                ["measure", "calibrated", "p", "left", "its null mean", "calibrated", "p"], rows
            ),
        ]
    return "\n\n".join(parts)


def _power() -> str:
    rows = _load("inference")["power"]
    return _table(
        ["measure", "shared variance", "items for power 0.8", "power by items"],
        [[row["measure"], f"{row['shared']:.0%}", row["items"] or "more than 512",
          ", ".join(f"{n}: {rate:.2f}" for n, rate in row["power"].items())]
         for row in sorted(rows, key=lambda row: (row["measure"], row["shared"]))],
    )  # fmt: skip


def _exact() -> str:
    rows = [
        [data["data"], row["measure"], f"{row['score']:.4f}", f"{row['p_exact_moments']:.4g}",
         f"{row['p_permutation']:.4g}", f"{row['null_std']:.5f}",
         f"{row['null_std_permutation']:.5f}", f"{row['seconds']:.2f}",
         f"{row['seconds_permutation']:.2f}"]
        for data in _load("inference")["data"] for row in data["exact_moments"]
    ]  # fmt: skip
    return _table(
        ["data", "measure", "score", "p", "p of 9,999", "null sd", "of 9,999", "s", "s of 9,999"],
        rows,
    )


TABLES = {
    "type_one": _rates, "coverage": _coverage, "real": _real, "curves": _curves,
    "captions": _captions, "controls": _controls, "power": _power, "exact": _exact,
}  # fmt: skip
