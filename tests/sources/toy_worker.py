"""A real, deterministic NumPy network on texts, and one extraction with it as a process.

python toy_worker.py STORE [--die-at STEP] [--file-size BYTES] [--uid UID]
"""

import argparse
import os
import resource
import signal
import sys

import numpy as np

from platonica.errors import PlatonicaError
from platonica.sources._contracts import Data, Encoded, Item, Layer, ModelCard
from platonica.sources.extraction import extract


class Network:
    n_parameters = 64 * 32 + 32 * 8
    layers = (Layer(name="h/0", depth=0.5), Layer(name="h/1", depth=1.0))

    def __init__(self):
        rng = np.random.default_rng(7)
        self.weights = [rng.normal(size=(64, 32)), rng.normal(size=(32, 8))]

    def encode(self, payloads, layers, *, pooling):
        outputs = {name: [] for name in ("h/0", "h/1")}
        for text in payloads:
            state = np.bincount([ord(c) % 64 for c in text], minlength=64).astype(float)
            for name, weights in zip(outputs, self.weights, strict=True):
                state = np.tanh(state @ weights)
                outputs[name].append(state)
        return Encoded(
            {name: np.asarray(outputs[name], dtype=np.float32) for name in layers},
            {"length": np.asarray([len(text) for text in payloads], dtype=np.int64)},
        )


def card(load=Network, **changes):
    fields = {
        "name": "toy:network",
        "revision": "1",
        "modality": "text",
        "poolings": ("mean", "last"),
        "preprocessing": "character codes modulo 64",
        "load": load,
    }
    return ModelCard(**(fields | changes))


def data(n_items=20, **changes):
    items = [
        Item(f"item-{i}", {"text": [f"caption {j} of item {i}" for j in range(1 + i % 3)]})
        for i in range(n_items)
    ]
    return Data(**({"name": "toy?n=20", "revision": "r0", "items": items} | changes))


def die_at(step):
    """Kill this process right before or after the step-th call that makes a file durable."""
    count = 0

    def stopping(call):
        def wrapped(*arguments):
            nonlocal count
            for act in (lambda: None, lambda: call(*arguments)):
                act()
                count += 1
                if count == step:
                    os.kill(os.getpid(), signal.SIGKILL)

        return wrapped

    os.fsync, os.replace = stopping(os.fsync), stopping(os.replace)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("store")
    parser.add_argument("--die-at", type=int)
    parser.add_argument("--file-size", type=int)
    parser.add_argument("--uid", type=int)
    options = parser.parse_args()
    if options.die_at:
        die_at(options.die_at)
    if options.file_size:
        resource.setrlimit(resource.RLIMIT_FSIZE, (options.file_size, options.file_size))
    if options.uid:
        os.setuid(options.uid)
    try:
        extract(card(), data(), store=options.store, shard_rows=20, batch_size=4)
    except PlatonicaError as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
