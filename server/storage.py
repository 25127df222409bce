"""Files that no database should hold, by name: in a folder, or in a bucket that speaks S3."""

import typing
from pathlib import Path

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, S3Store

from server.errors import MootError, NotFound
from server.runtime import Runtime
from server.settings import Settings


class StorageAway(MootError):
    """The folder or the bucket does not take or give anything at the moment; nothing was lost by it."""


class Storage:
    """What is written under a name stays the same until it is deleted."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @classmethod
    async def open(cls, runtime: Runtime) -> typing.Self:
        return cls(_store(runtime.settings))

    async def close(self) -> None:
        """Nothing is held."""

    async def put(self, name: str, data: bytes) -> None:
        try:
            await obstore.put_async(self._store, name, data)
        except (BaseError, OSError) as error:
            raise StorageAway(str(error)) from error

    async def get(self, name: str) -> bytes:
        try:
            found = await obstore.get_async(self._store, name)
            return bytes(await found.bytes_async())
        except (FileNotFoundError, NotFoundError):
            raise NotFound("file") from None
        except (BaseError, OSError) as error:
            raise StorageAway(str(error)) from error

    async def delete(self, name: str) -> None:
        """Also where there is no such file, so that this can be done again."""
        try:
            await obstore.delete_async(self._store, name)
        except (FileNotFoundError, NotFoundError):
            return
        except (BaseError, OSError) as error:
            raise StorageAway(str(error)) from error


def _store(settings: Settings) -> ObjectStore:
    try:
        if settings.media_url.startswith("s3://"):
            return S3Store.from_url(settings.media_url)
        folder = Path(settings.media_url)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return LocalStore(prefix=folder)
    except (BaseError, OSError) as error:
        raise StorageAway(str(error)) from error
