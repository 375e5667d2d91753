"""What an expression reads, and the text that is handed to the CEL library instead of its source.

The library has no syntax tree, so this walks the tokens of a source that the library has parsed already.
Every static path (`nodes.a.output.x`, `items[0]["k"]`) becomes one variable, so that only what is read is
converted; macros run over a guarded range and `size` over a guarded value, see `rewriting`.
"""

from __future__ import annotations

from engine.expressions.brackets import CLOSERS, Bracket, Operand
from engine.expressions.catalogue import FUNCTIONS, MACROS, METHODS, TYPES, suggestion
from engine.expressions.errors import Code, ExpressionError
from engine.expressions.findings import Analysis, Read
from engine.expressions.rewriting import Edits
from engine.expressions.tokens import Token, literal_key, place, tokens
from engine.expressions.values import CHARACTERS_PER_ITEM, Path

MAX_NESTING = 24
"""Brackets within brackets; the library's parser stops at about 95, and a rewritten macro takes three."""

_LITERALS = frozenset({"true", "false", "null"})


def analyse(source: str) -> Analysis:
    """Walk a source that parses; ExpressionError for names and calls that CEL does not have."""
    return _Walk(source).run()


class _Walk:
    def __init__(self, source: str) -> None:
        self.source = source
        self.tokens = [*tokens(source)]
        self.at = 0
        self.brackets: list[Bracket] = []
        self.operand: Operand | None = None
        self.reads: dict[tuple[Path, bool], Read] = {}
        self.numbers: dict[tuple[Path, bool], int] = {}
        self.edits = Edits()
        self.functions: set[str] = set()
        self.literal_calls: list[str] = []
        self.power = 0
        self.bodies: list[tuple[int, tuple[int, ...]]] = []
        self.literals = 0
        self.lists = 0
        self.sizes = False

    def run(self) -> Analysis:
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            if token.kind == "mark":
                self._mark(token)
            elif token.kind == "name":
                self._name(token)
            else:
                self._literal(len(token.text) // CHARACTERS_PER_ITEM)
                self._value(token)
        return Analysis(
            text=self.edits.apply(self.source),
            reads=tuple(self.reads.values()),
            path=self._whole(),
            helpers=frozenset(self.functions | self.edits.helpers),
            literal_calls=tuple(self.literal_calls),
            power=self.power,
            bodies=tuple(self.bodies),
            literals=self.literals,
            sizes=self.sizes,
        )

    def _whole(self) -> Path | None:
        if len(self.reads) != 1 or self.tokens[0].kind != "name":
            return None
        (read,) = self.reads.values()
        path, after = self._static_path(0)
        return path if after == len(self.tokens) and not read.presence else None

    def _fail(self, code: Code, message: str, offset: int) -> ExpressionError:
        return ExpressionError(code, f"{message} ({place(self.source, offset)})", offset)

    def _is(self, index: int, text: str) -> bool:
        return index < len(self.tokens) and self.tokens[index].text == text

    def _value(self, token: Token, *, dependent: bool = False) -> None:
        self.operand = Operand(token.start, dependent)
        self.at += 1

    def _name(self, token: Token) -> None:
        if token.text == "in":
            self.operand = None
            self.at += 1
        elif token.text in _LITERALS:
            self._value(token)
        elif self._is(self.at + 1, "("):
            self._call(token)
        elif self._is(self.at + 1, "{"):
            msg = f"{token.text}{{...}} is a message; only maps like {{'key': value}} may be written"
            raise self._fail("EXPRESSION_SYNTAX", msg, token.start)
        elif self._bound(token.text):
            self._value(token, dependent=True)
        elif token.text in TYPES:
            self._value(token)
        else:
            path, after = self._static_path(self.at)
            self._read(Read(path, presence=False, offset=token.start), token.start, after)

    def _bound(self, name: str) -> bool:
        for bracket in reversed(self.brackets):
            if bracket.variable == name:
                bracket.items += 1
                return True
        return False

    def _static_path(self, index: int) -> tuple[Path, int]:
        """Path that begins with the name at `index`, and the index after it."""
        path: list[str | int] = [self.tokens[index].text]
        index += 1
        while index + 1 < len(self.tokens):
            mark, step = self.tokens[index], self.tokens[index + 1]
            if mark.text == "." and step.kind == "name" and not self._is(index + 2, "("):
                path.append(step.text)
                index += 2
            elif mark.text == "[" and self._is(index + 2, "]") and (key := literal_key(step)) is not None:
                path.append(key)
                index += 3
            else:
                break
        return tuple(path), index

    def _read(self, read: Read, start: int, after: int) -> None:
        """Let a variable stand for the path that ends before token `after`, from offset `start` on."""
        if read.path[0] == "nodes" and (len(read.path) == 1 or not isinstance(read.path[1], str)):
            msg = 'write nodes.<id> or nodes["<id>"]: which node is read must be known beforehand'
            raise self._fail("EXPRESSION_UNKNOWN_NAME", msg, read.offset)
        key = (read.path, read.presence)
        self.reads.setdefault(key, read)
        number = self.numbers.setdefault(key, len(self.numbers))
        self.edits.replace(start, self.tokens[after - 1].end, f"__{number}")
        for bracket in self.brackets:
            bracket.reads.append(number)
        self.operand = Operand(start, read=number)
        self.at = after

    def _call(self, token: Token) -> None:
        """Begin `f(`; `has(path)` is read as a whole."""
        if token.text not in FUNCTIONS:
            hint = suggestion(token.text, FUNCTIONS)
            if token.text in METHODS or token.text in MACROS:
                hint = f" Call it on a value: x.{token.text}(...)."
            msg = f"there is no function {token.text}().{hint}"
            raise self._fail("EXPRESSION_UNKNOWN_NAME", msg, token.start)
        if token.text == "has" and self._presence(token):
            return
        self.functions.add(token.text)
        self.operand = None
        self.at += 1
        self._open(Bracket(")", self.at, Operand(token.start), token.text, name_start=token.start))

    def _presence(self, token: Token) -> bool:
        begin = self.at + 2
        if begin >= len(self.tokens) or self.tokens[begin].kind != "name":
            return False
        path, after = self._static_path(begin)
        bound = any(bracket.variable == path[0] for bracket in self.brackets)
        if bound or len(path) == 1 or not self._is(after, ")"):
            return False
        self._read(Read(path, presence=True, offset=self.tokens[begin].start), token.start, after + 1)
        return True

    def _mark(self, token: Token) -> None:
        text = token.text
        if text == "." and self.operand is not None:
            self._member(self.operand)
        elif text == ".":
            raise self._fail("EXPRESSION_SYNTAX", "a name may not begin with a dot", token.start)
        elif text in CLOSERS:
            self._open(Bracket(CLOSERS[text], self.at, self.operand))
        elif text in ")]}":
            self._close(token)
        else:
            if text == "," and self.brackets:
                self.brackets[-1].commas.append(token.start)
            self.operand = None
            self.at += 1

    def _member(self, target: Operand) -> None:
        """Handle `.name` and `.name(`."""
        target_end = self.tokens[self.at - 1].end
        if self.at + 1 >= len(self.tokens) or self.tokens[self.at + 1].kind != "name":
            raise self._fail("EXPRESSION_SYNTAX", "a name must follow the dot", target_end)
        name = self.tokens[self.at + 1]
        self.at += 2
        self.operand = Operand(target.start, target.dependent)
        if not self._is(self.at, "("):
            return
        bracket = Bracket(")", self.at, target, name.text, True, name.start, target_end)  # noqa: FBT003
        if name.text in MACROS:
            self._macro(bracket, target)
        elif name.text in METHODS:
            self.functions.add(name.text)
            self._open(bracket)
        else:
            hint = suggestion(name.text, [*METHODS, *MACROS])
            if name.text in FUNCTIONS:
                hint = f" Write {name.text}(x)."
            msg = f"there is no function .{name.text}().{hint}"
            raise self._fail("EXPRESSION_UNKNOWN_NAME", msg, name.start)

    def _macro(self, bracket: Bracket, target: Operand) -> None:
        begin = self.at + 1
        if not self._is(begin + 1, ",") or self.tokens[begin].kind != "name":
            msg = f"{bracket.call}() begins with the name of its variable: items.{bracket.call}(item, ...)"
            raise self._fail("EXPRESSION_SYNTAX", msg, bracket.name_start)
        variable = self.tokens[begin].text
        if variable.startswith("__") or variable in TYPES or variable in _LITERALS:
            msg = f"a variable may not be called {variable}; choose another name"
            raise self._fail("EXPRESSION_UNKNOWN_NAME", msg, self.tokens[begin].start)
        if not target.list_literal:
            self.edits.guard_range(target.start, bracket.target_end)
        if target.read is not None:
            for outer in self.brackets:
                outer.reads.remove(target.read)
        self._open(bracket)
        bracket.variable = variable
        bracket.commas.append(self.tokens[begin + 1].start)
        bracket.power += 0 if target.dependent else 1
        self.power = max(self.power, bracket.power)
        if bracket.call in ("map", "filter"):
            name_end = bracket.name_start + len(bracket.call)
            self.edits.collector(target.start, bracket.name_start, name_end, self.lists)
            bracket.collector = (self.lists, self.edits.insert(self.tokens[begin + 1].end))
            self.lists += 1
        self.at = begin + 2

    def _open(self, bracket: Bracket) -> None:
        if len(self.brackets) >= MAX_NESTING:
            msg = f"brackets are nested deeper than {MAX_NESTING}; split the expression over several nodes"
            raise self._fail("EXPRESSION_TOO_LARGE", msg, self.tokens[bracket.index].start)
        bracket.power = self.brackets[-1].power if self.brackets else 0
        self.brackets.append(bracket)
        self.operand = None
        self.at += 1

    def _close(self, token: Token) -> None:
        if not self.brackets or self.brackets[-1].closer != token.text:
            raise self._fail("EXPRESSION_SYNTAX", f"{token.text} closes nothing", token.start)
        bracket = self.brackets.pop()
        opener = self.tokens[bracket.index]
        empty = bracket.index + 1 == self.at
        wrong = bracket.wrong_arguments(0 if empty else len(bracket.commas) + 1)
        if wrong:
            raise self._fail("EXPRESSION_TYPE", wrong, bracket.name_start)
        if bracket.call is not None:
            self._called(bracket, opener, token)
        target = bracket.target
        if target is None:
            if token.text != ")" and not empty:
                self._literal(len(bracket.commas) + 1)
            self.operand = Operand(opener.start, list_literal=token.text == "]")
        else:
            self.operand = Operand(target.start, target.dependent)
        self.at += 1

    def _literal(self, items: int) -> None:
        self.literals += items
        for bracket in self.brackets:
            bracket.items += items

    def _called(self, bracket: Bracket, opener: Token, closer: Token) -> None:
        """Mend what the library does otherwise; note what can be tried beforehand."""
        start = bracket.target.start if bracket.target else bracket.name_start
        read = bracket.reads or (bracket.target is not None and bracket.target.read is not None)
        self.sizes |= bracket.call == "size" and bracket.power > 0 and bool(read)
        if bracket.call == "size" and bracket.method:
            self.edits.guard_size_method(start, bracket.target_end, closer.end)
        elif bracket.call == "size":
            self.edits.guard_size_call(bracket.name_start, opener.end, closer.start)
        elif bracket.call == "matches" and not bracket.method:
            self.edits.as_method(bracket.name_start, opener.end, bracket.commas[0], "matches")
        elif bracket.collector is not None:
            number, body = bracket.collector
            variable = bracket.variable if bracket.call == "filter" else None
            self.edits.collect(body, number, bracket.commas, closer.start, variable)
            if variable is None:
                self.bodies.append((bracket.items, tuple(bracket.reads)))
        argument = self.tokens[self.at - 1]
        if argument.kind == "string" and bracket.index + 2 == self.at:
            if bracket.call == "matches":
                self.literal_calls.append(f"''.matches({argument.text})")
            elif bracket.call in ("timestamp", "duration"):
                self.literal_calls.append(f"{bracket.call}({argument.text})")
