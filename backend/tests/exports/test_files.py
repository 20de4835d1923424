"""PDF and archive, judged by readers that are not ours, and the routes that give them."""

import io
import json
import re
import zipfile

import pikepdf
import pypdfium2
import pytest
from rocrate.rocrate import ROCrate
from typer.testing import CliRunner

from cobenefit_backend.commands import app
from cobenefit_backend.exports.crate import crate
from cobenefit_backend.exports.csv_file import read
from cobenefit_backend.exports.pdf import pdf_file
from cobenefit_backend.report.render import Edition


def _elements(node, found):
    """Collect the structure elements below a node by their type."""
    if isinstance(node, pikepdf.Array):
        for child in node:
            _elements(child, found)
    elif isinstance(node, pikepdf.Dictionary) and "/S" in node:
        found.setdefault(str(node["/S"]), []).append(node)
        if "/K" in node:
            _elements(node["/K"], found)
    return found


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_pdf_can_be_read_aloud(report, language):
    made = pdf_file(report, language)
    assert made == pdf_file(report, language)
    with pikepdf.open(io.BytesIO(made)) as pdf:
        root = pdf.Root
        assert str(root.Lang) == language
        assert bool(root.MarkInfo.Marked)
        assert bool(root.ViewerPreferences.DisplayDocTitle)
        with pdf.open_metadata() as metadata:
            assert metadata["pdfuaid:part"] == "1"
            assert report.names[language] in metadata["dc:title"]
        found = _elements(root.StructTreeRoot.K, {})
        figures = found["/Figure"]
        assert len(figures) >= 6
        assert all(str(figure["/Alt"]).strip() for figure in figures)
        assert len(found["/H1"]) == 1
        assert {"/H2", "/H3", "/H4", "/Table", "/TH", "/L"} <= set(found)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_pdf_says_what_the_page_says(report, language):
    document = pypdfium2.PdfDocument(pdf_file(report, language))
    pages = [page.get_textpage().get_text_range() for page in document]
    document.close()
    text = _letters("".join(pages))
    edition = Edition(report, language)
    for view in edition.cases:
        for line in (view.title, view.sentence(), view.interval(), *edition.computation(view)):
            assert _letters(line) in text, line
    for row in report.factors:
        assert _letters(row["id"]) in text


def _letters(text):
    """Leave out what a line break changes: spaces and hyphens."""
    return "".join(x for x in text if not x.isspace() and x not in "-\u00ad\u2010\ufffe\x02")


def test_names_from_outside_are_words_and_no_markup(report):
    document = pypdfium2.PdfDocument(pdf_file(report, "en"))
    text = "".join(page.get_textpage().get_text_range() for page in document)
    document.close()
    assert "<b>Jules" in text.replace("\n", "").replace("\r", "")


def test_the_archive_names_everything_it_holds(report, tmp_path):
    made = crate(report)
    assert made == crate(report)
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        archive.extractall(tmp_path)
        names = set(archive.namelist())
    found = ROCrate(tmp_path)
    files = {entity.id for entity in found.data_entities}
    assert files == names - {"ro-crate-metadata.json"}
    run = found.dereference("#computation")
    assert run["instrument"]["softwareVersion"] == report.generated_from["code_version"]
    identifiers = {each["identifier"] for each in run["object"]}
    assert f"sha256:{report.generated_from['data_sha256']}" in identifiers
    stored = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert stored == report.to_json()


def test_every_file_is_given_under_its_name(municipality):
    for path, kind, ending in (
        ("/report.pdf?lang=fr", "application/pdf", "fr.pdf"),
        ("/report.xlsx?lang=en", "spreadsheetml", "en.xlsx"),
        ("/report.zip", "application/zip", "zip"),
        ("/results.csv?dialect=fr", "text/csv", "results.csv"),
        ("/factors.csv", "text/csv", "factors.csv"),
    ):
        answer = municipality.get(path)
        assert answer.status_code == 200, answer.text
        assert kind in answer.headers["content-type"]
        name = f'attachment; filename="demo_2024-01-01_2025-01-01.{ending}"'
        assert answer.headers["content-disposition"] == name
        assert len(answer.content) > 500
    assert read(municipality.get("/results.csv").content) == read(
        municipality.get("/results.csv?dialect=fr").content
    )
    assert municipality.get("/secrets.csv").status_code == 422


def test_every_link_to_a_file_on_the_page_gives_one(municipality):
    for language in ("en", "fr"):
        page = municipality.get(f"/report?lang={language}").text
        links = re.findall(r'href="(/[a-z]+\.(?:pdf|xlsx|csv|zip)[^"]*)"', page)
        assert len(links) == 4
        assert all(municipality.get(link).status_code == 200 for link in links)


def test_the_command_line_writes_them(municipality, config, tmp_path):
    path = tmp_path / "backend.toml"
    path.write_text(f'[database]\nurl = "{config.database_url}"\n')
    files = [tmp_path / name for name in ("a.pdf", "b.xlsx", "c.zip", "results.csv")]
    done = CliRunner().invoke(app, ["export", *map(str, files), "-c", str(path)])
    assert done.exit_code == 0, done.output
    assert [file.read_bytes()[:2] for file in files[:3]] == [b"%P", b"PK", b"PK"]
    assert files[3].read_text(encoding="utf-8-sig").startswith("study;")
    refused = CliRunner().invoke(app, ["export", str(tmp_path / "a.doc"), "-c", str(path)])
    assert refused.exit_code == 2
    assert "NAME.pdf" in refused.output
