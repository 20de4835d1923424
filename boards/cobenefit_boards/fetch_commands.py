"""`cobenefit boards fetch`: fill the cache of firmware images, while there is a network."""

import hashlib
import tomllib
import urllib.request
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cobenefit_boards.flash_image import SUMS, ImageError, pinned
from cobenefit_boards.private_file import write_synced

_MOST = 32 * 1024 * 1024
_WAIT_S = 60.0


def fetch(
    wanted: Annotated[
        Path, typer.Argument(metavar="FILE", help="TOML with [[image]] url and sha256.")
    ],
    into: Annotated[Path, typer.Option(help="The cache.")] = Path("images"),
) -> None:
    """Fetch firmware images and keep only what has the digest you pinned.

    What is there already is not fetched again. For example `cobenefit boards fetch images.toml`.
    """
    rows = _wanted(wanted)
    into.mkdir(parents=True, exist_ok=True)
    for url, digest in rows:
        path = into / url.rpartition("/")[2]
        if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            _get(url, digest, path)
        _pin(path, digest)
        pinned(path)
        Console().print(f"{path}: {digest}", highlight=False, soft_wrap=True)


def _wanted(path: Path) -> list[tuple[str, str]]:
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["image"]
        found = [(str(row["url"]), str(row["sha256"])) for row in rows]
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as err:
        raise ImageError(f"{path}: needs [[image]] tables with url and sha256: {err}") from err
    for url, digest in found:
        if not url.startswith(("https://", "file://")) or not url.rpartition("/")[2]:
            raise ImageError(f"{path}: {url}: only https:// and file:// that end in a name")
        if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            raise ImageError(f"{path}: {url}: sha256 is not 64 hexadecimal digits")
    return found


def _get(url: str, digest: str, path: Path) -> None:
    with urllib.request.urlopen(url, timeout=_WAIT_S) as answer:  # noqa: S310  checked by _wanted
        data = answer.read(_MOST + 1)
    if len(data) > _MOST or hashlib.sha256(data).hexdigest() != digest:
        raise ImageError(f"{url}: has not the digest you pinned; nothing was kept")
    beside = path.with_name(f".{path.name}")
    write_synced(beside, data)
    beside.rename(path)


def _pin(path: Path, digest: str) -> None:
    sums = path.parent / SUMS
    lines = sums.read_text(encoding="utf-8").splitlines() if sums.exists() else []
    others = [line for line in lines if line.rpartition(" ")[2].lstrip("*") != path.name]
    sums.write_text("\n".join([*others, f"{digest}  {path.name}"]) + "\n", encoding="utf-8")
