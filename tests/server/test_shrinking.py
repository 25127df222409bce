"""What comes out of a picture: its pixels, upright, in the colours of the web, as see-through as it was."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from server.community import media
from server.community.shrinking import SMALL_SIDE, Shrinking, Shrunk
from server.errors import Refused
from tests.pictures import BLUE, RED, encoded, halves, is_near, opened, photograph

ROOT = Path(__file__).resolve().parents[2]


async def shrunk(data: bytes) -> Shrunk:
    return await Shrinking().shrink(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
async def test_every_format_is_read(kind: str) -> None:
    made = await shrunk(encoded(halves(), kind))
    for data in (made.whole, made.small):
        image = opened(data)
        assert (image.format, image.size) == ("WEBP", (40, 30))
        assert is_near(image, (8, 15), RED)
        assert is_near(image, (32, 15), BLUE)


@pytest.mark.parametrize(
    ("size", "whole"),
    [((3200, 1600), (1600, 800)), ((900, 2400), (600, 1600)), ((300, 200), (300, 200)), ((5000, 1), (1600, 1))],
)
async def test_it_is_made_smaller_and_never_larger(size: tuple[int, int], whole: tuple[int, int]) -> None:
    made = await shrunk(encoded(Image.new("RGB", size, RED), "PNG"))
    assert (made.width, made.height) == opened(made.whole).size == whole
    small = opened(made.small).size
    assert max(small) <= SMALL_SIDE
    assert small == pytest.approx(media.small_size(*whole), abs=1)


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_it_stands_as_the_camera_was_held(orientation: int) -> None:
    """Whichever way it is written, the same side is red."""
    upright = Image.open(io.BytesIO(photograph(80, 60, orientation=orientation)))
    made = opened((await shrunk(photograph(80, 60, orientation=orientation))).whole)
    turned = orientation in (5, 6, 7, 8)
    assert made.size == ((60, 80) if turned else (80, 60))
    red = {1: (10, 30), 2: (70, 30), 3: (70, 30), 4: (10, 30), 5: (30, 10), 6: (30, 10), 7: (30, 70), 8: (30, 70)}
    assert is_near(made, red[orientation], RED)
    assert is_near(upright, (10, 30), RED)


async def test_what_can_be_seen_through_stays_so() -> None:
    clear = Image.new("RGBA", (40, 30), (0, 0, 0, 0))
    for data in (encoded(clear, "PNG"), encoded(clear.convert("P"), "GIF", transparency=0)):
        image = opened((await shrunk(data)).whole)
        assert image.mode == "RGBA"
        found = image.getpixel((20, 15))
        assert isinstance(found, tuple)
        assert found[3] == 0


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
async def test_every_way_to_write_colours_is_read(mode: str) -> None:
    grey = Image.new("L", (40, 30), 255)
    white = Image.new("I;16", (40, 30), 65_535) if mode == "I;16" else grey.convert(mode)
    assert is_near(opened((await shrunk(encoded(white, "PNG"))).whole), (20, 15), (255, 255, 255))


async def test_print_colours_become_those_of_the_screen() -> None:
    red = Image.new("CMYK", (40, 30), (0, 255, 255, 40))
    assert is_near(opened((await shrunk(encoded(red, "JPEG"))).whole), (20, 15), (215, 20, 20))


async def test_wide_colours_are_brought_into_those_of_the_web() -> None:
    """Green in a profile where numbers mean something else: without it the picture would show another colour."""
    swapped = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    image = Image.new("RGB", (40, 30), (40, 160, 60))
    for profile in (plain.tobytes(), swapped.tobytes(), b"no profile at all"):
        made = opened((await shrunk(encoded(image, "PNG", icc_profile=profile))).whole)
        assert is_near(made, (20, 15), (40, 160, 60))
        assert "icc_profile" not in made.info


async def test_a_file_over_the_limit_is_not_even_opened() -> None:
    with pytest.raises(Refused) as refusal:
        media.check_size(media.MAX_BYTES + 1)
    assert refusal.value.code == "picture_too_large"
    assert "9 MB" in str(refusal.value)
    media.check_size(media.MAX_BYTES)


def test_what_decodes_pictures_is_in_no_other_process() -> None:
    script = "import sys, web.app, web.demo, federation.spread, server.worker; print('PIL' in sys.modules)"
    ran = subprocess.run([sys.executable, "-P", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
