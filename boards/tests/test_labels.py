"""The sheet of labels, as a printer gets it and a camera reads it."""

import json

import cv2
import pypdfium2
import pytest

from cobenefit_boards import labels

DPI = 200
#: Of a label, and from the top of the page to the first.
WIDTH_MM, HEIGHT_MM, TOP_MM = 70, 37, 0.5
LONGEST = f"{'a' * 32}/{'b' * 32}"


def record(name, **more):
    return {"node": name, "board": "esp32_generic", "note": "", **more,
            "certificate": {"sha256": "0123456789abcdef" * 4}}  # fmt: skip


@pytest.fixture
def batch(tmp_path):
    """A page and one label more."""
    rows = [record(f"lille-01/meter-{n:02}", note="cave, #2 [$x$] \\ à gauche") for n in range(24)]
    rows += [record(LONGEST, flash={"mac": "24:0a:c4:00:00:01"})]
    for row in rows:
        folder = tmp_path / row["node"]
        folder.mkdir(parents=True)
        (folder / "record.json").write_text(json.dumps(row))
    return tmp_path, sorted(rows, key=lambda row: row["node"])


def pages(sheet):
    with pypdfium2.PdfDocument(sheet) as pdf:
        for page in pdf:
            picture = page.render(scale=DPI / 72, grayscale=True).to_numpy()
            yield picture.reshape(picture.shape[:2]).copy(), page.get_textpage().get_text_range()


def tiles(picture):
    """Cut a page where the scissors would."""
    mm = DPI / 25.4
    for row in range(8):
        for column in range(3):
            top, left = (TOP_MM + row * HEIGHT_MM) * mm, column * WIDTH_MM * mm
            yield picture[int(top) : int(top + HEIGHT_MM * mm), int(left) : int(left + 70 * mm)]


def test_each_label_holds_a_code_a_camera_reads(batch):
    folder, rows = batch
    found = list(pages(labels.write(folder)))
    assert len(found) == 2
    assert found[0][0].shape == (2339, 1654)  # A4
    read = [
        cv2.QRCodeDetectorAruco().detectAndDecode(tile)[0]
        for picture, _ in found
        for tile in tiles(picture)
    ]
    assert read[: len(rows)] == [labels.text(row) for row in rows]
    assert set(read[len(rows) :]) == {""}


def test_a_person_reads_it_too(batch):
    folder, _ = batch
    text = "".join(text for _, text in pages(labels.write(folder)))
    plain = text.replace("\u200b", "").replace("\r\n", "")
    assert "lille-01/meter-07" in plain
    assert LONGEST in plain
    assert "MAC 24:0a:c4:00:00:01" in plain
    assert "empreinte · fingerprint0123 4567 89ab cdef" in plain
    assert "cave, #2 [$x$] \\ à gauche" in plain.replace("  ", " ")


def test_nothing_is_printed_across_the_edge_of_a_label(batch):
    picture, _ = next(pages(labels.write(batch[0])))
    for tile in tiles(picture):
        dark = (tile < 100).nonzero()
        assert dark[0].min() > 8  # a millimetre
        assert dark[0].max() < tile.shape[0] - 8
        assert dark[1].min() > 8
        assert dark[1].max() < tile.shape[1] - 8


def test_the_same_nodes_give_the_same_bytes(batch):
    folder, _ = batch
    first = labels.write(folder).read_bytes()
    assert labels.write(folder).read_bytes() == first
