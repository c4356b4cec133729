from pathlib import Path

import pytest

from api.cli import main
from api.setting_checks import BOUNDS
from api.settings import SettingError, Settings, read_settings, secret_key


def test_without_any_setting_everything_is_embedded() -> None:
    settings = read_settings({"PATH": "/bin"})
    assert settings.embedded_database
    assert settings.store == f"file:{Path('.showme').resolve() / 'store'}"
    assert settings.base_url == "http://127.0.0.1:8080"


def test_settings_are_read_by_their_prefix() -> None:
    settings = read_settings({"SHOWME_PORT": "9000", "SHOWME_HOST": "::1", "SHOWME_DATA_DIR": "/srv/x", "PORT": "1"})
    assert (settings.port, settings.data_dir, settings.base_url) == (9000, Path("/srv/x"), "http://[::1]:9000")


def test_an_empty_value_is_the_default() -> None:
    assert read_settings({"SHOWME_PORT": ""}).port == 8080


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "eighty", "must be a whole number"),
        ("PORT", "0", "between 1 and 65535"),
        ("PORT", "-1", "must be a whole number"),
        ("PROT", "8080", "SHOWME_PROT is not a setting"),
        ("DATABASE_URL", "postgres://x", "must begin with postgresql+asyncpg://"),
        ("MIGRATE_URL", "mysql://x", "must begin with postgresql+asyncpg://"),
        ("LOG_FORMAT", "xml", "must be readable or json"),
        ("LOG_LEVEL", "loud", "must be debug, info"),
        ("SECRET_KEY", "short", "32 characters or more"),
        ("PUBLIC_URL", "ftp://x", "must begin with http"),
        ("PUBLIC_URL", "https://", "a host or a port that cannot be"),
        ("PUBLIC_URL", "https://bad host/", "a host or a port that cannot be"),
        ("PUBLIC_URL", "https://showme.example:port", "a host or a port that cannot be"),
        ("PUBLIC_URL", "https://showme.example/?q=1", "must end with its path"),
        ("OTLP_URL", "http://[::1", "a host or a port that cannot be"),
        ("HOST", "bad host", "must be an address or a host name"),
        ("HOST", "[::1]", "without port or brackets"),
        ("WORKER_METRICS_HOST", "0.0.0.0:9100", "without port or brackets"),
        ("SMTP_URL", "foo", "must begin with smtp://"),
        ("SMTP_URL", "smtp://", "must be as smtp://"),
        ("DATABASE_URL", "postgresql+asyncpg://u:hush@db:port/showme", "must be as postgresql+asyncpg://"),
        ("QUICK_SLOTS", "0", "must be between 1 and 256"),
        ("PART_SIZE_BYTES", "1024", "between 5242880 (5 MiB) and 536870912 (512 MiB)"),
        ("CAPTIONS_MODEL", "/nowhere", "must be the folder of a model"),
    ],
)
def test_a_wrong_value_is_one_sentence_that_names_it(name: str, value: str, said: str) -> None:
    with pytest.raises(SettingError, match=r"^SHOWME_") as caught:
        read_settings({f"SHOWME_{name}": value})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_number_has_bounds() -> None:
    numbers = [name for name, field in Settings.__dataclass_fields__.items() if field.type in (int, "int")]
    assert sorted(numbers) == sorted(BOUNDS)


@pytest.mark.parametrize("name", sorted(BOUNDS))
def test_a_number_is_taken_up_to_its_bounds_and_not_beyond(name: str) -> None:
    least, most = BOUNDS[name]
    for value in (least, most):
        assert getattr(read_settings({f"SHOWME_{name.upper()}": str(value)}), name) == value
    for value in {max(least - 1, 0), most + 1, 10**17} - {least, most}:
        with pytest.raises(SettingError, match=f"^SHOWME_{name.upper()} must be between .* but is {value}\\.$"):
            read_settings({f"SHOWME_{name.upper()}": str(value)})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_URL", "https://u:hush@[half"),
        ("SMTP_URL", "hush"),
        ("SMTP_URL", "smtp://u:hush@host:port"),
        ("OTLP_URL", "ftp://u:hush@host"),
        ("DATABASE_URL", "postgresql+asyncpg://u:hush@db:port/showme"),
        ("METRICS_TOKEN", "hush"),
    ],
)
def test_what_may_hold_a_password_is_not_repeated(name: str, value: str) -> None:
    with pytest.raises(SettingError) as caught:
        read_settings({f"SHOWME_{name}": value})
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("host", ["localhost", "::1", "10.0.0.1", "db_1.internal", "a.example."])
def test_a_host_is_a_name_or_an_address(host: str) -> None:
    assert read_settings({"SHOWME_HOST": host}).host == host


def test_the_command_refuses_a_setting_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOWME_UPLOAD_LIFE_DAYS", "999999999")
    assert main(["doctor"]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert said.err.startswith("showme: SHOWME_UPLOAD_LIFE_DAYS must be between 1 and 13")


def test_a_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    first = secret_key(settings)
    assert len(first) >= 32
    assert secret_key(settings) == first
    assert (tmp_path / "data" / "secret_key").stat().st_mode & 0o777 == 0o600


def test_a_secret_that_is_set_is_used() -> None:
    assert secret_key(Settings(secret_key="x" * 40)) == b"x" * 40


def test_what_is_secret_is_not_shown() -> None:
    settings = Settings(secret_key="s3cret" * 8, smtp_url="smtp://user:s3cret@mail")
    assert "s3cret" not in repr(settings)
