"""Pictures as neighbours might send them, made for tests: photographs that tell too much, drawings, and worse."""

import io
import zlib

from PIL import Image, ImageDraw

RED, BLUE = (200, 30, 30), (30, 30, 200)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def halves(width: int = 40, height: int = 30) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", (width, height), BLUE)
    ImageDraw.Draw(image).rectangle((0, 0, width // 2 - 1, height), fill=RED)
    return image


def png(width: int = 40, height: int = 30) -> bytes:
    return encoded(halves(width, height), "PNG")


def photograph(width: int = 40, height: int = 30, *, orientation: int = 1) -> bytes:
    """A JPEG that tells where it was taken, by which camera, and has a small copy of itself and a comment in it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "SECRETCAMERA"
    place = exif.get_ifd(0x8825)
    place[1], place[2], place[3], place[4] = "N", (51.0, 30.0, 26.0), "W", (0.0, 7.0, 39.0)
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>SECRETPLACE</x:xmpmeta>"
    return encoded(halves(width, height), "JPEG", quality=95, exif=exif, xmp=xmp, comment=b"SECRETCOMMENT")


def bomb(side: int = 13_300) -> bytes:
    """A few kilobytes that would be 177 million pixels."""
    return encoded(Image.new("1", (side, side)), "PNG", optimize=True)


def film(frames: int = 40, side: int = 500) -> bytes:
    """A GIF of many frames."""
    pictures = [Image.new("P", (side, side), number) for number in range(frames)]
    return encoded(pictures[0], "GIF", save_all=True, append_images=pictures[1:])


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def is_near(image: Image.Image, place: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    found = image.convert("RGB").getpixel(place)
    assert isinstance(found, tuple)
    return all(abs(one - two) < 60 for one, two in zip(found, colour, strict=True))


def unpacked(data: bytes) -> bytes:
    """With whatever is compressed within it, so that nothing hides there."""
    found = [data]
    for start in range(len(data) - 2):
        if data[start] == 0x78:
            try:
                found.append(zlib.decompressobj().decompress(data[start:], 1 << 16))
            except zlib.error:
                continue
    return b"".join(found)
