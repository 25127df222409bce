"""Where the client never goes, against real servers on loopback; rows C1 to C6, and TLS."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import datetime as dt
import re
import ssl
from collections.abc import AsyncIterator
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from federation.egress import EgressPolicy, FetchFailed, RefusedAddress, RefusedUrl, parse_url
from federation.http import Client, Unreachable
from tests.federation.loopback import AGENT, EVIL, FORBIDDEN, NOW, POLICY, Names, Server, redirect, reply, sign

ROOT = Path(__file__).resolve().parents[2]

# Where requests may go


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::127.0.0.1]", "2130706433",
        "127.1", "0177.0.0.1", "0x7f.1", "0x7f000001", "0", "127.0.0.1.", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
        "evil@127.0.0.1", "127.0.0.4",
    ],
)  # fmt: skip
async def test_C1_no_spelling_of_a_closed_address_is_connected_to(
    fetcher: Client, names: Names, forbidden: Server, host: str
) -> None:
    names.table["localhost"] = [FORBIDDEN]
    for ask in (fetcher.get_json, fetcher.fetch_object):
        with pytest.raises((RefusedAddress, RefusedUrl)):
            await ask(f"http://{host}:{forbidden.port}/x")
    with pytest.raises((RefusedAddress, RefusedUrl)):
        await fetcher.post(f"http://{host}:{forbidden.port}/inbox", b"{}", sign)
    assert forbidden.connections == 0


async def test_C2_the_second_answer_of_dns_is_judged_too(
    fetcher: Client, names: Names, evil: Server, forbidden: Server
) -> None:
    evil.answers["/x"] = reply(b"{}")
    names.table["evil.test"] = [EVIL]
    await fetcher.get_json(f"http://evil.test:{evil.port}/x")
    names.table["evil.test"] = [FORBIDDEN]
    fetcher._sessions[False].connector.clear_dns_cache()  # type: ignore[union-attr]
    with pytest.raises(RefusedAddress):
        await fetcher.get_json(f"http://evil.test:{forbidden.port}/x")
    assert forbidden.connections == 0
    assert names.asked == ["evil.test", "evil.test"]


async def test_C2_of_several_answers_only_open_ones_are_tried(
    fetcher: Client, names: Names, evil: Server, forbidden: Server
) -> None:
    evil.answers["/x"] = reply(b"{}")
    names.table["both.test"] = [FORBIDDEN, "169.254.169.254", EVIL]
    await fetcher.get_json(f"http://both.test:{evil.port}/x")
    names.table["closed.test"] = [FORBIDDEN, "169.254.169.254"]
    with pytest.raises(RefusedAddress):
        await fetcher.get_json(f"http://closed.test:{forbidden.port}/x")
    assert forbidden.connections == 0


# As one text, since forty quoted lines would hide what is missing.
CLOSED = """
0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.254 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 172.31.255.254
192.0.0.1 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.1.1 192.175.48.1 198.18.0.1 198.19.255.254
198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 64:ff9b::7f00:1 64:ff9b:1::1 100::1 2001::1 2001:db8::1
2002:7f00:1::1 2620:4f:8000::1 3fff::1 4000::1 5f00::1 fc00::1 fd12::1 fe80::1 fe80::1%lo fec0::1 ff02::1
"""


@pytest.mark.parametrize("address", CLOSED.split())
def test_C3_every_special_network_is_closed(address: str) -> None:
    with pytest.raises(RefusedAddress):
        EgressPolicy().check_address(address, 443, tls=True)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2a01:4f8::1", "2001:4860::8888", "2620:fe::fe"]
)
def test_C3_the_public_internet_is_open_for_https_on_443_alone(address: str) -> None:
    policy = EgressPolicy((IPv4Network("127.0.0.0/8"),))
    policy.check_address(address, 443, tls=True)
    for port, tls in ((80, False), (443, False), (80, True), (8443, True)):
        with pytest.raises(RefusedAddress):
            policy.check_address(address, port, tls=tls)


def test_C3_an_allowed_network_is_open_for_http_and_any_port_and_nothing_beside_it() -> None:
    policy = EgressPolicy((IPv4Network("127.0.0.2/32"),))
    policy.check_address("127.0.0.2", 8000, tls=False)
    for address in ("127.0.0.1", "127.0.0.3", "::ffff:127.0.0.2", "not-an-address"):
        with pytest.raises(RefusedAddress):
            policy.check_address(address, 8000, tls=False)


async def test_C3_without_allowed_networks_http_and_odd_ports_are_not_even_looked_up(names: Names) -> None:
    client = Client(EgressPolicy(), AGENT, lambda: NOW, resolver=names)
    for url in ("http://moot.example/x", "https://moot.example:8443/x", "http://moot.example:443/x"):
        with pytest.raises(RefusedUrl):
            await client.get_json(url)
    assert names.asked == []
    await client.close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_C4_no_redirect_leads_to_a_closed_address(
    fetcher: Client, names: Names, evil: Server, forbidden: Server, status: int
) -> None:
    names.table["inside.test"] = [FORBIDDEN]
    for host in (FORBIDDEN, "[::1]", "2130706433", "inside.test"):
        evil.answers["/x"] = redirect(f"http://{host}:{forbidden.port}/", status)
        with pytest.raises((RefusedAddress, RefusedUrl)):
            await fetcher.get_json(f"{evil.url}/x", sign=sign)
    assert forbidden.connections == 0


BAD_URLS = [
    "data:application/activity+json,{}", "file:///etc/passwd", "ftp://127.0.0.2/x", "gopher://127.0.0.2/x",
    "javascript:alert(1)", "acct:bob@evil.test", "ws://127.0.0.2/x", "//", "http://", "http:///x", "http://a b/x",
    "http://127.0.0.2\\@127.0.0.1/", "http://[::1", "http://x:99999/", "http://x:0/", "http://a..b/", "http://a%2eb/",
    "http://x/\r\nX-Injected: 1", "http://[fe80::1%25lo]/", "http://x/" + "y" * 2048,
]  # fmt: skip


@pytest.mark.parametrize("url", BAD_URLS)
async def test_C5_no_other_scheme_and_no_malformed_url_is_asked(
    fetcher: Client, names: Names, evil: Server, url: str
) -> None:
    with pytest.raises(RefusedUrl):
        await fetcher.get_json(url)
    with pytest.raises(RefusedUrl):
        await fetcher.post(url, b"{}", sign)
    evil.default = lambda _path: redirect(url.splitlines()[0] if "\r" not in url else "ftp://127.0.0.2/")
    with pytest.raises(FetchFailed):
        await fetcher.get_json(f"{evil.url}/x")
    assert len(evil.requests) <= 4
    assert names.asked == []


def test_C5_a_url_keeps_its_spelling_and_loses_its_fragment() -> None:
    assert str(parse_url("https://moot.example/A%3ab/~x?y=%20#z")) == "https://moot.example/A%3ab/~x?y=%20"
    assert str(parse_url("https://münster.example/straße")) == "https://xn--mnster-3ya.example/stra%C3%9Fe"


def test_C6_no_other_client_exists_in_the_product() -> None:
    banned = re.compile(
        r"aiohttp\.(?:ClientSession|request)\(|^(?:import|from) (?:requests|httpx|urllib\.request|http\.client)\b",
        re.MULTILINE,
    )
    files = [path for floor in ("server", "moderation", "federation", "web") for path in (ROOT / floor).rglob("*.py")]
    found = [str(path.relative_to(ROOT)) for path in files if banned.search(path.read_text())]
    assert found == ["federation/http.py"]


# TLS


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[Server]:
    """An https server as `moot.test` on the evil address; its certificate lies in `tmp_path/certificate.pem`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "moot.test")])
    start = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("moot.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    server = Server(EVIL, context)
    await server.start()
    yield server
    await server.stop()


async def test_tls_trusts_the_file_of_the_environment_and_nobody_unknown(
    secure: Server, evil: Server, names: Names, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names.table["moot.test"] = [EVIL]
    url = f"https://moot.test:{secure.port}"
    secure.answers["/x"] = reply(b"{}")
    secure.answers["/down"] = redirect(f"{evil.url}/x")
    stranger = Client(POLICY, AGENT, lambda: NOW, resolver=names)
    with pytest.raises(Unreachable) as untrusted:
        await stranger.get_json(f"{url}/x")
    assert untrusted.value.reason == "tls"
    await stranger.close()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    friend = Client(POLICY, AGENT, lambda: NOW, resolver=names)
    assert (await friend.get_json(f"{url}/x")).body == b"{}"
    with pytest.raises(RefusedUrl) as downgrade:
        await friend.get_json(f"{url}/down")
    assert downgrade.value.reason == "redirect_to_http"
    assert evil.requests == []
    await friend.close()
