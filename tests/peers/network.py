"""A network that only some processes see, with names of its own and TLS by an authority of its own.

Processes enter it by `Network.enter` and reach each other at https://NAME; the test stands outside, and reaches each
name by a socket in the file system. Run as a program this module says whether such networks can be made here.
"""

import asyncio
import datetime as dt
import subprocess
import sys
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

FRONT = Path(__file__).with_name("front.py")
FIRST_PORT = 8001
# As root, else as root of a user namespace.
WAYS = (("--mount", "--net"), ("--map-root-user", "--mount", "--net"))


@dataclass(frozen=True)
class Place:
    """One name of the network: what serves it listens on 127.0.0.1:`port`; `environ` makes it trust the authority."""

    name: str
    port: int
    socket: Path
    enter: tuple[str, ...]
    environ: dict[str, str]

    @property
    def origin(self) -> str:
        return f"https://{self.name}"


def way_in() -> tuple[str, ...] | None:
    """The arguments with which `unshare` makes such a network here; None where it cannot be made."""
    for way in WAYS:
        try:
            subprocess.run(["unshare", *way, sys.executable, "-c", ""], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return way
    return None


@asynccontextmanager
async def network(*names: str) -> AsyncIterator[dict[str, Place]]:
    """The places of these names, until the end of the block."""
    way = way_in()
    assert way is not None, "no network namespace can be made here"
    # Short, since the name of a socket may have 107 letters.
    with tempfile.TemporaryDirectory(prefix="moot-net-") as made:
        folder = Path(made)
        # Public ones, so that nobody needs an exception from what they refuse; nothing in here reaches the internet.
        addresses = {name: f"20.0.0.{2 + number}" for number, name in enumerate(names)}
        ports = {name: FIRST_PORT + number for number, name in enumerate(names)}
        write_certificates(folder, names)
        lines = [f"{address} {name}\n" for name, address in {"localhost": "127.0.0.1", **addresses}.items()]
        (folder / "hosts").write_text("".join(lines))
        told = [f"{name}={addresses[name]}={ports[name]}" for name in names]
        command = ["unshare", *way, sys.executable, "-P", str(FRONT), str(folder), *told]
        front = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
        try:
            assert front.stdin is not None
            assert front.stdout is not None
            assert await asyncio.wait_for(front.stdout.readline(), 30) == b"ready\n", "the front ended"
            user = ("--user", "--preserve-credentials") if "--map-root-user" in way else ()
            enter = ("nsenter", "--target", str(front.pid), *user, "--mount", "--net")
            environ = dict.fromkeys(("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"), str(folder / "authority.pem"))
            yield {name: Place(name, ports[name], folder / name, enter, environ) for name in names}
        finally:
            if front.returncode is None:
                front.kill()
            await front.wait()


def write_certificates(folder: Path, names: tuple[str, ...]) -> None:
    """`authority.pem`, and a NAME.pem with certificate and key for each name."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "An authority of the tests")])
    authority = _certificate(issuer, issuer, key.public_key())
    authority = authority.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    (folder / "authority.pem").write_bytes(authority.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    for name in names:
        own = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        asked = _certificate(subject, issuer, own.public_key())
        asked = asked.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        pem = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{name}.pem").write_bytes(pem + asked.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=2))
    )


if __name__ == "__main__":
    sys.exit(way_in() is None)
