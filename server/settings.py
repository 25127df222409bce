"""Every setting, read once from the environment; the README's table is compared with this file by a test."""

import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from server.errors import ConfigurationError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

REGISTRATION = ("open", "application", "invite", "closed")
SCORERS = ("light", "detoxify", "none")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator may set. Durations are in seconds."""

    base_url: str
    bind_host: str
    bind_port: int
    database_url: str
    data_dir: Path
    media_url: str
    processes: int
    allowed_networks: tuple[Network, ...]
    trusted_proxies: tuple[Network, ...]
    smtp_url: str
    mail_from: str
    registration: str
    scorer: str
    detoxify_checkpoint: str
    detoxify_tokenizer: str
    detoxify_python: str
    metrics_token: str
    secure_mode: bool

    @property
    def host(self) -> str:
        """Our own instance name: `host`, or `host:port` where the port is not the scheme's default."""
        return urlsplit(self.base_url).netloc

    @property
    def https(self) -> bool:
        return self.base_url.startswith("https://")

    @property
    def loopback(self) -> bool:
        """Whether our address can be reached from this machine alone; demo data needs that."""
        name = urlsplit(self.base_url).hostname or ""
        if name == "localhost":
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False


VARIABLES: dict[str, str] = {
    "FOLKMOOT_BASE_URL": "http://127.0.0.1:8000",
    "FOLKMOOT_BIND": "127.0.0.1:8000",
    "FOLKMOOT_DATABASE_URL": "",
    "FOLKMOOT_DATA_DIR": "data",
    "FOLKMOOT_MEDIA_URL": "",
    "FOLKMOOT_PROCESSES": "1",
    "FOLKMOOT_ALLOWED_NETWORKS": "",
    "FOLKMOOT_TRUSTED_PROXIES": "",
    "FOLKMOOT_SMTP_URL": "",
    "FOLKMOOT_MAIL_FROM": "",
    "FOLKMOOT_REGISTRATION": "application",
    "FOLKMOOT_SCORER": "light",
    "FOLKMOOT_DETOXIFY_CHECKPOINT": "",
    "FOLKMOOT_DETOXIFY_TOKENIZER": "",
    "FOLKMOOT_DETOXIFY_PYTHON": ".venv-ml/bin/python",
    "FOLKMOOT_METRICS_TOKEN": "",
    "FOLKMOOT_SECURE_MODE": "false",
}


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from `environ`; raises ConfigurationError naming the variable that cannot be used."""
    if unknown := sorted(name for name in environ if name.startswith("FOLKMOOT_") and name not in VARIABLES):
        raise ConfigurationError(f"{unknown[0]} is not a setting of Folkmoot. Known: {', '.join(VARIABLES)}")
    value = {name: environ.get(name, "").strip() or default for name, default in VARIABLES.items()}
    base_url = _base_url(value["FOLKMOOT_BASE_URL"])
    bind_host, bind_port = _bind(value["FOLKMOOT_BIND"])
    data_dir = Path(value["FOLKMOOT_DATA_DIR"]).absolute()
    return Settings(
        base_url=base_url,
        bind_host=bind_host,
        bind_port=bind_port,
        database_url=value["FOLKMOOT_DATABASE_URL"],
        data_dir=data_dir,
        media_url=_media(value["FOLKMOOT_MEDIA_URL"], data_dir),
        processes=_processes(value["FOLKMOOT_PROCESSES"]),
        allowed_networks=_networks("FOLKMOOT_ALLOWED_NETWORKS", value["FOLKMOOT_ALLOWED_NETWORKS"]),
        trusted_proxies=_networks("FOLKMOOT_TRUSTED_PROXIES", value["FOLKMOOT_TRUSTED_PROXIES"]),
        smtp_url=_smtp(value["FOLKMOOT_SMTP_URL"]),
        mail_from=value["FOLKMOOT_MAIL_FROM"] or f"folkmoot@{urlsplit(base_url).hostname}",
        registration=_choice("FOLKMOOT_REGISTRATION", value["FOLKMOOT_REGISTRATION"], REGISTRATION),
        scorer=_choice("FOLKMOOT_SCORER", value["FOLKMOOT_SCORER"], SCORERS),
        detoxify_checkpoint=value["FOLKMOOT_DETOXIFY_CHECKPOINT"],
        detoxify_tokenizer=value["FOLKMOOT_DETOXIFY_TOKENIZER"],
        detoxify_python=value["FOLKMOOT_DETOXIFY_PYTHON"],
        metrics_token=value["FOLKMOOT_METRICS_TOKEN"],
        secure_mode=_choice("FOLKMOOT_SECURE_MODE", value["FOLKMOOT_SECURE_MODE"], ("true", "false")) == "true",
    )


def _base_url(text: str) -> str:
    parts = urlsplit(text)
    plain = not (parts.path.rstrip("/") or parts.query or parts.fragment or parts.username)
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain or text != text.lower():
        raise ConfigurationError(
            f"FOLKMOOT_BASE_URL must be like https://moot.example (lower case, without a path), not {text!r}"
        )
    default_port = {"http": 80, "https": 443}[parts.scheme]
    netloc = parts.hostname if parts.port in (None, default_port) else f"{parts.hostname}:{parts.port}"
    return f"{parts.scheme}://{netloc}"


def _bind(text: str) -> tuple[str, int]:
    match = re.fullmatch(r"\[?([^\]]+)\]?:(\d{1,5})", text)
    if not match or not 0 < int(match[2]) < 65536:
        raise ConfigurationError(f"FOLKMOOT_BIND must be host:port, not {text!r}")
    return match[1], int(match[2])


def _media(text: str, data_dir: Path) -> str:
    """A bucket's address, or the absolute path of a folder."""
    if "://" not in text:
        return str(Path(text).absolute() if text else data_dir / "media")
    if not re.fullmatch(r"s3://[^/]+(/.*)?", text):
        raise ConfigurationError(f"FOLKMOOT_MEDIA_URL must be a folder or like s3://bucket/prefix, not {text!r}")
    return text


def _processes(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 64:
        raise ConfigurationError(f"FOLKMOOT_PROCESSES must be a number from 1 to 64, not {text!r}")
    return int(text)


def network(text: str) -> Network:
    return ipaddress.ip_network(text)


def _networks(name: str, text: str) -> tuple[Network, ...]:
    try:
        return tuple(network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise ConfigurationError(f"{name} must list networks like 127.0.0.0/8, separated by commas: {error}") from None


def _smtp(text: str) -> str:
    if text and urlsplit(text).scheme not in ("smtp", "smtps", "smtp+starttls"):
        raise ConfigurationError("FOLKMOOT_SMTP_URL must begin with smtp://, smtps:// or smtp+starttls://")
    return text


def _choice(name: str, text: str, allowed: tuple[str, ...]) -> str:
    if text not in allowed:
        raise ConfigurationError(f"{name} must be one of {', '.join(allowed)}, not {text!r}")
    return text
