"""k-nearest-neighbour graphs: exact, with ties by rule and groups excluded, or approximate."""

from platonica.neighbors._approximate import approximate_knn_graph
from platonica.neighbors._graph import KnnGraph, knn_graph, relabel, restrict
from platonica.neighbors._items import item_graph, row_graph
from platonica.neighbors._space import Metric

__all__ = [
    "KnnGraph",
    "Metric",
    "approximate_knn_graph",
    "item_graph",
    "knn_graph",
    "relabel",
    "restrict",
    "row_graph",
]
