"""A program: prints the private keys of a new actor as JSON. Run as a process of its own.

Making an RSA key holds Python's lock for up to 260 ms, in which a server would answer nobody.
"""

import json
import sys

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


def main() -> None:
    """Write `{"rsa": PEM, "ed25519": PEM}` to standard output, a pipe to our parent."""
    made: dict[str, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey] = {
        "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
    }
    json.dump(
        {
            kind: key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
            for kind, key in made.items()
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
