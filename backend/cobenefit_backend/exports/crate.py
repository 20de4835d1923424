"""Everything about a report in one archive that says what it holds and what made it.

An RO-Crate ("RO-Crate Metadata Specification 1.1", 2021, https://w3id.org/ro/crate/1.1): a zip
with `ro-crate-metadata.json`, which names each file, the software, the factor set and the data.
"""

import io
import json
import zipfile
from typing import Any

from cobenefit_backend.exports.csv_file import csv_file
from cobenefit_backend.exports.pdf import pdf_file
from cobenefit_backend.exports.tables import tables
from cobenefit_backend.exports.workbook import workbook
from cobenefit_backend.report import render
from cobenefit_backend.report.records import Report
from cobenefit_backend.report.words import LANGUAGES

_CONTEXT = "https://w3id.org/ro/crate/1.1/context"
_SPECIFICATION = "https://w3id.org/ro/crate/1.1"
_SOFTWARE = "#cobenefit"
_RUN = "#computation"
#: No archive says when it was packed, so that the same report gives the same bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)
TYPES = {
    "json": "application/json",
    "html": "text/html",
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv",
    "zip": "application/zip",
}


def crate(report: Report) -> bytes:
    """Return a report with all its files as an RO-Crate.

    Parameters
    ----------
    report : Report
        The report.

    Returns
    -------
    bytes
        A zip archive; the same report gives the same bytes.
    """
    files = _files(report)
    metadata = json.dumps(_metadata(report, files), ensure_ascii=False, indent=1)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {"ro-crate-metadata.json": metadata.encode(), **files}.items():
            archive.writestr(_entry(name), content)
    return out.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _files(report: Report) -> dict[str, bytes]:
    found = {"report.json": render.json_file(report).encode()}
    for language in LANGUAGES:
        other = next(f"report.{each}.html" for each in LANGUAGES if each != language)
        found[f"report.{language}.html"] = render.html_file(report, language, other).encode()
        found[f"report.{language}.pdf"] = pdf_file(report, language)
        found[f"report.{language}.xlsx"] = workbook(report, language)
    for table in tables(report):
        found[f"{table.name}.csv"] = csv_file(table)
        found[f"{table.name}.fr.csv"] = csv_file(table, "fr")
    return found


def _metadata(report: Report, files: dict[str, bytes]) -> dict[str, Any]:
    made_from = report.generated_from
    data, factors = made_from["data_sha256"], made_from["factor_set"]
    parts = [{"@id": name} for name in files]
    return {
        "@context": _CONTEXT,
        "@graph": [
            {
                "@id": "ro-crate-metadata.json",
                "@type": "CreativeWork",
                "about": {"@id": "./"},
                "conformsTo": {"@id": _SPECIFICATION},
            },
            {
                "@id": "./",
                "@type": "Dataset",
                "name": f"{report.names['en']}: carbon co-benefits",
                "description": "Net effect of each study with its interval, evidence and sources.",
                "temporalCoverage": "/".join(report.period),
                "hasPart": parts,
                "mentions": {"@id": _RUN},
            },
            {
                "@id": _RUN,
                "@type": "CreateAction",
                "name": "Computation of the report",
                "instrument": {"@id": _SOFTWARE},
                "object": [{"@id": f"#data-{data}"}, {"@id": f"#factors-{factors['sha256']}"}],
                "result": parts,
            },
            {
                "@id": _SOFTWARE,
                "@type": "SoftwareApplication",
                "name": "Cobenefit backend",
                "softwareVersion": made_from["code_version"],
            },
            {
                "@id": f"#data-{data}",
                "@type": "Dataset",
                "name": "Stored rollups, ledgers, activities and study document",
                "identifier": f"sha256:{data}",
            },
            {
                "@id": f"#factors-{factors['sha256']}",
                "@type": "Dataset",
                "name": f"Factor set {factors['version']}",
                "identifier": f"sha256:{factors['sha256']}",
            },
            *(
                {
                    "@id": name,
                    "@type": "File",
                    "encodingFormat": TYPES[name.rpartition(".")[2]],
                    "contentSize": str(len(content)),
                }
                for name, content in files.items()
            ),
        ],
    }
