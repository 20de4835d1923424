"""Pictures of the main pages, small enough to live in the repository."""

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

MAX_BYTES = 150_000
MAX_TOTAL_BYTES = 2_000_000
COLOURS = 64
WIDE, PHONE = (1280, 900), (360, 740)


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
    """

    name: str
    address: str
    size: tuple[int, int] = WIDE
    dark: bool = False
    signed_in: bool = True


SHOTS = (
    Shot("portfolio-en", "/?lang=en"),
    Shot("portfolio-phone-fr", "/?lang=fr", PHONE),
    Shot("report-fr", "/report?lang=fr"),
    Shot("study-en", "/studies/meter-truth?lang=en", (1280, 1500)),
    Shot("computed-fr", "/studies/meter-truth?lang=fr#how", (1280, 700)),
    Shot("site-fr", "/sites/simulated?lang=fr"),
    Shot("device-en", "/devices/simulated/meter-a?lang=en", dark=True),
    Shot("fleet-fr", "/fleet?lang=fr"),
    Shot("data-phone-en", "/data?lang=en", PHONE),
    Shot("targets-fr", "/targets?lang=fr"),
    Shot("publish-en", "/report/versions?lang=en"),
    Shot("changes-fr", "/report/versions/1..2?lang=fr"),
    Shot("sign-in-fr", "/login?lang=fr", (1280, 500), signed_in=False),
    Shot("admin-en", "/admin?lang=en"),
)


def shoot(
    browser: Browser, url: str, cookies: list[dict[str, object]], folder: Path, shots: tuple[Shot, ...] = SHOTS
) -> None:
    """Write the pictures.

    Parameters
    ----------
    browser : Browser
        Chromium.
    url : str
        Where the backend is.
    cookies : list
        Of who is signed in.
    folder : Path
        Where the pictures go.
    shots : tuple of Shot, optional
        Which.

    Raises
    ------
    RuntimeError
        If one is too large, or all together are.
    """
    total = 0
    for shot in shots:
        width, height = shot.size
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if shot.dark else "light",
        )
        if shot.signed_in:
            context.add_cookies(cookies)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(url + shot.address)
        content = _packed(page.screenshot())
        context.close()
        if len(content) > MAX_BYTES:
            raise RuntimeError(f"{shot.name}: {len(content)} bytes, at most {MAX_BYTES}")
        (folder / f"{shot.name}.png").write_bytes(content)
        total += len(content)
    if total > MAX_TOTAL_BYTES:
        raise RuntimeError(f"pictures: {total} bytes, at most {MAX_TOTAL_BYTES}")


def _packed(picture: bytes) -> bytes:
    found = io.BytesIO()
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(found, "PNG", optimize=True)
    return found.getvalue()
