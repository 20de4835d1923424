"""A study's page has the charts the report has no room for, each with its numbers as CSV."""

import re

from cobenefit_backend.exports.csv_file import read

CHARTS = (
    ("footprint", "Own footprint beside what is avoided"),
    ("net", "Net over time, from the first day"),
    ("coverage", "Days with data"),
)


def test_each_chart_has_sentence_table_and_file(municipality):
    school = municipality.get("/studies/school?lang=en").text
    for table, title in CHARTS:
        part = school[school.index(f">{title}</h2>") :]
        assert "<svg" in part[:200]
        assert f"<caption>{title}</caption>" in part
        address = re.search(rf'href="(/studies/school/{table}\.csv[^"]*)"', part).group(1)
        answer = municipality.get(address)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/csv")
        assert len(read(answer.content)[1]) > 5
    assert "17 have none" in school  # the meter was off from 3 to 19 June 2024, see conftest
    header, rows = read(municipality.get("/studies/school/coverage.csv").content)
    days = [dict(zip(header, row, strict=True)) for row in rows]
    missing = [day["start"] for day in days if day["state"] == "missing"]
    assert (missing[0], missing[-1]) == ("2024-06-03T00:00:00+02:00", "2024-06-19T00:00:00+02:00")
    assert len(days) == 731
    assert len(school.encode()) < 100_000
    assert "calendar" not in municipality.get("/").text  # the report did not grow


def test_french_files_tests_and_what_is_not_there(municipality):
    assert "/studies/school/net.csv?dialect=fr" in municipality.get("/studies/school?lang=fr").text
    answer = municipality.get("/studies/school/net.csv?dialect=fr").text
    assert answer.startswith("\ufeffstudy;date;extrapolated")
    # a test of the method has nothing to pay back
    assert "Net over time" not in municipality.get("/studies/house-test?lang=en").text
    assert read(municipality.get("/studies/house-test/net.csv").content)[1] == []
    for path, status in (("none", 404), ("none/net.csv", 404), ("school/secrets.csv", 422)):
        assert municipality.get(f"/studies/{path}").status_code == status
