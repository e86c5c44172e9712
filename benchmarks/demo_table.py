"""Scores of real models on real pairs at fixed layers, beside values measured elsewhere.

Last layers, mean pooling, mutual k-NN with k = 10: on the 498 stamps of `make demo`, and on
flickr8k-dev (one caption, and the mean over five) where the prepared data lie beside the
repository. Also: the exact mean of the null of one pair of layers against that over permutations,
and p-values after the search over layers. Writes benchmarks/results/demo_table.json.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

import platonica
from platonica.sources.data import load_data

ROOT = Path(__file__).resolve().parents[1]
K = 10
VISION = (
    "pip:efficientnet-lite0",
    "pip:efficientnet-lite1",
    "pip:efficientnet-lite2",
    "pip:opennsfw",
    "control:pixels",
    "control:color-histogram",
    "pip:efficientnet-lite0?init=random&seed=0",
)
TEXT = ("pip:paraphrase-minilm-l3", "pip:all-minilm-l6-v2", "pip:wordllama-256", "control:tfidf")

# Measured with plain NumPy outside this package; a row a text model, a column a vision model.
# tf-idf stands apart: elsewhere it had words of two letters or more, and ties by index.
STAMPS = (
    (0.182, 0.182, 0.182, 0.160, 0.060, 0.064, 0.057),
    (0.177, 0.181, 0.181, 0.164, 0.065, 0.066, 0.059),
    (0.122, 0.128, 0.129, 0.107, 0.049, 0.044, 0.050),
    (0.080, 0.084, 0.080, 0.072, 0.034, 0.042, 0.042),
)
FLICKR_FIRST = (
    (0.123, 0.132, 0.133, 0.100, 0.026, 0.039, 0.024),
    (0.103, 0.107, 0.109, 0.085, 0.025, 0.032, 0.022),
    (0.099, 0.102, 0.100, 0.082, 0.025, 0.031, 0.024),
    (0.076, 0.081, 0.085, 0.069, 0.025, 0.031, 0.020),
)
FLICKR_MEAN = (
    (0.147, 0.157, 0.152, 0.115, 0.030, 0.044, 0.028),
    (0.130, 0.138, 0.139, 0.105, 0.028, 0.040, 0.025),
    (0.133, 0.142, 0.142, 0.108, 0.029, 0.040, 0.026),
)


def share_chosen_among_equals(token_pattern):
    """Share of the neighbours in tf-idf features of the stamps that distance does not decide."""
    texts = [item.payloads["text"][0] for item in load_data("stamps").items]
    X = TfidfVectorizer(token_pattern=token_pattern).fit_transform(texts).toarray()
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    away = np.round(1 - X @ X.T, 12)
    np.fill_diagonal(away, np.inf)
    nearest = np.sort(away, axis=1)[:, : K + 1]
    tied = nearest[:, K - 1] == nearest[:, K]
    return float((nearest[tied, :K] == nearest[tied, K - 1 : K]).sum() / (len(X) * K))


def row(x, y, reduce, elsewhere, n_resamples):
    """One pair of models, at their last layers and after the search over all."""
    options = {"reduce": reduce, "n_resamples": n_resamples}
    last = platonica.compare(x, y, layers="last", **options)
    best = platonica.compare(x, y, **options)
    error = last.null_std / np.sqrt(n_resamples)
    return {
        "vision": x.model,
        "text": y.model,
        "n_items": last.n_items,
        "reduce": reduce,
        "last_layers": [last.layer_x, last.layer_y],
        "score_last_layers": last.score,
        "measured_elsewhere": elsewhere,
        "same_recipe": y.model != "control:tfidf",
        "pair_null_mean": last.pair_null_mean,
        "null_mean_last_layers": last.null_mean,
        "null_mean_errors_from_exact": (last.null_mean - last.pair_null_mean) / error,
        "score_best_layers": best.score,
        "best_layers": [best.layer_x, best.layer_y],
        "n_layer_pairs": best.n_layer_pairs,
        "pvalue_after_layer_maximum": best.pvalue,
    }


def table(name, data, tables, n_resamples):
    """All pairs of one data set; prints them."""
    loaded = load_data(data)
    features = {model: platonica.extract(model, loaded) for model in VISION + TEXT}
    rows = []
    for reduce, values in tables:
        for (text, line), (i, vision) in itertools.product(
            zip(TEXT, values, strict=False), enumerate(VISION)
        ):
            one = row(features[vision], features[text], reduce, line[i], n_resamples)
            rows.append({"data": name, **one})
            print(
                f"{name} ({reduce}) {vision:>42} x {text:<26} last {one['score_last_layers']:.4f} "
                f"(elsewhere {line[i]:.3f})  best {one['score_best_layers']:.4f}, "
                f"p = {one['pvalue_after_layer_maximum']:.3f} over {one['n_layer_pairs']} pairs; "
                f"null mean {one['null_mean_errors_from_exact']:+.1f} errors from exact"
            )
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--null", type=int, default=999)
    parser.add_argument("--flickr", type=Path, default=ROOT.parent / "shared/data/flickr8k-dev")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results" / "demo_table.json"
    )
    options = parser.parse_args()
    rows = table("stamps", "stamps", [("first", STAMPS)], options.null)
    if options.flickr.is_dir():
        both = [("first", FLICKR_FIRST), ("mean", FLICKR_MEAN)]
        rows += table("flickr8k-dev", f"folder:{options.flickr}", both, options.null)
    else:
        print(f"no folder {options.flickr.name}: its table is left out")
    same = [one for one in rows if one["same_recipe"]]
    worst = max(abs(one["score_last_layers"] - one["measured_elsewhere"]) for one in same)
    print(f"largest difference from the values measured elsewhere: {worst:.4f}")
    chosen = {
        "words of one letter or more": share_chosen_among_equals(r"(?u)\b\w+\b"),
        "words of two letters or more": share_chosen_among_equals(r"(?u)\b\w\w+\b"),
    }
    for words, share in chosen.items():
        print(f"tf-idf, {words}: {share:.1%} of the neighbours are chosen among equals")
    document = {
        "command": "python benchmarks/demo_table.py",
        "permutations": options.null,
        "largest_difference": worst,
        "tfidf_neighbours_chosen_among_equals": chosen,
        "rows": rows,
    }
    options.out.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
