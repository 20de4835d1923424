"""Pictures of the main pages, small enough to live in the repository."""

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, FloatRect, Page

MAX_BYTES = 150_000
MAX_TOTAL_BYTES = 2_000_000
COLOURS = 64
WIDE, PHONE = (1280, 900), (360, 740)
COLUMN_PX = 832
"""What a picture shows of a wide window: the text, and not the margins beside it."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture.

    Parameters
    ----------
    name : str
        Its file, without the ending.
    address : str
        The page, with its language and perhaps the place to show.
    size : tuple of int
        Width and height of the window. [px]
    dark : bool
        Whether the reader prefers dark pages.
    signed_in : bool
        Whether the reader is signed in.
    unfold : str
        What to unfold and to show at the top; empty: nothing.
    """

    name: str
    address: str
    size: tuple[int, int] = WIDE
    dark: bool = False
    signed_in: bool = True
    unfold: str = ""


SHOTS = (
    Shot("portfolio-en", "/?lang=en", (1280, 1500)),
    Shot("portfolio-phone-fr", "/?lang=fr", PHONE),
    Shot("report-fr", "/report?lang=fr", (1280, 1200)),
    Shot("study-en", "/studies/meter-truth?lang=en", (1280, 1500)),
    Shot("computed-fr", "/studies/meter-truth?lang=fr", (1280, 700), unfold="article > details"),
    Shot("site-fr", "/sites/simulated?lang=fr"),
    Shot("device-en", "/devices/simulated/meter-a?lang=en", dark=True),
    Shot("fleet-fr", "/fleet?lang=fr"),
    Shot("map-en", "/areas?lang=en", (1280, 1100)),
    Shot("import-fr", "/imports?lang=fr", (1280, 1300)),
    Shot("data-phone-en", "/data?lang=en", PHONE),
    Shot("targets-fr", "/targets?lang=fr"),
    Shot("publish-en", "/report/versions?lang=en"),
    Shot("changes-fr", "/report/versions/1..2?lang=fr"),
    Shot("sign-in-fr", "/login?lang=fr", (1280, 500), signed_in=False),
    Shot("admin-en", "/admin?lang=en"),
)


def shoot(reader: BrowserContext, url: str, folder: Path) -> None:
    """Write the pictures.

    Parameters
    ----------
    reader : BrowserContext
        Who is signed in.
    url : str
        Where the backend is.
    folder : Path
        Where the pictures go.

    Raises
    ------
    RuntimeError
        If one is too large, or all together are.
    """
    total = 0
    for shot in SHOTS:
        content = _taken(reader, url, shot)
        if len(content) > MAX_BYTES:
            raise RuntimeError(f"{shot.name}: {len(content)} bytes, at most {MAX_BYTES}")
        (folder / f"{shot.name}.png").write_bytes(content)
        total += len(content)
    if total > MAX_TOTAL_BYTES:
        raise RuntimeError(f"pictures: {total} bytes, at most {MAX_TOTAL_BYTES}")


def _taken(reader: BrowserContext, url: str, shot: Shot) -> bytes:
    width, height = shot.size
    browser: Browser | None = reader.browser
    if browser is None:
        raise RuntimeError("the browser is gone")
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if shot.dark else "light",
        storage_state=reader.storage_state() if shot.signed_in else None,
    )
    page = context.new_page()
    page.goto(url + shot.address)
    if shot.unfold:
        _unfold(page, shot.unfold)
    content = _packed(page.screenshot(clip=_column(*shot.size)))
    context.close()
    return content


def _unfold(page: Page, what: str) -> None:
    found = page.locator(what).last
    found.locator("summary").click()
    found.evaluate("element => element.scrollIntoView()")


def _column(width: int, height: int) -> FloatRect:
    shown = min(width, COLUMN_PX)
    return {"x": (width - shown) / 2, "y": 0, "width": shown, "height": height}


def _packed(picture: bytes) -> bytes:
    found = io.BytesIO()
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(found, "PNG", optimize=True)
    return found.getvalue()
