"""The image and the compose file, as far as they can be checked without an engine: each word means something."""

import re
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # comes with the tests' other tools, its types do not

from api.cli import _parser
from api.settings import read_settings
from media.storage import open_storage
from tests.processes import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
OURS = {name: service for name, service in COMPOSE["services"].items() if service.get("image") == "showme"}
INSTRUCTIONS = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
DOCKERFILE = [line.split() for line in INSTRUCTIONS if line and not line.startswith("#")]


def interpolated(value: str) -> str:
    """Put in what stands after `:-`, and for what must be set a secret of the right length."""
    return re.sub(r"\$\{\w+(?::-([^}]*)|:\?)\}", lambda found: found[1] or "a1" * 32, value)


@pytest.mark.parametrize("name", sorted(OURS))
def test_each_part_has_settings_and_a_command_that_exist(name: str) -> None:
    settings = read_settings({key: interpolated(value) for key, value in OURS[name]["environment"].items()})
    assert _parser().parse_args(OURS[name]["command"].split()).run
    assert settings.database_url
    assert open_storage(settings.store, secret=b"", public_url=settings.base_url)
    assert settings.drain_s + 10 < 30, "a part must have ended before it is killed"


def test_the_parts_are_those_of_many_machines_and_none_waits_for_what_is_not_there() -> None:
    commands = [service["command"] for service in OURS.values()]
    assert commands.count("serve") == 2
    assert OURS["worker"]["deploy"]["replicas"] == 2
    assert OURS["migrate"]["environment"].keys() - OURS["worker"]["environment"].keys() == {"SHOWME_MIGRATE_URL"}
    for service in COMPOSE["services"].values():
        assert set(service.get("depends_on", ())) <= set(COMPOSE["services"])
        assert {config["source"] for config in service.get("configs", ())} <= set(COMPOSE["configs"])
        assert {volume.partition(":")[0] for volume in service.get("volumes", ())} <= set(COMPOSE["volumes"])


def test_the_balancer_asks_the_apis_whether_they_are_ready_and_is_believed() -> None:
    caddyfile = COMPOSE["configs"]["balancer"]["content"]
    assert "reverse_proxy api-1:8080 api-2:8080" in caddyfile
    assert "health_uri /health/ready" in caddyfile
    [subnet] = COMPOSE["networks"]["default"]["ipam"]["config"]
    assert OURS["api-1"]["environment"]["SHOWME_TRUSTED_PROXIES"] == subnet["subnet"]


def test_the_image_copies_what_is_there_and_does_not_run_as_root() -> None:
    copied = [name for line in DOCKERFILE if line[0] == "COPY" and "--from=build" not in line for name in line[1:-1]]
    assert {"requirements.lock", "pyproject.toml", "api", "media", "models"} <= set(copied)
    assert all((ROOT / name).exists() for name in copied)
    words = [line[0] for line in DOCKERFILE]
    assert set(words) <= {"FROM", "WORKDIR", "RUN", "COPY", "ENV", "USER", "EXPOSE", "STOPSIGNAL", "ENTRYPOINT", "CMD"}
    assert words.index("USER") < words.index("ENTRYPOINT")
    env = dict(pair.split("=", 1) for line in DOCKERFILE if line[0] == "ENV" for pair in line[1:])
    assert read_settings({name: value for name, value in env.items() if name.startswith("SHOWME_")}).port == 8080


def test_no_image_is_named_by_its_registry() -> None:
    images = [service["image"] for service in COMPOSE["services"].values()]
    images += [line[1] for line in DOCKERFILE if line[0] == "FROM"]
    assert [image for image in images if "." in image.partition("/")[0].partition(":")[0]] == []
