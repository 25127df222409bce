"""How we present ourselves to others."""

import tomllib
from pathlib import Path

import pytest

from federation import client
from federation.client import Outgoing
from server.runtime import Runtime
from tests.conftest import settings_for

ROOT = Path(__file__).resolve().parents[2]


def test_the_version_is_that_of_the_package() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == client.VERSION


def test_the_agent_says_where_we_are(tmp_path: Path) -> None:
    agent = client.user_agent(settings_for("postgresql:///x", tmp_path, BASE_URL="https://moot.example"))
    assert agent == f"Folkmoot/{client.VERSION} (+https://moot.example)"


@pytest.mark.parametrize(
    ("networks", "host", "scheme"),
    [
        ("127.0.0.0/8", "127.0.0.2:8080", "http"),
        ("127.0.0.0/8", "moot.example", "https"),
        ("", "moot.example:8080", "https"),
    ],
)
async def test_plain_http_only_where_the_policy_admits_networks(
    runtime: Runtime, tmp_path: Path, networks: str, host: str, scheme: str
) -> None:
    runtime.settings = settings_for(runtime.settings.database_url, tmp_path, ALLOWED_NETWORKS=networks)
    assert (await runtime.use(Outgoing)).scheme_for(host) == scheme
