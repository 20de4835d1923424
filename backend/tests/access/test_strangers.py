"""What anyone reads where `pages.tenant` is set: no name that may be a home's."""

import io
import zipfile
from collections.abc import Iterator
from datetime import date

LEDGER = {
    "t_ms": 0, "boot": 8, "uptime_ms": 1, "wakes": 0, "energy_mj": 0, "energy_method": "profile",
    "tx_bytes": 0, "rx_bytes": 0, "reconnects": 0, "resets": 0, "battery_mv": None, "waiting": 0,
    "lost": {}, "online": False,
}  # fmt: skip


def _unpacked(content: bytes) -> Iterator[bytes]:
    """Give an answer, or every file of the archive or the workbook that it is."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        yield content
        return
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            yield from _unpacked(archive.read(name))


def test_a_stranger_reads_no_name_that_the_document_does_not_declare(
    municipality, study_document, counter_row, page_body
):
    """A meter that was a home's, taken out of the document: its rows and corrections are there."""
    device, secrets = study_document["device"][0], ("dupont-meter", "dupont-house", "on holiday")
    home = {**device, "id": secrets[0], "site": secrets[1], "household": "dupont"}
    site = {**study_document["site"][0], "id": secrets[1]}
    document = {**study_document, "site": [*study_document["site"], site],
                "device": [*study_document["device"], home]}  # fmt: skip
    series = [secrets[1], secrets[0], "energy_import_wh"]
    page = page_body([series], [(0, counter_row(date(2024, 1, 1), 0, 9000))], page=99)
    health = {**LEDGER, "site": secrets[1], "device": secrets[0]}
    left_out = {"site": secrets[1], "device": secrets[0], "channel": "energy_import_wh",
                "start_ms": 1, "end_ms": 2, "why": secrets[2]}  # fmt: skip
    assert municipality.post("/v1/studies", json=document).is_success
    assert municipality.post("/v1/rollups", content=page).is_success
    assert municipality.post("/v1/health", json={"tenant": "demo", "rows": [health]}).is_success
    assert municipality.post("/v1/corrections", json=left_out).is_success
    municipality.app.state.guard._public = "demo"
    signed_in, municipality.headers = municipality.headers, {}
    assert municipality.get("/data").status_code == 303, "a household is declared: all is closed"
    municipality.headers = signed_in
    assert municipality.post("/v1/studies", json=study_document).is_success
    paths = ("/", "/report", "/data", "/v1/report", "/corrections.csv", "/data.csv",
             "/studies/school", "/report.xlsx", "/report.zip")  # fmt: skip

    def told():
        answers = [municipality.get(path) for path in paths]
        assert {answer.status_code for answer in answers} == {200}
        texts = [text for answer in answers for text in _unpacked(answer.content)]
        return [word for word in secrets if any(word.encode() in text for text in texts)]

    assert told() == list(secrets), "officers read them"
    municipality.headers = {}
    assert told() == []
