import subprocess
import sys

import pytest

from cobenefit_cli.app import build, main
from cobenefit_cli.parts import PARTS

HEAVY = ("numpy", "fastapi", "sqlalchemy", "paho", "pymodbus", "msgspec", "httpx", "jinja2")


def _run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


def _exit_code(*args: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(args)
    return int(stop.value.code or 0)


def test_help_lists_every_part(capsys):
    assert _exit_code("--help") == 0
    out = capsys.readouterr().out
    for part in PARTS:
        assert part.name in out


def test_help_imports_no_part_and_no_heavy_library():
    done = _run(
        "import sys\nfrom cobenefit_cli.app import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"bad = [m for m in sys.modules if m.split('.')[0] in {HEAVY!r}]\n"
        "bad += [m for m in sys.modules if m.startswith('cobenefit_')"
        " and not m.startswith('cobenefit_cli')]\n"
        "sys.exit(repr(bad) if bad else 0)"
    )
    assert done.returncode == 0, done.stderr


def test_version_is_the_distribution_s(capsys):
    assert _exit_code("--version") == 0
    assert capsys.readouterr().out.startswith("cobenefit ")


def test_no_argument_shows_help_and_is_not_a_success(capsys):
    assert _exit_code() == 2
    shown = capsys.readouterr()
    assert "Usage: cobenefit" in shown.out + shown.err


def test_mistyped_command_names_the_near_one(capsys):
    assert _exit_code("gate") == 2
    assert "gateway" in capsys.readouterr().err


def test_missing_library_names_the_extra_to_install():
    done = _run(
        "import sys\nsys.modules['cobenefit_gateway.commands'] = None\n"
        "from cobenefit_cli.app import main\nmain(['gateway', '--help'])"
    )
    assert done.returncode == 4, done.stderr
    assert "needs the module cobenefit_gateway.commands" in done.stderr
    assert "cobenefit[gateway]" in done.stderr
    assert "Traceback" not in done.stderr


def test_traceback_only_with_debug():
    code = (
        "import sys\nsys.modules['cobenefit_gateway.commands'] = None\n"
        "from cobenefit_cli.app import main\nmain(['--debug', 'gateway', '--help'])"
    )
    done = _run(code)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.parametrize("part", PARTS, ids=lambda p: p.name)
def test_every_part_answers_help(part, capsys):
    assert _exit_code(part.name, "--help") == 0
    assert f"Usage: cobenefit {part.name}" in capsys.readouterr().out


def test_names_on_the_top_level_are_unique():
    assert len({p.name for p in PARTS}) == len(PARTS) == len(build().commands)
