"""CEL expressions of a workflow, and templates: JSON whose strings hold `${expression}`.

Pure: no clock, no randomness, no I/O; the same scope gives the same result in every process.
"""

from engine.expressions.errors import ExpressionError, TemplateError
from engine.expressions.expression import Expression, Reads, compile_condition, compile_expression
from engine.expressions.meter import Meter, OverBudgetError
from engine.expressions.template import Template, compile_template

__all__ = [
    "Expression",
    "ExpressionError",
    "Meter",
    "OverBudgetError",
    "Reads",
    "Template",
    "TemplateError",
    "compile_condition",
    "compile_expression",
    "compile_template",
]
