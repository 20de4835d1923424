"""The page on boards and its drawings are what the board files say."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from cobenefit_boards import board, sheets, wiring

DOCS = Path(__file__).parents[2] / "docs"
NODES = [name for name in board.names() if board.load(name).pins]


def test_the_documentation_is_up_to_date():
    files = sheets.pages()
    stale = [name for name, text in files.items()
             if not (DOCS / name).exists() or (DOCS / name).read_text() != text]  # fmt: skip
    assert not stale, "run `cobenefit boards docs`"
    drawn = {f"{sheets.IMAGES}/{path.name}" for path in (DOCS / sheets.IMAGES).iterdir()}
    assert drawn == set(files) - {sheets.PAGE}


@pytest.mark.parametrize("name", NODES)
def test_each_node_has_a_drawing_for_each_use_case(name):
    found = {plan.name.partition("-")[0] for plan in wiring.plans(board.load(name))}
    assert {"tic", "modbus", "soil", "traffic"} <= found
    assert ("pulse" in found) == ("counter0" in board.load(name).pins)


@pytest.mark.parametrize("name", NODES)
def test_a_drawing_is_xml_that_names_its_pins_within_its_frame(name):
    facts = board.load(name)
    for plan in wiring.plans(facts):
        drawing = ET.fromstring(wiring.draw(facts, plan))
        texts = [element.text for element in drawing.iter() if element.text]
        for wire in plan.wires:
            end, what = wire.left.split(":")
            wanted = wiring.signals(facts)[what] if end == "board" else what
            assert wanted in texts
        _, _, _, height = map(float, drawing.get("viewBox").split())
        for text in drawing.iter("{http://www.w3.org/2000/svg}text"):
            assert float(text.get("y")) < height
            # 0.6 em a letter is wide for a sans-serif
            assert len(text.text) * 0.6 * float(text.get("font-size")) < 680


def test_writing_takes_old_drawings_away(tmp_path):
    (tmp_path / sheets.IMAGES).mkdir(parents=True)
    (tmp_path / sheets.IMAGES / "gone.svg").write_text("<svg/>")
    assert sheets.write(tmp_path) == len(sheets.pages())
    assert not (tmp_path / sheets.IMAGES / "gone.svg").exists()
