"""What the shipped manifests name is there: commands, settings, ports, volumes, series."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from veridical.cli.table import COMMANDS, load_command
from veridical.service.settings import ServiceSettings

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed: `make install`")

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "deploy").glob("*.yaml"))
SETTINGS = {f"VERIDICAL_{name.upper()}" for name in ServiceSettings.model_fields}
KUBERNETES = ROOT / "deploy" / "kubernetes.yaml"


def documents(path: Path) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one]


def walk(node: object) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for one in node:
            yield from walk(one)


def commands(text: str) -> Iterator[list[str]]:
    """Each `veridical verb ...` of a file, comments included."""
    for words in re.findall(r"\bveridical[ ,]+([a-z][a-z ,-]*)", text):
        yield [word for word in re.split(r"[ ,]+", words) if word]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_command_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("\n    --", " --")
    found = [words for words in commands(text) if words[0] in COMMANDS]
    called = re.findall(r"(?:`|\[|exec service |entrypoint: >-\n\s+)veridical[ ,]+([a-z-]+)", text)
    assert set(called) <= set(COMMANDS)
    for verb, *rest in found:
        group = getattr(load_command(verb), "commands", None)
        if group and rest:
            assert rest[0] in group, f"veridical {verb} {rest[0]}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_setting_exists(path: Path) -> None:
    named = set(re.findall(r"VERIDICAL_[A-Z_]+", path.read_text(encoding="utf-8")))
    assert named <= SETTINGS


def test_ports_and_volumes_are_those_of_the_containers() -> None:
    (deployment,) = (one for one in documents(KUBERNETES) if one["kind"] == "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    volumes = {volume["name"] for volume in pod["volumes"]}
    (service,) = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in service["ports"]}
    for container in [*pod["initContainers"], *pod["containers"]]:
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
    for document in documents(KUBERNETES):
        for node in walk(document):
            if "httpGet" in node:
                assert node["httpGet"]["port"] in ports
            if isinstance(node.get("targetPort"), str):
                assert node["targetPort"] in ports
    told = {entry["name"]: entry["value"] for entry in service["env"]}
    assert told["VERIDICAL_PROBES"].rpartition(":")[2] == str(ports["probes"])
    assert f"EXPOSE {ports['http']}" in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_evidence_is_signed_with_a_key_that_is_kept() -> None:
    (deployment,) = (one for one in documents(KUBERNETES) if one["kind"] == "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    (service,) = pod["containers"]
    told = {entry["name"]: entry["value"] for entry in service["env"]}
    key = Path(told["VERIDICAL_SIGNING_KEY_FILE"])
    (mount,) = (m for m in service["volumeMounts"] if m["mountPath"] == str(key.parent))
    (volume,) = (v for v in pod["volumes"] if v["name"] == mount["name"])
    secrets = {
        one["metadata"]["name"]: one for one in documents(KUBERNETES) if one["kind"] == "Secret"
    }
    assert key.name in secrets[volume["secret"]["secretName"]]["stringData"]
    environment = documents(ROOT / "deploy" / "compose.yaml")[0]["services"]["service"][
        "environment"
    ]
    assert environment["VERIDICAL_SIGNING_KEY_FILE"] == "/run/secrets/signing"


def test_every_selector_meets_the_pods() -> None:
    found = documents(KUBERNETES)
    (deployment,) = (one for one in found if one["kind"] == "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"].items()
    for one in found:
        spec = one.get("spec", {})
        for selector in (spec.get("selector"), spec.get("podSelector")):
            if selector:
                assert selector.get("matchLabels", selector).items() <= labels
        if one["kind"] == "HorizontalPodAutoscaler":
            assert spec["scaleTargetRef"]["name"] == deployment["metadata"]["name"]


def test_webhooks_and_the_database_get_out() -> None:
    (policy,) = (one for one in documents(KUBERNETES) if one["kind"] == "NetworkPolicy")
    out = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
    assert {443, 5432, 53} <= out


def test_one_machine_s_services_rest_on_services_and_secrets_there() -> None:
    (compose,) = documents(ROOT / "deploy" / "compose.yaml")
    for service in compose["services"].values():
        assert set(service.get("depends_on", ())) <= set(compose["services"])
        assert set(service.get("secrets", ())) <= set(compose["secrets"])
        for volume in service.get("volumes", ()):
            assert volume.partition(":")[0] in compose["volumes"]


def test_every_series_of_an_alert_is_told_by_the_service() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "service").rglob("*.py"))
    (rules,) = documents(ROOT / "deploy" / "alerts.yaml")
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    assert all({"alert", "expr", "for", "labels", "annotations"} <= rule.keys() for rule in alerts)
    for rule in alerts:
        for series in re.findall(r"veridical_[a-z_]+", rule["expr"]):
            assert f'"{re.sub("_(total|bucket|count)$", "", series)}"' in source, series
