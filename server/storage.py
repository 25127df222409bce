"""Files that no database should hold, by name: in a folder, or in a bucket that speaks S3.

obstore's coroutines run on threads of its own, which abort one process in seven that ends after them (0.12.1); so its
plain functions are called, on threads of ours.
"""

import asyncio
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
            await asyncio.to_thread(obstore.put, self._store, name, data)
        except (BaseError, OSError) as error:
            raise StorageAway(str(error)) from error

    async def get(self, name: str) -> bytes:
        try:
            return await asyncio.to_thread(self._read, name)
        except (FileNotFoundError, NotFoundError):
            raise NotFound("file") from None
        except (BaseError, OSError) as error:
            raise StorageAway(str(error)) from error

    def _read(self, name: str) -> bytes:
        return bytes(obstore.get(self._store, name).bytes())

    async def delete(self, name: str) -> None:
        """Also where there is no such file, so that this can be done again."""
        try:
            await asyncio.to_thread(obstore.delete, self._store, name)
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
