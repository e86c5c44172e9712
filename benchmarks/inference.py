"""Inference on real models and real pairs: tables, differences, curves, captions, controls.

On the 498 stamps of `make demo`, and on flickr8k-dev where the prepared data lie beside the
repository. Writes benchmarks/results/inference.json and the figures of docs/inference.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from pathlib import Path

from matplotlib import rc_context

import platonica
from _frame import machine, write_json
from platonica import ceilings
from platonica.comparison import compare_many
from platonica.galleries import gallery_curves
from platonica.measures import get_measure
from platonica.report.curves import gallery_figure
from platonica.sources.data import load_data
from platonica.stats.exchange import Exchange
from platonica.stats.intervals import difference_interval, jackknife_scores, subset_scores
from platonica.stats.multiplicity import adjust_pvalues
from platonica.stats.power import World, items_needed

ROOT = Path(__file__).resolve().parents[1]
FLICKR = ROOT.parent / "shared" / "data" / "flickr8k-dev"
LITE0, LITE2 = "pip:efficientnet-lite0", "pip:efficientnet-lite2"
UNTRAINED = "pip:efficientnet-lite0?init=random&seed=0"
PIXELS, COLOURS, WORDS = "control:pixels", "control:color-histogram", "control:tfidf"
L3, L6 = "pip:paraphrase-minilm-l3", "pip:all-minilm-l6-v2"
VISION = (LITE0, "pip:efficientnet-lite1", LITE2, "pip:opennsfw", PIXELS, COLOURS, UNTRAINED)
TEXT = (L3, L6, "pip:wordllama-256", WORDS)


def table(features, n_resamples):
    """Every image model with every text model: score, null, interval, corrected p."""
    pairs = [(x, y) for x in VISION for y in TEXT]
    found = list(compare_many(features, pairs, n_resamples=n_resamples, interval=0.95))
    corrected = adjust_pvalues([one.pvalue for one in found], "bh")
    kept = ("score", "null_mean", "null_std", "pvalue", "chance_normalized", "gated", "interval",
            "interval_method", "layer_x", "layer_y", "n_layer_pairs", "n_items")  # fmt: skip
    return [
        {"x": x, "y": y, **{k: one.to_dict()[k] for k in kept}, "pvalue_bh": float(q)}
        for (x, y), one, q in zip(pairs, found, corrected, strict=True)
    ]


def last(features, name):
    return features[name].array(features[name].layer_names[-1])


def differences(features):
    """Whether the larger image model is closer to a text model than the smaller one."""
    rows = []
    for text in (L6, L3, "pip:wordllama-256"):
        for name in ("mutual_knn", "debiased_cka"):
            measure = get_measure(name)
            wide = measure.bound(k=20) if "k" in measure.params else measure
            a, b, y = (wide.prepare(last(features, m)) for m in (LITE2, LITE0, text))
            scores = tuple(measure(last(features, m), last(features, text)) for m in (LITE2, LITE0))
            draw = subset_scores if "k" in measure.params else jackknife_scores
            resampled = draw(measure, [(a, y), (b, y)], exchange=Exchange.of(y.n_items))
            found = difference_interval(scores, resampled)
            rows.append(
                {
                    "measure": name, "text": text, "lite2": scores[0], "lite0": scores[1],
                    "difference": found.estimate, "low": found.low, "high": found.high,
                    "method": found.method,
                }
            )  # fmt: skip
    return rows


def curves(features, hold):
    pairs = {
        "across: lite2 x all-minilm-l6": (LITE2, L6),
        "ceiling: lite2 x lite0": (LITE2, LITE0),
        "ceiling: all-minilm-l6 x l3": (L6, L3),
        "control: untrained x all-minilm-l6": (UNTRAINED, L6),
        "control: pixels x all-minilm-l6": (PIXELS, L6),
    }
    chosen = {label: (features[a], features[b]) for label, (a, b) in pairs.items()}
    return [one.to_dict() for one in gallery_curves(chosen, hold=hold)]


def neighbours(features, ks=(1, 2, 5, 10, 20, 50)):
    """The score against k, each k with its own chance."""
    x, y = last(features, LITE2), last(features, L6)
    found = [platonica.compare(x, y, k=k, n_resamples=199) for k in sorted({*ks, len(x) // 10})]
    return [
        {"k": one.params["k"], "score": one.score, "null_mean": one.null_mean,
         "chance_normalized": one.chance_normalized, "pvalue": one.pvalue}
        for one in found
    ]  # fmt: skip


def beyond_controls(features, n_resamples):
    """What is left when pixels, colours and word counts are taken out of the last layers."""
    x, y = last(features, LITE2), last(features, L6)
    controls = [last(features, name) for name in (PIXELS, COLOURS, WORDS)]
    rows = []
    for name in ("mutual_knn", "debiased_cka", "rsa?rdm=cosine"):
        plain = platonica.compare(x, y, name, n_resamples=n_resamples)
        partial = platonica.compare(x, y, name, n_resamples=n_resamples, controls=controls)
        rows.append(
            {
                "measure": name, "score": plain.score, "pvalue": plain.pvalue,
                "calibrated": plain.chance_normalized, "left": partial.score,
                "left_null_mean": partial.null_mean, "left_pvalue": partial.pvalue,
                "left_calibrated": partial.chance_normalized, "what": partial.warnings[0],
            }
        )  # fmt: skip
    return rows


def captions(features):
    """Five captions an image: every rule, and how far captions agree among themselves."""
    rows = []
    for rule in ("first", "mean", "pool", "set", "expand"):
        one = platonica.compare(
            features[LITE2], features[L6], layers="last", reduce=rule, n_resamples=199
        )
        rows.append({"reduce": rule, "score": one.score, "null_mean": one.null_mean,
                     "pvalue": one.pvalue, "calibrated": one.chance_normalized})  # fmt: skip
    across = platonica.compare(features[LITE2], features[L6], layers="last", n_resamples=199)
    ceiling = ceilings.between_rows(features[L6])
    halves = ceilings.split_half(features[LITE2])
    return {
        "rules": rows,
        "ceiling_of_captions": {"score": ceiling.score, "spread": ceiling.spread,
                                "calibrated": ceiling.chance_normalized,
                                "share_of_it": ceiling.share(across)},
        "ceiling_of_halves_of_lite2": {"score": halves.score, "spread": halves.spread,
                                       "calibrated": halves.chance_normalized,
                                       "share_of_it": halves.share(across)},
    }  # fmt: skip


def needed(n_runs):
    """Items that are needed to see a world that explains a share of both spaces."""
    rows = []
    for shared in (0.02, 0.05, 0.1, 0.2):
        for name in ("mutual_knn", "debiased_cka"):
            items, tried = items_needed(
                get_measure(name), World(shared), n_runs=n_runs, sizes=(32, 64, 128, 256, 512)
            )
            rows.append(
                {"shared": shared, "measure": name, "items": items,
                 "power": {one.n_items: one.rate for one in tried}}
            )  # fmt: skip
    return rows


def exact(features):
    """Exact moments beside permutations: p, null, time."""
    rows = []
    for name in ("mutual_knn", "debiased_cka", "cka", "rsa?rdm=cosine"):
        x, y = last(features, PIXELS), last(features, WORDS)
        start = time.perf_counter()
        one = platonica.compare(x, y, name, null="exact-moments")
        middle = time.perf_counter()
        other = platonica.compare(x, y, name, n_resamples=9999)
        rows.append(
            {
                "measure": name, "score": one.score, "p_exact_moments": one.pvalue,
                "p_permutation": other.pvalue, "null_mean": one.null_mean,
                "null_mean_permutation": other.null_mean, "null_std": one.null_std,
                "null_std_permutation": other.null_std, "seconds": middle - start,
                "seconds_permutation": time.perf_counter() - middle,
            }
        )  # fmt: skip
    return rows


def picture(name, drawn):
    """A figure for the docs, the same bytes every time."""
    stream, folder = io.BytesIO(), ROOT / "docs" / "inference"
    with rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        gallery_figure(drawn).savefig(stream, format="svg", metadata={"Date": None})
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.svg").write_bytes(stream.getvalue())


def of_data(name, label, options):
    data = load_data(name)
    features = {m: platonica.extract(m, data) for m in (*VISION, *TEXT)}
    found = {
        "data": label,
        "n_items": len(data.items),
        "table": table(features, options.null),
        "difference_lite2_less_lite0": differences(features),
        "curves_k": curves(features, "k"),
        "curves_k_over_n": curves(features, "k/n"),
        "k": neighbours(features),
        "beyond_controls": beyond_controls(features, min(options.null, 199)),
        "exact_moments": exact(features),
    }
    if label == "flickr8k-dev":
        found["captions"] = captions(features)
    picture(f"{label}-k", found["curves_k"])
    picture(f"{label}-k-over-n", found["curves_k_over_n"])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--null", type=int, default=999)
    parser.add_argument("--runs", type=int, default=100, help="worlds of the power calculator")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results" / "inference.json"
    )
    options = parser.parse_args()
    start, found = time.perf_counter(), [of_data("stamps", "stamps", options)]
    if FLICKR.exists():
        found.append(of_data(f"folder:{FLICKR}", "flickr8k-dev", options))
    else:
        print("flickr8k-dev is not beside the repository: left out", file=sys.stderr)
    document = {
        "command": f"python benchmarks/inference.py --null {options.null} --runs {options.runs}",
        "machine": machine(),
        "data": found,
        "power": needed(options.runs),
        "seconds": time.perf_counter() - start,
    }
    write_json(options.out, document)
    for one in found:
        print(
            f"{one['data']}, n = {one['n_items']}: {len(one['table'])} pairs, of them "
            f"{sum(r['pvalue_bh'] <= 0.05 for r in one['table'])} with corrected p <= 0.05"
        )
        for row in one["difference_lite2_less_lite0"]:
            print(f"  {row['measure']:>12} lite2 - lite0, {row['text']}: {row['difference']:.4f} "
                  f"({row['low']:.4f} to {row['high']:.4f})")  # fmt: skip


if __name__ == "__main__":
    main()
