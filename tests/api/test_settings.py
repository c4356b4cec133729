from pathlib import Path

import pytest

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
        ("QUICK_SLOTS", "0", "must be 1 or more"),
        ("PART_SIZE_BYTES", "1024", "5 MiB"),
    ],
)
def test_a_wrong_value_is_one_sentence_that_names_it(name: str, value: str, said: str) -> None:
    with pytest.raises(SettingError, match=r"^SHOWME_") as caught:
        read_settings({f"SHOWME_{name}": value})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


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
