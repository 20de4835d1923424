"""Every shipped board loads, and a fact without a source does not."""

import dataclasses
import re
from pathlib import Path

import pytest

from cobenefit_boards import BoardError, load, names

MINIMAL = """title = "T"
virtual = true
[flash]
chip = "x"
micropython_id = "X"
image_pattern = "*.bin"
method = "none"
[pins]
led = 2
[rig]
features = ["power"]
[footprint]
blocks = { pcb = 1 }
powered_by = "battery"
lifetime_years = 5
battery = { kind = "aa_alkaline", cells = 2 }
[proof]
level = "datasheet"
how = "h"
[current]
module_ma = { deep_sleep = 0.01 }
[sources]
current = "c"
flash = "f"
pins = "p"
rig = "r"
footprint = "fp"
"""


def write(folder, text):
    (folder / "one.toml").write_text(text)
    return load("one", folder)


@pytest.mark.parametrize("name", names())
def test_every_board_loads(name):
    board = load(name)
    assert board.name == name
    assert board.footprint.blocks
    assert all(0 <= level <= 3 for level in board.footprint.blocks.values())


def test_the_four_boards_of_the_first_version():
    assert set(names()) >= {"unix", "esp32_generic", "rpi_pico_w", "rpi_4_gateway"}
    assert [name for name in names() if load(name).virtual] == ["unix"]


def test_records_are_frozen_and_complete(tmp_path):
    board = write(tmp_path, MINIMAL)
    assert board.pins == {"led": 2}
    assert board.rig.features == ("power",)
    assert board.footprint.battery.cells == 2
    assert board.footprint.mass_g is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        board.title = "other"


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ('pins = "p"\n', "", r"pins\.led.*source"),
        ('rig = "r"\n', 'rig = "r"\nwires = "w"\n', "wires.*does not hold"),
        ("virtual = true\n", "", "virtual"),
        ('chip = "x"\n', 'chip = "x"\ncolour = "red"\n', "colour"),
        ("lifetime_years = 5\n", "", "lifetime_years"),
        ("cells = 2", "pieces = 2", "pieces"),
        ('current = "c"\n', "", r"current\.module_ma.*source"),
        ('level = "datasheet"', 'level = "sure"', "proof.level.*'sure'"),
        ('level = "datasheet"', 'level = "bench"', "proof.date"),
        ('how = "h"', 'how = "h"\ndate = "2026-11-22"', "proof.date"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path, old, new, word):
    with pytest.raises(BoardError, match=rf"(?s)one\.toml.*{word}"):
        write(tmp_path, MINIMAL.replace(old, new))


def test_an_unknown_board_names_the_known_ones():
    with pytest.raises(BoardError, match="esp32_generic"):
        load("esp99")


def test_the_reference_gives_the_power_of_every_board_as_it_is():
    page = (Path(__file__).parents[2] / "docs/reference/boards.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|" + r"([^|]*)\|" * 5 + "$", page, re.MULTILINE)
    told = {}
    for name, active, light, deep, other, of in rows:
        states = zip(("active", "light_sleep", "deep_sleep"), (active, light, deep), strict=True)
        power = {state: float(mw) for state, mw in states if mw.strip() != "–"}
        power |= {state: float(mw) for state, mw in re.findall(r"`(\w+)` ([\d.]+)", other)}
        told[name] = (power, of.strip())
    facts = {name: load(name).footprint for name in names()}
    assert told == {name: (dict(f.power_mw), f.power_of) for name, f in facts.items()}
