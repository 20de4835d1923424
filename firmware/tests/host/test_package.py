"""What a board is given: `package.json` (mip) lists every module, and versions agree."""

import json
import pathlib
import re

from cobenefit_node import VERSION

FIRMWARE = pathlib.Path(__file__).parent.parent.parent
#: Third parties speak the one, the gateway reads both.
NOT_ON_BOARDS = {"cobenefit_wire/senml.py", "cobenefit_wire/unpack.py"}


def test_the_mip_package_has_every_module_and_nothing_else():
    package = json.loads((FIRMWARE / "package.json").read_text())
    expected = sorted(
        str(path.relative_to(FIRMWARE))
        for name in ("cobenefit_wire", "cobenefit_node")
        for path in (FIRMWARE / name).rglob("*.py")
    )
    assert sorted(target for target, _ in package["urls"]) == sorted(set(expected) - NOT_ON_BOARDS)
    assert all(target == source for target, source in package["urls"])


def test_versions_and_dependencies_agree():
    package = json.loads((FIRMWARE / "package.json").read_text())
    manifest = (FIRMWARE / "manifest.py").read_text()
    assert package["version"] == VERSION
    assert f'version="{VERSION}"' in manifest
    assert re.findall(r'require\("(\w+)"\)', manifest) == [name for name, _ in package["deps"]]
