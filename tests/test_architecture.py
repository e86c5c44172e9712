"""A tier imports only lower tiers, and heavy libraries stay behind named doors."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "platonica"

# First part of a module's name inside the package -> tier; a tier imports only lower ones.
TIERS = {
    "errors": 0, "arrays": 0, "checks": 0, "rng": 0, "threads": 0, "rows": 0, "item_rows": 0,
    "linalg": 1, "residuals": 1, "neighbors": 1, "moments": 1,
    "distances": 1, "exact_moments": 1, "training": 1,
    "measures": 2, "stats": 2, "maps": 2, "store": 2,
    "spaces": 3, "prepared": 3, "inference": 3, "partialling": 3, "results": 3, "comparison": 3,
    "sources": 3, "ceilings": 3, "galleries": 3,
    "sweeping": 4, "stitching": 4, "bridge": 4, "translation": 4,
    "studies": 5, "report": 6, "cli": 7, "__main__": 8,
}  # fmt: skip
# Inside a tier the order is stated; other siblings never import one another.
WITHIN = {
    ("arrays", "errors"), ("checks", "errors"), ("checks", "arrays"), ("rng", "errors"),
    ("arrays", "rows"), ("checks", "rows"), ("item_rows", "errors"),
    ("galleries", "prepared"), ("galleries", "spaces"), ("ceilings", "comparison"),
    ("ceilings", "results"), ("ceilings", "spaces"),
    ("comparison", "spaces"), ("comparison", "inference"), ("comparison", "partialling"),
    ("partialling", "prepared"),
    ("partialling", "spaces"), ("inference", "partialling"), ("inference", "prepared"),
    ("inference", "spaces"), ("comparison", "prepared"), ("comparison", "results"),
    ("prepared", "spaces"), ("distances", "linalg"),
}  # fmt: skip

HEAVY = {
    "torch", "torchvision", "timm", "transformers", "open_clip", "sentence_transformers",
    "onnx", "onnxruntime", "tokenizers", "gguf", "accelerate", "PIL", "faiss", "ot",
    "efficientnet_lite_pytorch",
}  # fmt: skip
DOORS = {"sources", "training", "stitching", "bridge", "maps", "arrays"}
OWN_DOOR = {("neighbors", "faiss"), ("measures", "ot")}


def imports(tree: ast.AST) -> list[tuple[str, bool]]:
    """Return (module, at top level) of every import; relative imports are refused elsewhere."""
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) not in inside) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            if node.module == "platonica":
                found += [
                    (f"platonica.{alias.name}", id(node) not in inside) for alias in node.names
                ]
            else:
                found.append((name, id(node) not in inside))
    return found


def violations(source: str, room: str) -> list[str]:
    """List what a file of the room (first part of its module name) must not import."""
    found = []
    for name, top_level in imports(ast.parse(source)):
        parts = name.split(".")
        if name.startswith("."):
            found.append(f"relative import {name}")
        if parts[0] == "platonica" and len(parts) > 1 and parts[1] in TIERS:
            other = parts[1]
            lower = TIERS[other] < TIERS[room] or (room, other) in WITHIN
            if other != room and not lower:
                found.append(f"{room} imports {other}")
        door = room in DOORS or (room, parts[0]) in OWN_DOOR
        if parts[0] in HEAVY and (top_level or not door):
            found.append(f"{room} imports {name}{' at the top' if top_level else ''}")
        if parts[0] not in ("platonica", "__future__") and any(
            part.startswith("_") for part in parts
        ):
            found.append(f"private import {name}")
    return found


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


FILES = [p for p in sorted(PACKAGE.rglob("*.py")) if p != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    assert violations(path.read_text(encoding="utf-8"), room_of(path)) == []


@pytest.mark.parametrize(
    ("source", "room"),
    [
        ("from platonica.comparison import compare", "measures"),
        ("def f():\n    from platonica.report import write_report", "stats"),
        ("import platonica.measures", "stats"),
        ("from platonica import measures", "report_is_higher"),
        ("import torch", "sources"),
        ("def f():\n    import torch", "measures"),
        ("from ..errors import ShapeError", "measures"),
        ("from scipy._lib import _util", "measures"),
    ],
)
def test_a_planted_violation_is_caught(source, room):
    room = "store" if room == "report_is_higher" else room
    assert violations(source, room)


def test_every_room_has_a_tier():
    assert {room_of(path) for path in FILES} <= set(TIERS)


def test_report_computes_no_scores():
    for path in (PACKAGE / "report").glob("*.py"):
        names = {name.split(".")[1] for name, _ in imports(ast.parse(path.read_text()))
                 if name.startswith("platonica.")}  # fmt: skip
        assert not names & {"measures", "stats", "comparison", "neighbors", "moments"}, path


def test_no_file_holds_two_ideas():
    long = {str(p): n for p in FILES if (n := len(p.read_text().splitlines())) > 500}
    assert long == {}


def test_functions_are_short():
    long = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body
                documented = isinstance(body[0], ast.Expr) and isinstance(
                    body[0].value, ast.Constant
                )
                code = body[1:] if documented and len(body) > 1 else body
                length = (code[-1].end_lineno or 0) - code[0].lineno + 1
                if length > 50:
                    long.append(f"{path.name}:{node.name} {length}")
    assert long == []


def test_every_test_can_fail():
    """Hold every test to an assertion, a `raises` or a checker; a print is no test."""
    for path in sorted(Path(__file__).parent.rglob("test_*.py")):
        assert idle_tests(path.read_text(encoding="utf-8")) == [], path


def idle_tests(source: str) -> list[str]:
    tree = ast.parse(source)
    idle = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            text = ast.unparse(node)
            if not any(
                word in text
                for word in ("assert", "raises(", "check_", ".check(", "expect_", "refused(")
            ):
                idle.append(node.name)
    return idle


def test_a_test_without_assertion_is_caught():
    assert idle_tests("def test_score():\n    print(score(1))") == ["test_score"]


LIGHT = """
import sys, time
start = time.perf_counter(); import platonica; took = time.perf_counter() - start
heavy = {"torch", "matplotlib", "transformers", "sklearn", "scipy", "pandas"} & set(sys.modules)
assert not heavy, heavy
print(took)
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_import_is_light():
    done = run(LIGHT)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 0.5


def test_a_heavy_import_would_be_noticed():
    assert run(LIGHT.replace("import platonica;", "import platonica, scipy;")).returncode != 0


def test_public_names_load():
    import platonica

    for name in platonica.__all__:
        assert getattr(platonica, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = platonica.nothing
