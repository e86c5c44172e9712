"""Measure, test and use representational convergence."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Public name -> where it lives. Loaded on first use (PEP 562), so that the import is light.
_PUBLIC = {
    "DIAGNOSTICS": "platonica.measures",
    "MEASURES": "platonica.measures",
    "Comparison": "platonica.results",
    "Features": "platonica.store",
    "compare": "platonica.comparison",
    "extract": "platonica.sources.extraction",
    "open_features": "platonica.store",
}
_MODULES = ("ceilings", "errors", "measures", "sources", "stats", "store")

__all__ = [
    "DIAGNOSTICS",
    "MEASURES",
    "Comparison",
    "Features",
    "__version__",
    "ceilings",
    "compare",
    "errors",
    "extract",
    "measures",
    "open_features",
    "sources",
    "stats",
    "store",
]

if TYPE_CHECKING:
    from platonica import ceilings, errors, measures, sources, stats, store
    from platonica.comparison import compare
    from platonica.measures import DIAGNOSTICS, MEASURES
    from platonica.results import Comparison
    from platonica.sources.extraction import extract
    from platonica.store import Features, open_features


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"platonica.{name}")
    raise AttributeError(f"module 'platonica' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
