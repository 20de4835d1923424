"""Every public function of the CPython packages says what its numbers are measured in.

The rules, in one place (CONTRIBUTING explains them to people):

* a section `Parameters`, when there is one, names exactly the parameters there are;
* it may only be left out where no parameter is a number;
* the description of each numeric parameter and return ends with its `[unit]`, and so does a
  one-line docstring of a function that returns a number;
* units are made of the codes that CONTRIBUTING lists.

Commands and routes are left out: their parameters are documented for users, in `--help` and in
the OpenAPI document, where the decorator says that the function is one. That there is a docstring
at all is ruff's business (D1).
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from numpydoc.docscrape import NumpyDocString

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "gateway/cobenefit_gateway",
    "backend/cobenefit_backend",
    "boards/cobenefit_boards",
    "hil-tests/cobenefit_hil",
    "cli/cobenefit_cli",
)
#: The virtual board's own modules run on MicroPython: one line is enough, as in firmware/.
ON_MICROPYTHON = {"boot.py", "machine.py", "simclock.py"}
FILES = sorted(
    path.relative_to(ROOT)
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if "migrations" not in path.parts
    and not re.match(r"_[^_]", path.name)
    and not (path.parent.name == "virtual" and path.name in ON_MICROPYTHON)
)
FOR_USERS = {"command", "callback", "get", "post", "put", "patch", "delete", "exception_handler"}
NUMBER = re.compile(
    r"int|float|(np\.)?ndarray|(?!Bool|Str|Byte|Date)\w*Array"
    r"|(np\.typing\.|npt\.)?NDArray\[(?!np\.(bool|str|datetime)).*\]"
    r"|(Sequence|Iterable|list|tuple)\[(int|float)(, \.\.\.)?\]"
)
ENDS_WITH_UNIT = re.compile(r"\[([^\[\]]+)\]\.?$")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def known_units() -> set[str]:
    """Return the codes in the first column of CONTRIBUTING's table of units."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = text.partition("| Unit | Means |")[2].partition("\n\n")[0].splitlines()[1:]
    return {code for row in rows for code in re.findall(r"`([^`]+)`", row.split("|")[1])}


UNITS = known_units()


def is_number(annotation: ast.expr | None) -> bool:
    """Return whether an annotation is a number or an array of numbers, None aside."""
    if annotation is None:
        return False
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = ast.parse(annotation.value, mode="eval").body
    if isinstance(annotation, ast.BinOp):
        return is_number(annotation.left) or is_number(annotation.right)
    if isinstance(annotation, ast.Subscript) and isinstance(annotation.slice, ast.Tuple):
        members = annotation.slice.elts
        if ast.unparse(annotation.value) == "tuple" and all(map(is_number, members)):
            return True
    return NUMBER.fullmatch(ast.unparse(annotation)) is not None


def unit_fault(text: str) -> str | None:
    """Return what is wrong with the unit at the end of a description, None when nothing is."""
    found = ENDS_WITH_UNIT.search(text.strip())
    if not found:
        return "its description must end with [unit]"
    if found[1] == "any" or re.search(r"\bunit\b", found[1]):
        return None
    parts = [re.sub(r"^\(|\)$|\^?-?\d+$", "", p) or "1" for p in re.split(r"[/.]|, ", found[1])]
    strange = [p for p in parts if p not in UNITS]
    return f"[{found[1]}]: no such unit in CONTRIBUTING: {strange}" if strange else None


def public_functions(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Function]]:
    """Yield (dotted name, node) of each function that a reader of the package may call."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node.body, f"{prefix}{node.name}.")
        if isinstance(node, Function) and not node.name.startswith("_"):
            called = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
            names = {d.attr for d in called if isinstance(d, ast.Attribute)}
            if not names & (FOR_USERS | {"setter"}):
                yield prefix + node.name, node


def faults(source: str) -> list[str]:
    """Return every breach of the rules in a module, as `line: function: what`."""
    found = []
    for name, node in public_functions(ast.parse(source).body):
        doc = ast.get_docstring(node)
        told = function_faults(node, doc) if doc else ()
        found += [f"{node.lineno}: {name}: {fault}" for fault in told]
    return found


def function_faults(node: Function, doc: str) -> Iterator[str]:
    """Yield what is wrong with one function's docstring."""
    parsed = NumpyDocString(doc)
    every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    numeric = {a.arg for a in every if is_number(a.annotation)}
    described = {
        name.strip().lstrip("*"): " ".join(p.desc)
        for p in [*parsed["Parameters"], *parsed["Other Parameters"]]
        for name in p.name.split(",")
    }
    actual = {a.arg for a in every} - {"self", "cls"}
    variadic = {a.arg for a in (node.args.vararg, node.args.kwarg) if a}
    if described:
        yield from (f"{n}: it is not described" for n in sorted(actual - set(described)))
        yield from (f"{n}: no such parameter" for n in sorted(set(described) - actual - variadic))
    elif numeric:
        yield f"{', '.join(sorted(numeric))}: a section Parameters must describe it, with [unit]"
    for name in sorted(numeric & set(described)):
        if fault := unit_fault(described[name]):
            yield f"{name}: {fault}"
    if is_number(node.returns):
        yield from return_faults(parsed, doc)


def return_faults(parsed: NumpyDocString, doc: str) -> Iterator[str]:
    """Yield what is wrong with the description of a number that is returned."""
    told = [" ".join(p.desc) for p in parsed["Returns"]]
    if not told and "\n\n" not in doc:
        told = [doc]
    if not told:
        yield "return: a section Returns must describe it, with [unit]"
    yield from (f"return: {fault}" for text in told if (fault := unit_fault(text)))


@pytest.mark.parametrize("path", FILES, ids=str)
def test_numbers_are_documented_with_their_unit(path: Path) -> None:
    found = faults((ROOT / path).read_text(encoding="utf-8"))
    assert not found, "\n" + "\n".join(f"{path}:{fault}" for fault in found)


GOOD = '''
def mean_power_w(energy_wh: FloatArray, name: str = "") -> FloatArray | None:
    """Return the mean power.

    Parameters
    ----------
    energy_wh : ndarray, shape (n,)
        Energy of each window. [W.h]
    name : str
        Whatever.

    Returns
    -------
    ndarray, shape (n,)
        Mean power. [W]
    """
'''


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("", "", None),
        ("window. [W.h]", "window.", "2: mean_power_w: energy_wh: its description must end"),
        ("power. [W]", "power.", "return: its description must end"),
        ("[W.h]", "[W.furlong]", "no such unit in CONTRIBUTING: ['furlong']"),
        ("    name : str\n        Whatever.\n", "", "name: it is not described"),
        ("    name : str\n", "    title : str\n", "title: no such parameter"),
        ("def mean", "@app.command()\ndef mean", None),
        ("FloatArray,", "BoolArray,", None),
    ],
)
def test_the_rules_catch_each_breach(old: str, new: str, fault: str | None) -> None:
    found = "\n".join(faults(GOOD.replace(old, new, 1)))
    assert (fault in found) if fault else not found


def test_one_line_is_enough_when_only_the_return_is_a_number() -> None:
    source = 'def level(name: str) -> int:\n    """Return the level {}."""\n'
    assert not faults(source.format("[mV]"))
    assert "must end with [unit]" in faults(source.format(""))[0]
    assert "must describe it" in faults('def f(a: int) -> None:\n    """Do."""\n')[0]
