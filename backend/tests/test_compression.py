"""Answers are compressed where that tells nobody anything, and only there."""

import pytest

ASKED = {"Accept-Encoding": "gzip"}


@pytest.mark.parametrize("path", ["/report", "/v1/report", "/series.csv"])
def test_what_a_key_asks_for_is_compressed_and_the_same(municipality, path):
    plain = municipality.get(path, headers={"Accept-Encoding": "identity"})
    packed = municipality.get(path, headers=ASKED)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) < len(plain.content) / 2
    assert packed.content == plain.content
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert "Content-Encoding" not in plain.headers


@pytest.mark.parametrize("path", ["/report.pdf", "/report.xlsx", "/report.zip"])
def test_what_is_packed_already_stays_as_it_is(municipality, path):
    answer = municipality.get(path, headers=ASKED)
    assert answer.status_code == 200
    assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize("cookie", ["cobenefit_session=x", "other=y"])
def test_a_page_asked_with_a_cookie_keeps_its_length_to_itself(municipality, cookie):
    """Else the lengths of pages that echo a filter would spell out the token of their forms."""
    headers = {**ASKED, "Cookie": cookie}
    for path in ("/?site=cobenefit", "/report", "/report/versions", "/login"):
        answer = municipality.get(path, headers=headers)
        assert len(answer.content) > 1000
        assert "Content-Encoding" not in answer.headers, path


def test_a_short_answer_is_not_worth_it(municipality):
    answer = municipality.get("/v1/report/versions", headers=ASKED)
    assert len(answer.content) < 1000
    assert "Content-Encoding" not in answer.headers
