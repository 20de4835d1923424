"""Every record an estimator can make is explained in the reference."""

import re
from pathlib import Path

from cobenefit_backend import accuracy

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "backend/cobenefit_backend"
PAGE = (ROOT / "docs/reference/estimators.md").read_text(encoding="utf-8")


def test_every_code_is_documented():
    sources = [*PACKAGE.glob("estimate/*.py"), *PACKAGE.glob("documents/*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    codes = set(re.findall(r'Disqualification\(\s*"(\w+)"', text))
    codes |= set(re.findall(r'\(\s*"(\w+)",\s*[~\w.]+.*?,\s*f?"', text)) & {
        "baseline_too_short",
        "baseline_coverage",
        "weak_baseline",
        "not_significant",
        "imprecise_savings",
    }
    assert len(codes) >= 20
    missing = {code for code in codes if f"`{code}`" not in PAGE}
    assert not missing


def test_every_accuracy_class_is_documented_with_its_limit():
    for name, row in accuracy.load().items():
        line = next(line for line in PAGE.splitlines() if f"`{name}`" in line and "|" in line)
        assert f"{100 * row.limit_ratio:g} %" in line, name
