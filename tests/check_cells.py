"""Check cells of a notebook without a kernel: what they need is run, then what is right and what is planted is checked.

Nothing is trained: where a notebook trains, it gets the models of the kit. Only those cells are run whose names a check
uses, directly or through others.
"""

import ast
import builtins
import dis
import importlib
import inspect
import json
import re
from contextlib import ExitStack
from types import CodeType
from unittest.mock import patch

import pytest

from satkit.experiments.kit_models import kit_model
from satkit.notebooks.blank import CALL, CHECK, MODULE, TEACH
from satkit.notebooks.checks.checking import NotRight
from satkit.notebooks.finding import find_notebook
from satkit.notebooks.lesson import Lesson

KEEPS = ("write_folder()",)  # calls for their effect, not for a name


def holds(name, mistakes, *, values=None, instead=None, most=None):
    """Every check of a notebook passes with the notebook's code, and fails on planted mistakes, with its message.

    Args:
        mistakes: By the name of a check, at least three of (words of the cell that teaches, words in their place,
            pattern of the message); without words to replace, code that is appended to the cell.
        values: Parameters that differ from their defaults. instead: Words of any cell, and words in their place.
        most: The number of images that the module of the checks counts.
    """
    path = find_notebook(name)
    cells = _cells(path, instead or {})
    module = _module(cells)
    with ExitStack() as stack:
        for method in ("trained", "trained_base", "base"):
            stack.enter_context(patch.object(Lesson, method, _of_the_kit))
        if most:
            stack.enter_context(patch.object(module, "MOST", most))
        names, checked, before, taught = {"__name__": "__main__"}, [], {}, ""
        for tags, source in _needed(cells, module):
            if CHECK in tags:
                check = getattr(module, CALL.search(source)[1])
                checked.append(CALL.search(source)[1])
                check(names)
                _finds(check, before, taught, mistakes.get(checked[-1], ()))
            else:
                before, taught = dict(names), source
                exec(compile(source, "cell", "exec"), names)
                if "parameters" in tags:
                    names.update(values or {})
    assert checked == list(mistakes)
    assert all(len(each) >= 3 for each in mistakes.values())


def _finds(check, before, source, mistakes):
    """A check fails on a cell that is empty, and on planted mistakes, in one sentence."""
    with pytest.raises(NotRight, match="is missing"):
        check(before)
    for old, new, message in mistakes:
        assert source.count(old) >= 1 if old else True, old
        names = dict(before)
        exec(compile(source.replace(old, new) if old else f"{source}\n{new}", "cell", "exec"), names)
        with pytest.raises(NotRight, match=message) as caught:
            check(names)
        assert "\n" not in str(caught.value)


def _of_the_kit(lesson, strategy="fine-tuning", steps=None):
    return kit_model(lesson.plan(strategy))


def _cells(path, instead):
    """Tags and source of every cell with code, with some words exchanged."""
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    sources = ["".join(cell["source"]) for cell in cells]
    for old, new in instead.items():
        assert any(old in source for source in sources), old
        sources = [source.replace(old, new) for source in sources]
    return [(set(cell["metadata"].get("tags", [])), source) for cell, source in zip(cells, sources, strict=True)]


def _module(cells):
    name = MODULE.search("\n".join(source for _, source in cells))[1]
    return importlib.import_module(f"satkit.notebooks.checks.{name}")


def _needed(cells, module):
    """The cells that the checks need, to the last check; of cells that only import something for them, the imports."""
    last = max(number for number, (tags, _) in enumerate(cells) if CHECK in tags)
    wanted, found = set(), []
    for tags, source in reversed(cells[: last + 1]):
        if CHECK in tags:
            wanted |= _names_of_check(getattr(module, CALL.search(source)[1]), module)
        else:
            imports = imported(source)
            kept = tags & {TEACH, "parameters"} or (stored(source) - imports) & wanted
            if not kept and not any(call in source for call in KEEPS):
                source = "\n".join(map(ast.unparse, _imports(source))) if imports & wanted else ""
            wanted = (wanted - stored(source)) | loaded(source)
        found.append((tags, source))
    return found[::-1]


def _names_of_check(check, module):
    """The names of a notebook that a check uses."""
    helpers = [
        each for each in vars(module).values() if inspect.isfunction(each) and each.__module__ == module.__name__
    ]
    sources = map(inspect.getsource, [check.examine, *helpers])
    return set(re.findall(r"\bat\.(\w+)", "\n".join(sources)))


def stored(source):
    """The names that a cell defines."""
    return {each.argval for each in dis.get_instructions(_compiled(source)) if each.opname == "STORE_NAME"}


def loaded(source):
    """The names that a cell takes from those above: it uses them before it defines them, or in a function only."""
    cell, own, used = _compiled(source), set(), set()
    for each in dis.get_instructions(cell):
        if each.opname == "STORE_NAME":
            own.add(each.argval)
        elif each.opname == "LOAD_NAME" and each.argval not in own:
            used.add(each.argval)
    inner = [each for each in cell.co_consts if isinstance(each, CodeType)]
    while inner:
        code = inner.pop()
        inner += [each for each in code.co_consts if isinstance(each, CodeType)]
        names = {each.argval for each in dis.get_instructions(code) if each.opname in ("LOAD_NAME", "LOAD_GLOBAL")}
        used |= names - own
    return used - {*dir(builtins), "__annotations__"}  # of the parameters


def imported(source):
    """The names that a cell imports."""
    return {(each.asname or each.name).partition(".")[0] for node in _imports(source) for each in node.names}


def _imports(source):
    return [node for node in ast.parse(source).body if isinstance(node, ast.Import | ast.ImportFrom)]


def _compiled(source):
    return compile(source, "cell", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
