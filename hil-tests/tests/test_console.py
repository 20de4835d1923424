r"""Where a board's console has `\r` and where it has none."""

from cobenefit_hil.virtual.console import Text


def test_text_gets_carriage_returns_once():
    assert Text().cooked(b"a\nb\r\nc\n") == b"a\r\nb\r\nc\r\n"
    split = Text()
    assert split.cooked(b"a\r") + split.cooked(b"\nb") == b"a\r\nb"


def test_the_frames_of_a_mounted_folder_stay_as_they_are():
    name = b"ten_letter"  # ten: the length is a newline
    stat = b"\x18\x01" + len(name).to_bytes(4, "little") + name
    read = b"\x18\x06\x03" + (10).to_bytes(4, "little")
    assert Text().cooked(b"\n" + stat + read + b"\n") == b"\r\n" + stat + read + b"\r\n"
