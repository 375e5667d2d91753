"""Operations: what is computed from a scope by expressions, in the coordinator or, over large data, in a runner."""

from engine.operations.operation import OPERATIONS, Operation, compile_operation, evaluate

__all__ = ["OPERATIONS", "Operation", "compile_operation", "evaluate"]
