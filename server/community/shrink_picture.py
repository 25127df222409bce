"""A program: reads a picture of any origin from standard input, writes it as two WebP files to standard output.

Its arguments are their longest sides: of the whole picture, and of the small one for lists.

Run as a process of its own with little memory, little time and no environment: what decodes pictures has been the way
into many servers. Nothing of the file goes on but its pixels: no place, no camera, no comment, no second frame.
"""

import copy
import io
import json
import resource
import sys
import warnings

from PIL import (
    GifImagePlugin,
    Image,
    ImageCms,
    ImageOps,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

# These and no others: each decoder more is a way in more (F4).
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
MAX_PIXELS = 16_000_000
# As telephones make them; they are decoded at a half of their size or less, so that no more pixels come of them.
MAX_PIXELS_OF_JPEG = 64_000_000
MEMORY = 512 << 20
CPU_SECONDS = 10
# Without one of the former the format would be looked for among all that Pillow knows. The latter it would load when
# they are needed, and then no file can be opened any more.
_LOADED = (JpegImagePlugin, PngImagePlugin, WebPImagePlugin, GifImagePlugin, MpoImagePlugin, TiffImagePlugin, copy)


class TooManyPixels(Exception):
    """Said by the head of the file, before anything is decoded (F2)."""


def confine() -> None:
    """What a hostile file could still make of us has no memory and no time, and opens no file and no connection."""
    Image.preinit()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def main() -> None:
    """Write a line of JSON, either `{"problem": …}` or the sizes, and then the two files."""
    confine()
    # Pillow's own limit knows no difference between formats.
    Image.MAX_IMAGE_PIXELS = None
    warnings.simplefilter("ignore")
    try:
        files = shrunk(sys.stdin.buffer.read(), *map(int, sys.argv[1:]))
    except TooManyPixels:
        _say({"problem": "pixels"})
    except UnidentifiedImageError:
        _say({"problem": "format"})
    except Exception:  # noqa: BLE001  decoders raise whatever they like about a broken file
        _say({"problem": "damaged"})
    else:
        _say({"sizes": [[*size, len(data)] for size, data in files]}, *(data for _, data in files))


def _say(head: dict[str, object], *files: bytes) -> None:
    sys.stdout.buffer.write(b"\n".join([json.dumps(head).encode(), b"".join(files)]))


def shrunk(data: bytes, whole: int, little: int) -> list[tuple[tuple[int, int], bytes]]:
    """The whole picture and the small one, each with its size."""
    picture = _upright(Image.open(io.BytesIO(data), formats=FORMATS), (whole, whole))
    small = picture.copy()
    small.thumbnail((little, little))
    return [(one.size, _as_webp(one)) for one in (picture, small)]


def _upright(image: Image.Image, box: tuple[int, int]) -> Image.Image:
    """The first frame, no larger than `box`, in the colours of the web, turned as the camera was held."""
    _check_pixels(image, MAX_PIXELS_OF_JPEG if image.format == "JPEG" else MAX_PIXELS)
    # A JPEG can be decoded at a half, a quarter or an eighth of its size for less.
    image.draft("RGB", box)
    _check_pixels(image, MAX_PIXELS)
    # Only after it the pixels are there.
    image.load()
    profile = image.info.get("icc_profile") if image.mode == "RGB" else None
    picture = image.convert(_mode(image))
    picture.thumbnail(box)
    if profile:
        picture = _in_srgb(picture, profile)
    return ImageOps.exif_transpose(picture)


def _check_pixels(image: Image.Image, at_most: int) -> None:
    if image.width * image.height > at_most:
        raise TooManyPixels


def _mode(image: Image.Image) -> str:
    if image.mode.startswith("I"):
        return "L"
    return "RGBA" if image.has_transparency_data else "RGB"


def _in_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """Phones write wider colours, which would look pale without their profile; a broken profile is left out."""
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        made = ImageCms.profileToProfile(picture, given, ImageCms.createProfile("sRGB"))
    except (ImageCms.PyCMSError, OSError):
        return picture
    return made or picture


def _as_webp(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    # Pillow would carry over what it read of the original.
    picture.info.clear()
    picture.save(out, "WEBP", quality=80, method=2, exif=b"", icc_profile=b"", xmp=b"")
    return out.getvalue()


if __name__ == "__main__":
    main()
