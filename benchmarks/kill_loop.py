"""Kill extractions at random moments, run them again, and compare every byte.

    python benchmarks/kill_loop.py --kills 20 --model pip:efficientnet-lite0 --data stamps

Each round starts an extraction in a process of its own, kills it with SIGKILL at a moment drawn
uniformly over the time that an uninterrupted one took, and runs it again until it is complete.
Its files must equal those of the uninterrupted run. A round that ends before its moment is kept
in the results but is no kill: another is drawn for it. Exits with 1 if a file differs, or if
moments keep coming too late.
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from platonica.sources._contracts import Data, Encoded, Item, Layer, ModelCard
from platonica.sources.extraction import extract
from platonica.store.records import write_records

SHARDS = "shard-*.safetensors"


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    if options.worker:
        work(options)
        return 0
    folder = Path(tempfile.mkdtemp(prefix="kill-loop-", dir=options.scratch))
    try:
        run = measure(options, folder)
    finally:
        shutil.rmtree(folder)
    write_records(options.out, run)
    kept = sum(round_["shards_kept"] for round_ in run["rounds"])
    n_rounds = len(run["rounds"])
    print(
        f"{run['n_identical']} of {n_rounds} runs are byte-identical to an uninterrupted one; "
        f"{run['n_killed']} of them were killed before they ended and run again, and {kept} "
        f"whole shards were kept; {options.out}"
    )
    return 0 if run["n_identical"] == n_rounds and run["n_killed"] == options.kills else 1


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """One uninterrupted run, then the rounds."""
    reference = folder / "reference"
    start = time.monotonic()
    complete(options, reference)
    duration = time.monotonic() - start
    expected = hashes(reference)
    rng = np.random.default_rng(options.seed)
    rounds: list[dict[str, Any]] = []
    n_killed = 0
    while n_killed < options.kills and len(rounds) < 3 * options.kills:
        store = folder / f"round-{len(rounds)}"
        rounds.append(kill_and_repeat(options, store, rng.uniform(0, duration), expected))
        n_killed += rounds[-1]["killed"]
        print(f"{n_killed}/{options.kills} kills: {rounds[-1]}", file=sys.stderr)
        shutil.rmtree(store)
    return {
        "command": shlex.join(["python", "benchmarks/kill_loop.py", *sys.argv[1:]]),
        "what": "extractions killed with SIGKILL at random moments, repeated, compared by bytes",
        "model": "toy" if options.toy else options.model,
        "data": "toy" if options.toy else options.data,
        "limit": options.limit,
        "shard_rows": options.shard_rows,
        "batch_size": options.batch_size,
        "seed": options.seed,
        "uninterrupted_seconds": duration,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "n_kills": options.kills,
        "n_killed": n_killed,
        "n_identical": sum(round_["identical"] for round_ in rounds),
        "sha256": expected,
        "rounds": rounds,
    }


def kill_and_repeat(
    options: argparse.Namespace, store: Path, moment: float, expected: dict[str, str]
) -> dict[str, Any]:
    """Kill one run after some seconds, repeat it, and compare what it leaves."""
    process = subprocess.Popen(command(options, store), stdout=subprocess.DEVNULL)
    try:
        process.wait(timeout=moment)
    except subprocess.TimeoutExpired:
        process.kill()
    status = process.wait()
    if status not in (0, -signal.SIGKILL):
        raise RuntimeError(f"the extraction failed by itself, with status {status}")
    before = inodes(store)
    finished = any(store.rglob("manifest.json"))
    complete(options, store)
    after = inodes(store)
    found = hashes(store)
    return {
        "moment": moment,
        "killed": status != 0,
        "complete_when_killed": finished,
        "shards_when_killed": len(before),
        "shards": len(after),
        # A file that was kept is the same file; one that was written again is another.
        "shards_kept": sum(after.get(path) == inode for path, inode in before.items()),
        "differing_files": sorted(
            name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)
        ),
        "identical": found == expected,
    }


def complete(options: argparse.Namespace, store: Path) -> None:
    subprocess.run(command(options, store), check=True, stdout=subprocess.DEVNULL)


def command(options: argparse.Namespace, store: Path) -> list[str]:
    words = [sys.executable, str(Path(__file__).resolve()), "--worker", str(store)]
    words += ["--model", options.model, "--data", options.data, "--limit", str(options.limit)]
    words += ["--shard-rows", str(options.shard_rows), "--batch-size", str(options.batch_size)]
    return words + (["--toy"] if options.toy else [])


def hashes(store: Path) -> dict[str, str]:
    """SHA-256 of every file of the store by its path, temporary files included."""
    return {
        path.relative_to(store).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(store.rglob("*"))
        if path.is_file()
    }


def inodes(store: Path) -> dict[str, tuple[int, int]]:
    return {
        path.relative_to(store).as_posix(): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in store.rglob(SHARDS)
    }


def work(options: argparse.Namespace) -> None:
    """One extraction: what the process that is killed runs."""
    if options.toy:
        model, data = toy_card(), toy_data(options.limit)
    else:
        from platonica.sources.data import load_data

        model, data = options.model, load_data(options.data)
        data = replace(data, items=data.items[: options.limit])
    extract(
        model,
        data,
        store=options.worker,
        shard_rows=options.shard_rows,
        batch_size=options.batch_size,
    )


class ToyModel:
    """A random network on character codes that takes its time."""

    n_parameters = 64 * 32 + 32 * 16
    layers = (Layer(name="hidden", depth=0.5), Layer(name="output", depth=1.0))

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self._first = rng.normal(size=(64, 32)).astype(np.float32)
        self._second = rng.normal(size=(32, 16)).astype(np.float32)

    def encode(self, payloads: Sequence[str], layers: Sequence[str], *, pooling: str) -> Encoded:
        """Encode texts, at 20 ms a batch."""
        time.sleep(0.02)
        counts = np.zeros((len(payloads), 64), dtype=np.float32)
        for row, text in enumerate(payloads):
            for character in text:
                counts[row, ord(character) % 64] += 1
        hidden = np.tanh(counts @ self._first)
        outputs = {"hidden": hidden, "output": hidden @ self._second}
        return Encoded({name: outputs[name] for name in layers})


def toy_card() -> ModelCard:
    return ModelCard(
        name="toy",
        revision="1",
        modality="text",
        poolings=("none",),
        preprocessing="character codes modulo 64",
        load=ToyModel,
    )


def toy_data(limit: int) -> Data:
    items = [Item(id=f"item-{i}", payloads={"text": [f"text number {i}"]}) for i in range(limit)]
    return Data(name="toy", revision="1", items=items)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--model", default="pip:efficientnet-lite0")
    parser.add_argument("--data", default="stamps")
    parser.add_argument("--limit", type=int, default=96, help="number of items")
    parser.add_argument("--shard-rows", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--toy", action="store_true", help="a small NumPy model on made-up texts")
    parser.add_argument("--scratch", type=Path, help="where stores are made; default: temporary")
    default = Path(__file__).parent / "results" / "kill_loop.json"
    parser.add_argument("--out", type=Path, default=default)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
