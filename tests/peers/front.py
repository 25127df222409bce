"""Names and TLS for a network of its own: `unshare --mount --net python front.py FOLDER NAME=ADDRESS=PORT ...`

FOLDER has `hosts` and a NAME.pem for each name (network.py writes them). Each name listens on ADDRESS:443 and, for who
stands outside of the network, on the socket FOLDER/NAME; both lead to 127.0.0.1:PORT. It ends with its standard input.
"""

import asyncio
import contextlib
import fcntl
import functools
import socket
import ssl
import struct
import subprocess
import sys
from asyncio import StreamReader, StreamWriter
from pathlib import Path

SET_FLAGS, UP = 0x8914, 0x1
SET_ADDRESS = 0x8916
NOT_PASSED_ON = (b"connection:", b"x-forwarded-for:")
CHUNK = 64 << 10


def make_ours(folder: Path, addresses: list[str]) -> None:
    """The interface of these namespaces with its addresses, and what a name means here. As `ip` would do it."""
    with socket.socket() as anything:
        fcntl.ioctl(anything, SET_FLAGS, struct.pack("16sh22x", b"lo", UP))
        for number, address in enumerate(addresses):
            place = struct.pack("16sHH4s16x", f"lo:{number}".encode(), socket.AF_INET, 0, socket.inet_aton(address))
            fcntl.ioctl(anything, SET_ADDRESS, place)
    subprocess.run(["mount", "--bind", str(folder / "hosts"), "/etc/hosts"], check=True)


async def pass_on(port: int, reader: StreamReader, writer: StreamWriter) -> None:
    """One request a connection, its bytes unchanged but for two headers."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = [line for line in head.split(b"\r\n")[:-2] if not line.lower().startswith(NOT_PASSED_ON)]
        asker = writer.get_extra_info("peername")
        if isinstance(asker, tuple):
            lines.append(f"X-Forwarded-For: {asker[0]}".encode())
        there, here = await asyncio.open_connection("127.0.0.1", port)
        here.write(b"\r\n".join([*lines, b"Connection: close", b"", b""]))
        body = asyncio.create_task(pump(reader, here))
        await pump(there, writer)
        body.cancel()
        here.close()
    except (OSError, asyncio.IncompleteReadError):
        # Whoever asked hears of it by the end of the connection.
        pass
    finally:
        writer.close()


async def pump(source: StreamReader, target: StreamWriter) -> None:
    while chunk := await source.read(CHUNK):
        target.write(chunk)
        await target.drain()


async def serve(folder: Path, names: list[list[str]]) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for name, address, port in names:
            certificate = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            certificate.load_cert_chain(folder / f"{name}.pem")
            take = functools.partial(pass_on, int(port))
            await stack.enter_async_context(await asyncio.start_server(take, address, 443, ssl=certificate))
            await stack.enter_async_context(await asyncio.start_unix_server(take, folder / name))
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    where = Path(sys.argv[1])
    told = [argument.split("=") for argument in sys.argv[2:]]
    make_ours(where, [address for _, address, _ in told])
    asyncio.run(serve(where, told))
