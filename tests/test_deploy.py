"""What the shipped manifests name is there: commands, settings, ports, volumes, series."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from veridical.cli.table import COMMANDS, load_command
from veridical.service.settings import ServiceSettings

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "deploy").glob("*.yaml"))
SETTINGS = {f"VERIDICAL_{name.upper()}" for name in ServiceSettings.model_fields}
KUBERNETES = ROOT / "deploy" / "kubernetes.yaml"
MONITOR = ROOT / "deploy" / "servicemonitor.yaml"
OF_OPERATORS = ("monitoring.coreos.com/", "ray.io/")
"""Kinds of these are no part of Kubernetes, and their schemas none of its."""


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


def manifests() -> list[dict[str, Any]]:
    files = [path for path in FILES if path.name not in ("compose.yaml", "alerts.yaml")]
    return [document for path in files for document in documents(path)]


@pytest.mark.parametrize(
    "manifest", manifests(), ids=lambda m: f"{m['kind']}-{m['metadata']['name']}"
)
def test_every_manifest_is_of_the_schema_of_its_kind(manifest: dict[str, Any]) -> None:
    if manifest["apiVersion"].startswith(OF_OPERATORS):
        assert {"apiVersion", "kind", "metadata", "spec"} == manifest.keys()
        return
    kubernetes_validate.validate(manifest, "1.34", strict=True)


def test_a_slip_in_a_manifest_is_found() -> None:
    (deployment,) = (one for one in documents(KUBERNETES) if one["kind"] == "Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["volumeMount"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, "1.34", strict=True)


def test_what_stands_before_and_beside_the_service_meets_it() -> None:
    found = {(one["kind"], one["metadata"]["name"]): one for one in documents(KUBERNETES)}
    service = found["Service", "veridical"]
    ports = {port["name"] for port in service["spec"]["ports"]}
    for node in walk(found["Ingress", "veridical"]):
        if "service" in node:
            assert node["service"]["name"] == "veridical"
            assert node["service"]["port"]["name"] in ports
    secret, monitor = documents(MONITOR)
    labels = monitor["spec"]["selector"]["matchLabels"].items()
    assert labels <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] in ports
    key = endpoint["authorization"]["credentials"]
    assert (key["name"], key["key"] in secret["stringData"]) == (secret["metadata"]["name"], True)


def test_what_is_scaled_by_is_told_by_the_service() -> None:
    source = (ROOT / "service" / "api" / "metrics.py").read_text(encoding="utf-8")
    (scaler,) = (one for one in documents(KUBERNETES) if one["kind"] == "HorizontalPodAutoscaler")
    external = [
        m["external"]["metric"]["name"] for m in scaler["spec"]["metrics"] if "external" in m
    ]
    assert external
    assert all(f'"{name}"' in source for name in external)


def test_a_job_s_pod_mounts_what_it_has() -> None:
    (job,) = (one for one in documents(KUBERNETES) if one["kind"] == "CronJob")
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    volumes = {volume["name"] for volume in pod["volumes"]}
    secrets = {s["metadata"]["name"] for s in documents(KUBERNETES) if s["kind"] == "Secret"}
    assert {mount["name"] for mount in pod["containers"][0]["volumeMounts"]} == volumes
    assert {v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v} <= secrets
