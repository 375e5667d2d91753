"""The graph: `compile_graph(workflow, hash)`, `load_graph(definition, hash)`."""

from engine.graph.compile import compile_graph, load_graph
from engine.graph.graph import Body, Graph, GraphEdge, GraphNode

__all__ = ["Body", "Graph", "GraphEdge", "GraphNode", "compile_graph", "load_graph"]
