"""Files that want more than to be looked at, and pictures that are not for everybody."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import io
import json
import subprocess
import sys
import typing
import zlib
from pathlib import Path

import msgspec
import pytest
from PIL import Image, ImageCms
from starlette.applications import Starlette

from federation.media_types import is_activity_json
from server.community import media, posts
from server.community.shrinking import PROGRAM, SMALL_SIDE, WHOLE_SIDE, Shrinking
from server.errors import Refused
from server.runtime import Runtime
from tests.browser_like import Answer, Browser
from tests.conftest import BASE_URL
from tests.federation.peer import ACTIVITY, signed
from tests.federation.street import Street, addressed
from tests.federation.test_federation_md import decide
from tests.hostile.private_street import Private
from tests.hostile.watching import Watch
from tests.pictures import bomb, encoded, film, halves, opened, photograph, png, unpacked

MEGABYTE = 1 << 20


class Ran(msgspec.Struct):
    """What the program that reads pictures said of one, and what it took for it."""

    head: dict[str, typing.Any]
    files: bytes
    megabytes: float
    seconds: float


# A process counts what the one that started it had in memory: so a small one starts the program.
_MEASURE = """
import json, resource, subprocess, sys
ran = subprocess.run([sys.executable, "-I", *sys.argv[1:]], stdin=sys.stdin, capture_output=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
told = json.dumps([used.ru_maxrss / 1024, used.ru_utime + used.ru_stime]).encode()
sys.stdout.buffer.write(told + b"\\n" + ran.stdout)
"""


def run(data: bytes) -> Ran:
    command = [sys.executable, "-I", "-c", _MEASURE, str(PROGRAM), str(WHOLE_SIDE), str(SMALL_SIDE)]
    used, _, said = subprocess.run(command, input=data, capture_output=True, check=True).stdout.partition(b"\n")
    head, _, files = said.partition(b"\n")
    return Ran(json.loads(head) if head else {"problem": "ended"}, files, *json.loads(used))


async def sent(browser: Browser, data: bytes, name: str) -> Answer:
    form = (await browser.get("/g/elm_street/write")).form("Send")
    form.files["file_1"] = (name, data)
    return await form.submit(title="Look", text="!")


async def ana(street: Street, app: Starlette) -> Browser:
    return await Private(street, app, street.lemmy).browser(street.ana_id)


def everything_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize(
    "name", ["../../evil.webp", "/etc/passwd", "a\\..\\b.png", "x" * 4096 + ".png", "con", "evil.html", "%2e%2e%2fx"]
)
async def test_F1_no_name_from_outside_names_a_file(street: Street, app: Starlette, name: str) -> None:
    folder = street.runtime.settings.data_dir
    before = everything_in(folder)
    thread = await sent(await ana(street, app), png(), name)
    assert thread.status == 200
    made = everything_in(folder) - before
    (key,) = {path.rpartition("/")[2].rpartition("-")[0] for path in made if path.endswith(".webp")}
    assert made == {"media", f"media/{key[:2]}", media_file(key, "whole"), media_file(key, "small")}


def media_file(key: str, size: str) -> str:
    return f"media/{media.file_of(key, size)}"


def huge_webp() -> bytes:
    """The head of a picture of 268 million pixels, and nothing of it."""
    sizes = (16_383 - 1).to_bytes(3, "little") * 2
    body = b"WEBP" + b"VP8X" + (10).to_bytes(4, "little") + bytes(4) + sizes
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def huge_jpeg() -> bytes:
    good = encoded(halves(), "JPEG")
    frame = good.index(b"\xff\xc0")
    return good[: frame + 5] + b"\xff\xff\xff\xff" + good[frame + 9 :]


def huge_gif() -> bytes:
    good = encoded(halves().convert("P"), "GIF")
    return good[:6] + b"\xff\xff\xff\xff" + good[10:]


def huge_text() -> bytes:
    """A PNG whose comment grows to 64 MB."""
    good = png()
    text = b"zTXt" + b"Comment\x00\x00" + zlib.compress(bytes(64 * MEGABYTE), 9)
    chunk = (len(text) - 4).to_bytes(4, "big") + text + zlib.crc32(text).to_bytes(4, "big")
    return good[:33] + chunk + good[33:]


@pytest.mark.parametrize(
    "data", [bomb(), huge_webp(), huge_jpeg(), huge_gif(), huge_text()], ids=["png", "webp", "jpeg", "gif", "text"]
)
def test_F2_no_bomb_takes_memory_or_time(data: bytes) -> None:
    ran = run(data)
    assert ran.head.get("problem") in ("pixels", "damaged", "format")
    assert ran.megabytes < 150
    assert ran.seconds < 5


@pytest.mark.parametrize("progressive", [False, True])
def test_F2_a_large_photograph_is_none(progressive: bool) -> None:
    """As telephones make them: 54 million pixels."""
    ran = run(encoded(halves(9_000, 6_000), "JPEG", progressive=progressive))
    assert ran.head["sizes"][0][:2] == [1600, 1067]
    assert ran.megabytes < 400


async def test_F2_the_program_is_stopped_where_it_takes_too_much(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever a decoder could be made to do: it has ten seconds, half a gigabyte, and nobody waits longer."""
    program = tmp_path / "greedy.py"
    program.write_text("import sys; sys.stdin.buffer.read(); sys.exit(1)")
    monkeypatch.setattr("server.community.shrinking.PROGRAM", program)
    with pytest.raises(Refused) as refusal:
        await Shrinking().shrink(png())
    assert refusal.value.code == "picture_effort"
    said = "b'{\"sizes\": [[1, 1, 1], [1, 1, 1]]}\\n'"
    program.write_text(f"import sys; sys.stdin.buffer.read(); sys.stdout.buffer.write({said} + bytes(64 << 20))")
    with pytest.raises(Refused) as refusal:
        await Shrinking().shrink(png())
    assert refusal.value.code == "picture_effort"
    program.write_text("import time; time.sleep(60)")
    monkeypatch.setattr("server.community.shrinking._SECONDS", 0.2)
    with pytest.raises(Refused) as refusal:
        await Shrinking().shrink(png())
    assert refusal.value.code == "picture_effort"


def test_F2_the_program_confines_itself(tmp_path: Path) -> None:
    """A hostile file that took it over could neither take more memory nor write, read or ask anywhere."""
    ways = {
        "print('x', file=file, flush=True)": "File too large", "open('/etc/hostname')": "Too many open files",
        "socket.socket(socket.AF_UNIX)": "Too many open files", "socket.socket()": "Too many open files",
    }  # fmt: skip
    for way, refusal in ways.items():
        script = "; ".join([
            "import sys, resource, socket; sys.path.insert(0, sys.argv[1]); file = open(sys.argv[2], 'w')",
            "import shrink_picture; shrink_picture.confine()",
            "print(resource.getrlimit(resource.RLIMIT_AS)[1], resource.getrlimit(resource.RLIMIT_CPU)[1])",
            way,
        ])  # fmt: skip
        folder = str(PROGRAM.parent)
        file = tmp_path / "written"
        command = [sys.executable, "-I", "-c", script, folder, str(file)]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        assert found.stdout.split() == [str(512 << 20), "10"]
        assert refusal in found.stderr
        assert found.returncode != 0
        assert file.read_text() == ""


def kinds() -> dict[str, bytes]:
    """Pictures of all kinds that neighbours have."""
    whole, grey, see_through = halves(), halves().convert("LA"), halves().convert("RGBA")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    frames = [Image.new("RGBA", (30, 20), (number, 0, 0, number)) for number in range(3)]
    return {
        "png": png(), "grey png": encoded(grey, "PNG"), "png with a palette": encoded(whole.quantize(), "PNG"),
        "deep png": encoded(whole.convert("I;16"), "PNG"), "profile": encoded(whole, "PNG", icc_profile=profile),
        "see-through png": encoded(see_through, "PNG"), "photograph": photograph(orientation=6),
        "two photographs": encoded(whole, "MPO", save_all=True, append_images=[halves()]),
        "progressive": encoded(whole, "JPEG", progressive=True, icc_profile=profile),
        "for print": encoded(whole.convert("CMYK"), "JPEG"), "gif": encoded(whole, "GIF"), "film": film(3, 20),
        "see-through gif": encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "webp": encoded(see_through, "WEBP"), "moving webp": encoded(frames[0], "WEBP", save_all=True,
        append_images=frames[1:]),
    }  # fmt: skip


@pytest.mark.parametrize("kind", kinds())
def test_what_is_confined_has_all_that_it_needs(kind: str) -> None:
    assert "sizes" in run(kinds()[kind]).head


def test_F3_of_many_frames_the_first_is_taken() -> None:
    ran = run(film())
    (width, height, length), _ = ran.head["sizes"]
    image = opened(ran.files[:length])
    assert (width, height) == image.size == (500, 500)
    assert getattr(image, "n_frames", 1) == 1
    assert ran.megabytes < 150
    assert ran.seconds < 2


PSD = b"8BPS\x00\x01" + bytes(6) + b"\x00\x03" + b"\x00\x00\x00\x10" * 2 + b"\x00\x08\x00\x03"


@pytest.mark.parametrize(
    "data",
    [
        encoded(halves(), "EPS"), PSD, encoded(halves(), "TIFF"), encoded(halves(), "PDF"), encoded(halves(), "BMP"),
        encoded(halves(), "ICO"), encoded(halves(), "JPEG2000"), encoded(halves(), "PPM"), b"", b"<svg onload='x'/>",
        b'{"type": "Person"}', b"<!doctype html><script>alert(1)</script>", b"\x00\x00\x00\x20ftypavif",
    ],
    ids=["EPS", "PSD", "TIFF", "PDF", "BMP", "ICO", "JPEG2000", "PPM", "nothing", "SVG", "JSON", "HTML", "AVIF"],
)  # fmt: skip
def test_F4_no_other_decoder_is_reached(data: bytes) -> None:
    assert run(data).head == {"problem": "format"}


async def test_F4_a_refused_file_leaves_nothing(street: Street, app: Starlette, watch: Watch) -> None:
    browser = await ana(street, app)
    async with watch.assert_no_effect():
        answer = await sent(browser, encoded(halves(), "TIFF"), "cat.png")
        assert answer.status == 422
    assert list(Path(street.runtime.settings.media_url).rglob("*.webp")) == []


async def test_E10_what_is_served_is_a_picture_and_nothing_else(street: Street, app: Starlette) -> None:
    """B10: also of a file that is a page and a document besides being a picture; nobody's server believes it."""
    evil = json.dumps({"id": f"{BASE_URL}/ap/people/mia", "type": "Person", "preferredUsername": "mia"})
    polyglot = png() + b"<!doctype html><script>alert('EVIL')</script>" + evil.encode()
    thread = await sent(await ana(street, app), polyglot, "cat.html")
    await street.settle()
    (address,) = [str(link["href"]) for link in thread.soup.select(".pictures a")]
    for size in ("whole", "small"):
        answer = await Browser(app).get(address.replace("whole", size), headers={"accept": ACTIVITY})
        assert (answer.status, answer.header("content-type")) == (200, "image/webp")
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("content-security-policy") == "default-src 'none'; sandbox"
        assert b"EVIL" not in unpacked(answer.body)
        assert b"preferredUsername" not in unpacked(answer.body)
        assert not is_activity_json(answer.header("content-type") or "")


@pytest.mark.parametrize("visitor", ["stranger", "resident"])
async def test_F6_no_page_loads_anything_from_elsewhere(
    street: Street, app: Starlette, watch: Watch, visitor: str
) -> None:
    there = street.mastodon
    image = {"type": "Image", "url": f"{there.base}/spy.png", "name": "\"><img src='//evil.example/x.png'>"}
    activity = addressed(street, there, there.actor("max"), "<p>Look</p>", attachment=[image])
    assert (await street.moot.deliver(activity)).status == 202
    await street.settle()
    post = await street.post(activity["object"]["id"])
    browser = Browser(app) if visitor == "stranger" else await ana(street, app)
    for path in (f"/t/{post.id}", "/g/elm_street", "/", "/@max@" + there.host):
        page = await browser.get(path)
        assert page.status == 200
        for name in ("src", "srcset", "poster", "data"):
            loaded = [str(found[name]) for found in page.soup.select(f"[{name}]")]
            assert all(one.startswith("/") and not one.startswith("//") for one in loaded)
        assert page.soup.select("[style], style, iframe, object, embed") == []
    page = await browser.get(f"/t/{post.id}")
    (link,) = page.soup.select(".elsewhere a")
    assert (link["href"], link["rel"]) == (image["url"], ["nofollow", "noopener", "noreferrer", "ugc"])
    assert f"Picture on {there.address}" in link.get_text()
    assert not any("spy.png" in address for address in watch.asked)


async def picture_in(private: Private, group_id: int) -> tuple[str, int]:
    """The address of a picture in a group, and its post."""
    street = private.street
    made = await street.picture("Bulbs")
    author = await street.actor(street.ana_id)
    group = await private.group(group_id, author.id)
    async with street.runtime.db.transaction() as conn:
        draft = posts.Draft(author=author, group=group, title="Bulbs", source="Two.", pictures=(made,))
        post = await posts.submit_post(conn, street.urls, draft)
    await street.settle()
    return media.path_of(made.id), post.id


async def read_as(app: Starlette, actor: str, path: str) -> int:
    return (
        await Browser(app).send("GET", path, headers=signed(BASE_URL + path, None, f"{actor}#main-key", "GET"))
    ).status


async def test_H2_a_private_picture_is_for_members_and_their_servers(private: Private, app: Starlette) -> None:
    address, _ = await picture_in(private, private.garden_id)
    assert await read_as(app, private.street.lena, address) == 200
    assert await read_as(app, private.nora, address) == 200
    assert await read_as(app, private.max, address) == 404
    for_another = signed(f"{BASE_URL}/media/1/whole.webp", None, f"{private.street.lena}#main-key", "GET")
    assert (await Browser(app).send("GET", address, headers=for_another)).status == 404
    for account_id, status in ((private.street.ana_id, 200), (private.bert_id, 404), (None, 404)):
        assert (await (await private.browser(account_id)).get(address)).status == status


async def test_H2_a_local_picture_is_for_nobodys_server(private: Private, app: Starlette) -> None:
    address, _ = await picture_in(private, private.cellar_id)
    for actor in (private.street.lena, private.nora, private.max):
        assert await read_as(app, actor, address) == 404
    for account_id, status in ((private.bert_id, 200), (None, 404)):
        assert (await (await private.browser(account_id)).get(address)).status == status


@pytest.mark.parametrize("what", ["removed", "deleted", "held"])
async def test_H6_a_picture_is_gone_when_its_post_is(private: Private, app: Starlette, what: str) -> None:
    """Also for servers that may read the group."""
    address, post_id = await picture_in(private, private.garden_id)
    post = await private.street.post(private.street.urls.post(post_id))
    if what == "removed":
        await private.remove(post)
    elif what == "deleted":
        await private.delete(post)
    else:
        async with private.street.runtime.db.transaction() as conn:
            await posts.SET_STATE.run(conn, post_id, "held", False)
    assert await read_as(app, private.street.lena, address) == 404
    assert (await Browser(app).get(address)).status == 404


async def test_H1_a_hidden_picture_and_none_are_the_same_bytes(private: Private, app: Starlette) -> None:
    address, _ = await picture_in(private, private.garden_id)
    number = address.split("/")[2]
    nothing = str(int(number) + 1)
    hidden, missing = await Browser(app).get(address), await Browser(app).get(address.replace(number, nothing))
    assert hidden.body == missing.body.replace(nothing.encode(), number.encode())
    assert (hidden.status, sorted(hidden.headers)) == (404, sorted(missing.headers))


async def test_H5_no_cache_keeps_a_private_picture(private: Private, app: Starlette) -> None:
    address, _ = await picture_in(private, private.garden_id)
    seen = await (await private.browser(private.street.ana_id)).get(address)
    assert seen.header("cache-control") == "private, no-cache"
    tag = seen.header("etag")
    assert tag
    assert (await Browser(app).get(address, headers={"if-none-match": tag})).status == 404


async def test_a_public_pictures_removal_is_seen_by_strangers_at_once(street: Street, app: Starlette) -> None:
    made = await street.picture("A poster")
    thread = await street.write("Look", "!", pictures=(made,))
    address = media.path_of(made.id)
    assert (await Browser(app).get(address)).status == 200
    await decide(street, thread, "remove", "An advert.")
    assert (await Browser(app).get(address)).status == 404


async def test_B28_nobody_takes_another_picture_along_in_an_edit(
    street: Street, app: Starlette, runtime: Runtime
) -> None:
    """A picture of one's own in another post, and another's, are the same: not here."""
    theirs = await media.take_in(runtime, street.mia_id, png())
    elsewhere = await street.picture()
    await street.write("One", "!", pictures=(elsewhere,))
    mine = await street.write("Two", "!")
    browser = await ana(street, app)
    for media_id in (theirs.id, elsewhere.id):
        form = (await browser.get(f"/t/{mine.id}/edit")).form("Save")
        answer = await form.submit(picture_1=str(media_id))
        assert answer.status == 422
    with pytest.raises(Refused):
        async with runtime.db.transaction() as conn:
            await media.claim(conn, mine.id, (theirs,))


def test_the_measures_know_an_honest_picture() -> None:
    ran = run(encoded(Image.new("RGB", (4000, 3000), "green"), "JPEG"))
    (whole, small) = ran.head["sizes"]
    assert (whole[:2], small[:2]) == ([1600, 1200], [480, 360])
    assert Image.open(io.BytesIO(ran.files[: whole[2]])).format == "WEBP"
