"""Exact k-nearest-neighbour graphs: ties and duplicates by rule, groups excluded."""

from platonica.neighbors._graph import KnnGraph, knn_graph, relabel, restrict
from platonica.neighbors._space import Metric

__all__ = ["KnnGraph", "Metric", "knn_graph", "relabel", "restrict"]
