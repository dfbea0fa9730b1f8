"""The list of rpcs that are not built yet is the truth."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.contract.test_contracts import SERVICES

FOLDERS = {"asr": "asr_service", "llm": "llm_service", "match": "match_service", "board": "board_service"}
FOLDERS |= {"notify": "notify_service", "orchestrator": "orchestrator"}


def only_refuses(function: ast.AsyncFunctionDef) -> bool:
    """Whether the body does nothing but raise Unimplemented."""
    body = [node for node in function.body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
    raised = [node for node in body if isinstance(node, ast.Raise)]
    named = [ast.unparse(node.exc) for node in raised if node.exc is not None]
    others = [node for node in body if not isinstance(node, ast.Raise | ast.Delete) and not is_yield(node)]
    return bool(named) and not others and "Unimplemented" in named[0]


def is_yield(node: ast.stmt) -> bool:
    """Whether the statement only makes its function a generator."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Yield)


def built(folder: Path) -> set[str]:
    """Names of the rpcs that the servicers of a package answer."""
    names = set()
    for file in folder.rglob("*servicer*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                methods = [item for item in node.body if isinstance(item, ast.AsyncFunctionDef)]
                names |= {method.name for method in methods if not only_refuses(method)}
    return names


def test_the_list_in_the_architecture_is_current(repository: Path) -> None:
    missing = []
    for service in SERVICES:
        package = service.full_name.split(".")[1]
        answered = built(repository / FOLDERS[package])
        missing += [f"{service.full_name}/{m.name}" for m in service.methods if m.name not in answered]
    text = (repository / "docs" / "architecture.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\* `(planerka\.[^`]+)`", text.partition("<!-- not-built:begin -->")[2], re.MULTILINE)
    assert sorted(listed) == sorted(missing)
