"""The scores of the demo's stamps at fixed layers, beside the values measured elsewhere.

Reads or extracts the features that `make demo` uses, scores the last layers of each vision and
text model with mutual k-NN (k = 10), and checks exact null means. Writes
benchmarks/results/demo_table.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

import platonica
from platonica.sources.data import load_data

K = 10

# Measured with plain NumPy outside this package; features of the last layer, mean pooling.
ELSEWHERE = {
    ("pip:efficientnet-lite0", "pip:paraphrase-minilm-l3"): 0.182,
    ("pip:efficientnet-lite1", "pip:paraphrase-minilm-l3"): 0.182,
    ("pip:efficientnet-lite2", "pip:paraphrase-minilm-l3"): 0.182,
    ("pip:opennsfw", "pip:paraphrase-minilm-l3"): 0.160,
    ("control:pixels", "pip:paraphrase-minilm-l3"): 0.060,
    ("control:color-histogram", "pip:paraphrase-minilm-l3"): 0.064,
    ("pip:efficientnet-lite0?init=random&seed=0", "pip:paraphrase-minilm-l3"): 0.057,
    ("pip:efficientnet-lite0", "pip:all-minilm-l6-v2"): 0.177,
    ("pip:efficientnet-lite1", "pip:all-minilm-l6-v2"): 0.181,
    ("pip:efficientnet-lite2", "pip:all-minilm-l6-v2"): 0.181,
    ("pip:opennsfw", "pip:all-minilm-l6-v2"): 0.164,
    ("control:pixels", "pip:all-minilm-l6-v2"): 0.065,
    ("control:color-histogram", "pip:all-minilm-l6-v2"): 0.066,
    ("pip:efficientnet-lite0?init=random&seed=0", "pip:all-minilm-l6-v2"): 0.059,
    ("pip:efficientnet-lite0", "pip:wordllama-256"): 0.122,
    ("pip:efficientnet-lite1", "pip:wordllama-256"): 0.128,
    ("pip:efficientnet-lite2", "pip:wordllama-256"): 0.129,
    ("pip:opennsfw", "pip:wordllama-256"): 0.107,
    ("control:pixels", "pip:wordllama-256"): 0.049,
    ("control:color-histogram", "pip:wordllama-256"): 0.044,
    ("pip:efficientnet-lite0?init=random&seed=0", "pip:wordllama-256"): 0.050,
}

# Measured elsewhere with other tokens: words of two letters or more, ties by index.
OTHER_RECIPE = {
    ("pip:efficientnet-lite0", "control:tfidf"): 0.080,
    ("pip:efficientnet-lite1", "control:tfidf"): 0.084,
    ("pip:efficientnet-lite2", "control:tfidf"): 0.080,
    ("pip:opennsfw", "control:tfidf"): 0.072,
    ("control:pixels", "control:tfidf"): 0.034,
    ("control:color-histogram", "control:tfidf"): 0.042,
    ("pip:efficientnet-lite0?init=random&seed=0", "control:tfidf"): 0.042,
}


def share_chosen_among_equals(token_pattern):
    """Share of the neighbours in tf-idf features that distance does not decide."""
    texts = [item.payloads["text"][0] for item in load_data("stamps").items]
    X = TfidfVectorizer(token_pattern=token_pattern).fit_transform(texts).toarray()
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    away = np.round(1 - X @ X.T, 12)
    np.fill_diagonal(away, np.inf)
    nearest = np.sort(away, axis=1)[:, : K + 1]
    tied = nearest[:, K - 1] == nearest[:, K]
    return float((nearest[tied, :K] == nearest[tied, K - 1 : K]).sum() / (len(X) * K))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--null", type=int, default=999)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results" / "demo_table.json"
    )
    options = parser.parse_args()
    pairs = ELSEWHERE | OTHER_RECIPE
    features = {name: platonica.extract(name, "stamps") for pair in pairs for name in pair}
    rows, worst = [], 0.0
    for (vision, text), elsewhere in pairs.items():
        last = platonica.compare(
            features[vision], features[text], layers="last", n_resamples=options.null
        )
        best = platonica.compare(features[vision], features[text], n_resamples=options.null)
        same_recipe = (vision, text) in ELSEWHERE
        if same_recipe:
            worst = max(worst, abs(last.score - elsewhere))
        error = last.null_std / np.sqrt(options.null)
        rows.append(
            {
                "vision": vision,
                "text": text,
                "last_layers": [last.layer_x, last.layer_y],
                "score_last_layers": last.score,
                "measured_elsewhere": elsewhere,
                "same_recipe": same_recipe,
                "pair_null_mean": last.pair_null_mean,
                "null_mean_last_layers": last.null_mean,
                "null_mean_errors_from_exact": (last.null_mean - last.pair_null_mean) / error,
                "score_best_layers": best.score,
                "best_layers": [best.layer_x, best.layer_y],
                "n_layer_pairs": best.n_layer_pairs,
                "pvalue_after_layer_maximum": best.pvalue,
            }
        )
        print(
            f"{vision:>42} x {text:<26} last {last.score:.4f} (elsewhere {elsewhere:.3f})  "
            f"best {best.score:.4f}, p = {best.pvalue:.3f} over {best.n_layer_pairs} pairs; null "
            f"mean {rows[-1]['null_mean_errors_from_exact']:+.1f} standard errors from exact"
        )
    print(f"largest difference from the values measured elsewhere: {worst:.4f}")
    chosen = {
        "words of one letter or more": share_chosen_among_equals(r"(?u)\b\w+\b"),
        "words of two letters or more": share_chosen_among_equals(r"(?u)\b\w\w+\b"),
    }
    for words, share in chosen.items():
        print(f"tf-idf, {words}: {share:.1%} of the neighbours are chosen among equals")
    document = {
        "command": "python benchmarks/demo_table.py",
        "n_items": best.n_items,
        "permutations": options.null,
        "largest_difference": worst,
        "tfidf_neighbours_chosen_among_equals": chosen,
        "rows": rows,
    }
    options.out.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
