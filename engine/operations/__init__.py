"""Operations: what expressions compute from a scope, in the coordinator or, over large data, in a runner."""

from engine.operations.operation import OPERATIONS, Operation, compile_operation, evaluate

__all__ = ["OPERATIONS", "Operation", "compile_operation", "evaluate"]
