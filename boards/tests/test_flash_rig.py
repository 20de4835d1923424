"""Rigs name sockets, not ports; a wrong file says where."""

from pathlib import Path

import pytest

from cobenefit_boards import flash_rig

RIGS = Path(__file__).parents[1] / "rigs"


def test_the_rigs_we_ship_load():
    mock = flash_rig.load(RIGS / "mock.toml")
    assert [slot.name for slot in mock] == [str(n) for n in range(1, 9)]
    assert len({slot.port for slot in mock}) == 8
    assert not any(slot.reset for slot in mock)
    assert len(flash_rig.load(RIGS / "bench.toml")) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("slot = 1", r"\[\[slot\]\] tables"),
        ('[[slot]]\nname = "1"', "exactly one of"),
        ('[[slot]]\nname = "1"\nport = "a"\nusb_serial = "b"', "exactly one of"),
        ('[[slot]]\nname = "1"\nport = "a"\ncolour = 1', "colour is no key"),
        ('[[slot]]\nname = "1"\nport = "a"\n[[slot]]\nname = "1"\nport = "b"', "same name"),
        ("[[slot", "rig.toml"),
    ],
)
def test_a_wrong_rig_says_where(tmp_path, text, said):
    path = tmp_path / "rig.toml"
    path.write_text(text)
    with pytest.raises(flash_rig.RigError, match=said):
        flash_rig.load(path)
