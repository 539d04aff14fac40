"""The changes: each replaces one place of a module by something near it that could loosen a limit.

Numbers and constants go up and down; comparisons, conditions, arithmetic, `and`, `or`, `min`, `max` and rounding turn
into their neighbours; layers, bounds, arguments and statements are left out. Words stay: no limit is in them.
"""

from __future__ import annotations

import ast
import copy
import difflib
from collections.abc import Iterator
from typing import NamedTuple

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
}
LOGIC: dict[type[ast.boolop], type[ast.boolop]] = {ast.And: ast.Or, ast.Or: ast.And}
FUNCTIONS = {"min": "max", "max": "min", "floor": "ceil", "ceil": "floor", "any": "all", "all": "any"}
DROPPED = "pass"


class Change(NamedTuple):
    """One place of a module that is something else, and the whole module with it."""

    where: str
    was: str
    becomes: str
    diff: str
    source: str


def changes(source: str, path: str) -> list[Change]:
    """Return every change of a module that this file knows."""
    found: dict[str, Change] = {}
    for where, node in _places(ast.parse(source), "module"):
        for old, new in _instead(node):
            changed = _replace(source, old, new)
            if changed != source:
                found.setdefault(changed, _described(source, changed, where, path))
    return list(found.values())


def _places(node: ast.AST, where: str) -> Iterator[tuple[str, ast.AST]]:
    """Walk through all but words, saying in which function or class it is."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        where = node.name if where == "module" else f"{where}.{node.name}"
    yield where, node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.JoinedStr):
            yield from _places(child, where)


def _instead(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Yield what is replaced, and the code that stands there instead."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield from _without_statements(node)
        case ast.If(test=test):
            yield from ((test, "True"), (test, "False"))
        case ast.comprehension(ifs=tests):
            yield from ((test, "True") for test in tests)
        case ast.AugAssign(op=op) if type(op) in ARITHMETIC:
            yield node, _but(node, op=ARITHMETIC[type(op)]())
        case ast.Return(value=ast.expr() as value):
            yield value, "None"
        case ast.expr():
            yield from ((node, f"({code})") for code in (*_values(node), *_operations(node)))


def _without_statements(function: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    for statement in ast.walk(function):
        match statement:
            case ast.Assign() | ast.AugAssign() | ast.Expr(value=ast.Call() | ast.Await()):
                yield statement, DROPPED


def _values(node: ast.expr) -> Iterator[str]:
    """Yield values near this one, and collections with one value less."""
    match node:
        case ast.Constant(value=bool() as value):
            yield repr(not value)
        case ast.Constant(value=int() | float() as value):
            yield from map(repr, (value * 2, value / 2) if 0 < value < 1 else (value + 1, value - 1))
        case ast.Name(id=name, ctx=ast.Load()) if name.isupper():
            yield from (f"{name} + 1", f"{name} - 1")
        case ast.List(elts=elements, ctx=ast.Load()) | ast.Set(elts=elements):
            yield from (_but(node, elts=some) for some in _one_less(elements))
        case ast.Dict(keys=keys, values=values):
            yield from (
                _but(node, keys=some, values=others)
                for some, others in zip(_one_less(keys), _one_less(values), strict=True)
            )


def _operations(node: ast.expr) -> Iterator[str]:
    """Yield the operations near this one, and what it is made of."""
    match node:
        case ast.UnaryOp(operand=operand):
            yield ast.unparse(operand)
        case ast.BinOp(op=op) if type(op) in ARITHMETIC:
            yield _but(node, op=ARITHMETIC[type(op)]())
        case ast.Compare(ops=ops):
            for at, op in enumerate(ops):
                yield from (_but(node, ops=[*ops[:at], other(), *ops[at + 1 :]]) for other in COMPARISONS[type(op)])
        case ast.BoolOp(op=op, values=values):
            yield _but(node, op=LOGIC[type(op)]())
            yield from (_but(node, values=some) for some in _one_less(values))
        case ast.IfExp(body=body, orelse=orelse):
            yield from (ast.unparse(body), ast.unparse(orelse))
        case ast.Call():
            yield from _calls(node)


def _calls(call: ast.Call) -> Iterator[str]:
    """Yield the call of the opposite function, each argument alone, and the call without one of its keywords."""
    match call.func:
        case ast.Name(id=name) if name in FUNCTIONS:
            yield _but(call, func=_but_node(call.func, id=FUNCTIONS[name]))
            yield from map(ast.unparse, call.args)
        case ast.Attribute(attr=name) if name in FUNCTIONS:
            yield _but(call, func=_but_node(call.func, attr=FUNCTIONS[name]))
            yield from map(ast.unparse, call.args)
    yield from (_but(call, keywords=some) for some in _one_less(call.keywords))


def _one_less(items: list[ast.AST]) -> list[list[ast.AST]]:
    return [items[:at] + items[at + 1 :] for at in range(len(items))]


def _but(node: ast.AST, **fields: object) -> str:
    return ast.unparse(_but_node(node, **fields))


def _but_node(node: ast.AST, **fields: object) -> ast.AST:
    other = copy.copy(node)
    vars(other).update(fields)
    return other


def _replace(source: str, node: ast.AST, code: str) -> str:
    """Return the source with other code in the place of a node; columns of a syntax tree count bytes."""
    lines = source.encode().splitlines(keepends=True)
    begin = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
    end = sum(map(len, lines[: node.end_lineno - 1])) + node.end_col_offset
    text = b"".join(lines)
    return (text[:begin] + code.encode() + text[end:]).decode()


def _described(source: str, changed: str, where: str, path: str) -> Change:
    diff = list(difflib.unified_diff(source.splitlines(), changed.splitlines(), path, path, n=0, lineterm=""))
    was, becomes = (" ".join(line[1:].strip() for line in diff[2:] if line.startswith(sign)) for sign in "-+")
    return Change(where, was, becomes, "\n".join(diff[2:]), changed)
