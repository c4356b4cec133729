"""Settings: environment variables with the prefix SHOWME_, read once."""

import errno
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from api.setting_checks import (
    BOUNDS,
    wrong_database_url,
    wrong_host,
    wrong_number,
    wrong_smtp_url,
    wrong_web_url,
)

PREFIX = "SHOWME_"


class SettingError(Exception):
    """A setting with a wrong value; the message is one line that says what to do."""


@dataclass(frozen=True)
class Settings:
    data_dir: Path = Path(".showme")
    database_url: str = field(default="", repr=False)
    migrate_url: str = field(default="", repr=False)
    database_pooler: str = ""
    direct_url: str = field(default="", repr=False)
    store_url: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    host: str = "127.0.0.1"
    port: int = 8080
    trusted_proxies: str = "127.0.0.1,::1"
    drain_s: int = 0
    public_url: str = ""
    ffmpeg: str = ""
    ffprobe: str = ""
    log_format: str = "readable"
    log_level: str = "info"
    smtp_url: str = field(default="", repr=False)
    mail_from: str = "showme@localhost"
    quick_slots: int = 2
    long_slots: int = 1
    worker_silence_s: int = 30
    pool_size: int = 10
    media_url_life_s: int = 8 * 3600
    upload_life_days: int = 7
    part_size_bytes: int = 8 * 1024 * 1024
    max_upload_bytes: int = 4 * 1024**3
    max_attachment_bytes: int = 100 * 1024 * 1024
    max_duration_ms: int = 60 * 60 * 1000
    event_retention_days: int = 400
    source_retention_days: int = 0  # of a video that is ready; 0, or empty, keeps what was sent for ever
    captions_model: Path | None = None  # the folder of a model: captions can be made of what is said
    # Limits: 0 does not limit.
    requests_per_minute: int = 1200
    org_requests_per_minute: int = 60_000
    open_uploads_per_person: int = 50
    open_uploads_per_org: int = 5000
    org_quota_bytes: int = 0
    slow_query_ms: int = 500
    metrics_token: str = field(default="", repr=False)
    worker_metrics_host: str = "127.0.0.1"
    worker_metrics_port: int = 0
    otlp_url: str = field(default="", repr=False)
    trace_percent: int = 100

    @property
    def embedded_database(self) -> bool:
        return not self.database_url

    @property
    def base_url(self) -> str:
        """Where clients reach the API, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url.rstrip("/") or f"http://{host}:{self.port}"

    @property
    def store(self) -> str:
        return self.store_url or f"file:{self.data_dir.resolve() / 'store'}"


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Raises:
        SettingError: a value cannot be used, or a name with our prefix is not a setting.
    """
    values = {k.removeprefix(PREFIX).lower(): v for k, v in (environ or os.environ).items() if k.startswith(PREFIX)}
    fields = Settings.__dataclass_fields__
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise SettingError(f"{PREFIX}{unknown[0].upper()} is not a setting of Showme.")
    parsed: dict[str, Any] = {name: _parse(name, fields[name].type, value) for name, value in values.items() if value}
    settings = Settings(**parsed)
    _check(settings)
    return settings


def _parse(name: str, kind: object, value: str) -> str | int | Path:
    if kind in (int, "int"):
        if not re.fullmatch(r"\d{1,18}", value):
            raise SettingError(f"{PREFIX}{name.upper()} must be a whole number, but is {value!r}.")
        return int(value)
    return Path(value) if kind in (Path, "Path", Path | None) else value


def _check(settings: Settings) -> None:
    for name in BOUNDS:
        _refuse(name, wrong_number(name, getattr(settings, name)))
    for name in ("host", "worker_metrics_host"):
        _refuse(name, wrong_host(getattr(settings, name)))
    checks = {
        **dict.fromkeys(("database_url", "migrate_url", "direct_url"), wrong_database_url),
        **dict.fromkeys(("public_url", "otlp_url"), wrong_web_url),
        "smtp_url": wrong_smtp_url,
    }
    for name, check in checks.items():
        if url := getattr(settings, name):
            _refuse(name, check(url))
    if settings.captions_model and not settings.captions_model.is_dir():
        _refuse("captions_model", f"must be the folder of a model, which {settings.captions_model} is not.")
    _check_proxies(settings.trusted_proxies)
    _check_words(settings)
    for name, least in (("secret_key", 32), ("metrics_token", 16)):
        if 0 < len(getattr(settings, name)) < least:
            _refuse(name, f"must have {least} characters or more.")


def _refuse(name: str, complaint: str) -> None:
    if complaint:
        raise SettingError(f"{PREFIX}{name.upper()} {complaint}")


def _check_words(settings: Settings) -> None:
    if settings.database_pooler not in ("", "transaction"):
        _refuse("database_pooler", "must be transaction, or empty where there is no pooler.")
    if settings.log_format not in ("readable", "json"):
        _refuse("log_format", f"must be readable or json, but is {settings.log_format!r}.")
    if settings.log_level not in ("debug", "info", "warning", "error"):
        _refuse("log_level", "must be debug, info, warning or error.")


def _check_proxies(proxies: str) -> None:
    for proxy in [] if proxies == "*" else proxies.split(","):
        try:
            ip_network(proxy.strip())
        except ValueError as error:
            raise SettingError(
                f"{PREFIX}TRUSTED_PROXIES must be addresses and networks with commas between them, or *: {error}."
            ) from error


def make_data_dir(settings: Settings) -> None:
    """Raises SettingError when it cannot be made or used."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        if not os.access(settings.data_dir, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise SettingError(f"{PREFIX}DATA_DIR: {settings.data_dir} cannot be used: {error.strerror}.") from error


def secret_key(settings: Settings) -> bytes:
    """Return the secret that signs tokens and URLs: the setting, or one made once and kept in the data folder.

    Raises:
        SettingError: the folder cannot be used.
    """
    if settings.secret_key:
        return settings.secret_key.encode()
    make_data_dir(settings)
    path = settings.data_dir / "secret_key"
    if not path.exists():
        write_once(path, secrets.token_hex(32))
    return path.read_text().strip().encode()


def write_once(path: Path, text: str) -> None:
    """Write a file that only its owner reads; two processes that start at once agree on one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
