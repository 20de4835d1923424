import importlib
from pathlib import Path

import pytest

from cobenefit_cli.parts import PARTS
from cobenefit_cli.problems import BUG, INPUT, MISSING, WORLD, explain
from cobenefit_wire.errors import WireError

GATEWAY = next(p for p in PARTS if p.name == "gateway")


def _raised(action) -> Exception:
    with pytest.raises(Exception) as caught:
        action()
    return caught.value


def test_missing_file_is_the_world_and_names_the_file(tmp_path: Path):
    problem = explain(_raised((tmp_path / "absent.toml").read_text), GATEWAY)
    assert problem.code == WORLD
    assert str(tmp_path / "absent.toml") in problem.what
    assert "No such file" in problem.what
    assert problem.remedy


def test_our_own_value_error_is_the_user_s_input_in_its_own_words():
    problem = explain(WireError("crc", "does not match", 12), GATEWAY)
    assert (problem.code, problem.what, problem.remedy) == (INPUT, "crc: does not match", "")


def test_foreign_value_error_is_a_bug():
    problem = explain(_raised(lambda: int("x")), GATEWAY)
    assert problem.code == BUG
    assert "ValueError" in problem.what
    assert "--debug" in problem.remedy


def test_missing_module_before_any_part_asks_for_everything():
    problem = explain(ModuleNotFoundError("no", name="rich"), None)
    assert problem.code == MISSING
    assert "cobenefit[dev]" in problem.remedy


def test_docstring_documents_every_code():
    import cobenefit_cli.problems as module

    for code in (0, BUG, INPUT, WORLD, MISSING, 130):
        assert f"\n{code}  " in "\n" + (module.__doc__ or "")


@pytest.mark.parametrize(
    ("part", "module", "name", "code"),
    [
        ("gateway", "cobenefit_gateway.errors", "ConfigError", INPUT),
        ("gateway", "cobenefit_gateway.errors", "BackendError", WORLD),
        ("boards", "cobenefit_boards.board", "BoardError", INPUT),
        ("backend", "cobenefit_backend.errors", "BackendError", INPUT),
    ],
)
def test_errors_of_the_parts_have_the_code_of_who_must_act(part, module, name, code):
    kind = getattr(importlib.import_module(module), name)
    problem = explain(kind.__new__(kind), GATEWAY)
    assert (problem.code, problem.remedy) == (code, ""), part
