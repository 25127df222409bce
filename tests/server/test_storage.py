"""Files in a folder and in a bucket: written, read, deleted again and again, and a storage that does not answer."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import obstore
import pytest
from aiohttp import web

from server.errors import ConfigurationError, NotFound
from server.runtime import Runtime
from server.settings import load
from server.storage import Storage, StorageAway
from tests.conftest import settings_for


@pytest.fixture
async def bucket(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[dict[str, bytes]]:
    """What a server that speaks as much of S3 as is needed holds, by the path of each request."""
    held: dict[str, bytes] = {}

    async def take(request: web.Request) -> web.Response:
        assert request.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=the-key/")
        if request.method == "PUT":
            held[request.path] = await request.read()
            return web.Response(headers={"ETag": '"1"'})
        if request.method == "POST" and "delete" in request.query:
            keys = re.findall(r"<Key>(.*?)</Key>", await request.text())
            for key in keys:
                held.pop(f"/moot/{key}", None)
            gone = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
            return web.Response(text=f"<DeleteResult>{gone}</DeleteResult>", content_type="application/xml")
        if request.path not in held:
            return web.Response(status=404)
        headers = {"ETag": '"1"', "Last-Modified": "Sun, 22 Nov 2026 10:00:00 GMT"}
        return web.Response(body=held[request.path], headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{runner.addresses[0][1]}", "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "the-key", "AWS_SECRET_ACCESS_KEY": "a secret", "AWS_REGION": "here",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    yield held
    await runner.cleanup()


async def storage_at(runtime: Runtime, tmp_path: Path, url: str) -> Storage:
    moved = Runtime(settings_for("", tmp_path, MEDIA_URL=url), runtime.db, runtime.waker)
    return await moved.use(Storage)


@pytest.mark.parametrize("url", ["", "s3://moot/pictures"])
async def test_a_file_is_kept_until_it_is_deleted(
    runtime: Runtime, tmp_path: Path, bucket: dict[str, bytes], url: str
) -> None:
    storage = await storage_at(runtime, tmp_path, url)
    await storage.put("ab/abc-whole.webp", b"one")
    assert await storage.get("ab/abc-whole.webp") == b"one"
    if url:
        assert bucket == {"/moot/pictures/ab/abc-whole.webp": b"one"}
    else:
        assert (tmp_path / "media" / "ab" / "abc-whole.webp").read_bytes() == b"one"
        assert (tmp_path / "media").stat().st_mode & 0o777 == 0o700
    for _ in range(2):
        await storage.delete("ab/abc-whole.webp")
        with pytest.raises(NotFound):
            await storage.get("ab/abc-whole.webp")


async def test_a_folder_that_takes_nothing_is_said_to_be_away(runtime: Runtime, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageAway):
        await storage_at(runtime, tmp_path, str(tmp_path / "file" / "media"))
    storage = await storage_at(runtime, tmp_path, "")
    (tmp_path / "media" / "ab").write_text("no folder")
    with pytest.raises(StorageAway):
        await storage.put("ab/abc-whole.webp", b"one")


@pytest.mark.parametrize("url", ["https://bucket.example/", "s3://", "gs://bucket/x", "memory:///"])
def test_other_places_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape("FOLKMOOT_MEDIA_URL must be a folder or like s3://")):
        load({"FOLKMOOT_MEDIA_URL": url})


def test_a_folder_is_found_from_anywhere() -> None:
    assert load({"FOLKMOOT_MEDIA_URL": "pictures"}).media_url == str(Path("pictures").absolute())
    assert load({"FOLKMOOT_DATA_DIR": "/srv/moot"}).media_url == "/srv/moot/media"


async def test_nothing_runs_on_threads_that_would_abort_the_process(
    runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One process in seven that ended after a coroutine of obstore's did so with SIGABRT, whatever it had to say."""
    coroutines = [name for name in dir(obstore) if name.endswith("_async")]
    assert "put_async" in coroutines
    for name in coroutines:
        monkeypatch.delattr(obstore, name)
    storage = await storage_at(runtime, tmp_path, "")
    await storage.put("ab/cat.webp", b"cat")
    assert await storage.get("ab/cat.webp") == b"cat"
    await storage.delete("ab/cat.webp")
