"""The command line ends with the house's exit codes, a clear sentence, and never a traceback."""

import io
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from veridical.models import ModelStore
from veridical.rehearsal.samples import Sample
from veridical.verification.pictures import to_jpeg

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, samples: dict[str, Sample]) -> Path:
    """Pictures good and bad, by name."""
    folder = tmp_path_factory.mktemp("files")
    for name in ("genuine", "impostor", "altered"):
        transaction = samples[name].transaction
        assert transaction.document_front is not None
        assert transaction.selfie is not None
        (folder / f"{name}-card.jpg").write_bytes(to_jpeg(transaction.document_front))
        (folder / f"{name}-selfie.jpg").write_bytes(to_jpeg(transaction.selfie))
    selfie = samples["genuine"].transaction.selfie
    assert selfie is not None
    two = np.hstack([selfie.pixels, selfie.pixels[:, ::-1]])
    PIL.Image.fromarray(two).save(folder / "two.png")
    ramp = np.linspace(0, 255, 480 * 640 * 3).reshape(480, 640, 3).astype(np.uint8)
    PIL.Image.fromarray(ramp).save(folder / "landscape.png")
    PIL.Image.fromarray(ramp[:1, :1]).save(folder / "one.png")
    (folder / "truncated.jpg").write_bytes((folder / "genuine-selfie.jpg").read_bytes()[:20000])
    (folder / "text.jpg").write_text("this is no picture", encoding="utf-8")
    (folder / "bomb.png").write_bytes(bomb())
    (folder / "empty.mp4").write_bytes(b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2")
    (folder / "broken.toml").write_text("id = 3", encoding="utf-8")
    return folder


def bomb() -> bytes:
    """A PNG whose header claims 20000 x 20000 pixels in a few hundred kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(60001 * 400), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def test_version(run: Run) -> None:
    assert run("--version")[:2] == (0, "veridical 0.1.0\n")


def test_nothing_to_verify_is_a_usage_error(run: Run) -> None:
    code, _, error = run("verify")
    assert code == 2
    assert "--document-front" in error


def test_a_genuine_applicant_is_accepted(run: Run, store: ModelStore, files: Path) -> None:
    code, out, _ = run(
        "verify", "--document-front", files / "genuine-card.jpg",
        "--selfie", files / "genuine-selfie.jpg", "--policy", "demo", "--json",
    )  # fmt: skip
    verdict = json.loads(out)
    assert (code, verdict["outcome"], verdict["first_cause"]) == (0, "accept", None)
    assert verdict["stamps"] == ["specimen_allowed"]


def test_no_production_policy_lets_the_specimen_pass(
    run: Run, store: ModelStore, files: Path
) -> None:
    code, out, _ = run(
        "verify", "--document-front", files / "genuine-card.jpg",
        "--selfie", files / "genuine-selfie.jpg", "--policy", "selfie", "--json",
    )  # fmt: skip
    assert code == 1
    assert json.loads(out)["outcome"] == "reject"
    assert json.loads(out)["first_cause"].startswith("document.specimen:")


def test_an_impostor_is_shown_with_the_cause(run: Run, store: ModelStore, files: Path) -> None:
    code, out, _ = run(
        "verify", "--document-front", files / "impostor-card.jpg",
        "--selfie", files / "impostor-selfie.jpg", "--policy", "demo",
    )  # fmt: skip
    assert code == 1
    assert "REJECT" in out
    assert "face.match:not_mated" in out


@pytest.mark.parametrize(
    ("selfie", "reason"),
    [("landscape.png", "no_face"), ("one.png", "no_face"), ("two.png", "multiple_faces")],
)
def test_a_selfie_that_cannot_be_judged_is_not_assessed(
    run: Run, store: ModelStore, files: Path, selfie: str, reason: str
) -> None:
    code, out, _ = run(
        "verify", "--document-front", files / "genuine-card.jpg", "--selfie", files / selfie,
        "--policy", "demo", "--json",
    )  # fmt: skip
    checks = {check["check"]: check for check in json.loads(out)["checks"]}
    assert code == 1
    for check in ("face.match", "liveness.silent"):
        assert (checks[check]["status"], checks[check]["reason"]) == ("not_assessed", reason)


@pytest.mark.parametrize("document", ["landscape.png", "one.png", "genuine-selfie.jpg"])
def test_a_picture_without_a_document_is_not_assessed(
    run: Run, store: ModelStore, files: Path, document: str
) -> None:
    code, out, _ = run(
        "verify", "--document-front", files / document, "--selfie", files / "genuine-selfie.jpg",
        "--policy", "demo", "--json",
    )  # fmt: skip
    verdict = json.loads(out)
    assert (code, verdict["outcome"]) == (1, "review")
    assert verdict["first_cause"] == "document.read:document_not_found"


@pytest.mark.parametrize(
    ("option", "name", "exit_code", "code"),
    [
        ("--selfie", "truncated.jpg", 4, "media.truncated"),
        ("--selfie", "text.jpg", 4, "media.not_an_image"),
        ("--selfie", "bomb.png", 4, "media.too_many_pixels"),
        ("--selfie", "absent.jpg", 4, "media.missing"),
        ("--clip", "empty.mp4", 4, "media."),
        ("--clip", "text.jpg", 4, "media."),
        ("--policy", "broken.toml", 2, "policy.malformed"),
        ("--policy", "absent.toml", 2, "policy.unknown"),
    ],
)
def test_unusable_input_has_its_code(
    run: Run, store: ModelStore, files: Path, option: str, name: str, exit_code: int, code: str
) -> None:
    words = [option, files / name]
    if option == "--policy":
        words += ["--selfie", files / "genuine-selfie.jpg"]
    ended, out, error = run("verify", *words)
    assert (ended, out) == (exit_code, "")
    assert f"[{code}" in error


@pytest.mark.parametrize("digits", ["12", "123456789", "12a4"])
def test_malformed_digits_are_a_usage_error(run: Run, files: Path, digits: str) -> None:
    ended, _, error = run("verify", "--selfie", files / "genuine-selfie.jpg", "--digits", digits)
    assert ended == 2
    assert "4 to 8 digits" in error


@pytest.mark.parametrize("name", ["absent.json", "."])
def test_a_schedule_that_is_no_file_is_a_usage_error(run: Run, files: Path, name: str) -> None:
    selfie = files / "genuine-selfie.jpg"
    code, _, error = run(
        "verify", "--selfie", selfie, "--digits", "1234", "--schedule", files / name
    )
    assert (code, "usage.no_file" in error) == (2, True)


def test_without_models_every_check_says_so(
    run: Run, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERIDICAL_MODELS_DIR", str(tmp_path))
    monkeypatch.setenv("VERIDICAL_ALLOW_MISSING", "1")
    code, out, _ = run("verify", "--selfie", files / "genuine-selfie.jpg", "--json")
    verdict = json.loads(out)
    assert (code, verdict["outcome"]) == (1, "review")
    assert "face.match:model_missing" in verdict["assurance"]
    code, out, _ = run("doctor")
    assert code == 3
    assert "veridical models pull" in out


def test_the_demo_tells_genuine_from_attack(
    run: Run, store: ModelStore, tmp_path: Path, samples: object
) -> None:
    code, out, _ = run("demo", "--json", "--out", tmp_path)
    verdicts = {entry["sample"]: entry for entry in json.loads(out)}
    assert code == 0
    assert verdicts["genuine"] == {"sample": "genuine", "outcome": "accept", "first_cause": None}
    assert verdicts["impostor"]["first_cause"] == "face.match:not_mated"
    assert verdicts["recaptured"]["outcome"] in ("reject", "review")
    assert verdicts["recaptured"]["first_cause"].startswith("liveness.silent:")
    assert verdicts["altered"]["outcome"] == "reject"
    assert verdicts["altered"]["first_cause"].startswith("document.read:")
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    # Card and photograph of five applicants, one frame of each of the six talking stills.
    assert report.count("data:image/jpeg;base64,") == 16
    assert "http" not in report.replace("http-equiv", "")


def test_doctor_finds_the_installation_fit(run: Run, store: ModelStore) -> None:
    code, out, _ = run("doctor", "--json")
    findings = json.loads(out)
    assert (code, findings["problems"]) == (0, [])
    assert findings["torch_imported"] is False


def test_doctor_finds_what_a_policy_lacks(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'id = "mine"\nversion = 1\nrequired = ["face.match"]\n'
        '[calibration]\n"face.match" = "absent-curve.toml"\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("VERIDICAL_MODELS_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("VERIDICAL_POLICY", str(path))
    code, out, _ = run("doctor", "--json")
    assert code == 3
    assert any("absent-curve" in problem for problem in json.loads(out)["problems"])


def test_policies_are_linted_and_compared(run: Run, files: Path) -> None:
    assert run("policy", "lint", "spoken")[0] == 0
    assert run("policy", "lint", files / "broken.toml")[0] == 2
    assert run("policy", "diff", "demo", "demo")[:2] == (0, "no difference\n")
    assert run("policy", "diff", "demo", "selfie")[0] == 1


def test_an_open_server_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VERIDICAL_API_KEY", raising=False)
    code, _, error = run("serve", "--host", "0.0.0.0")  # noqa: S104
    assert code == 2
    assert "VERIDICAL_API_KEY" in error


@pytest.mark.parametrize(
    ("variable", "verb"),
    [
        ("VERIDICAL_CAPACITY", "serve"),
        ("VERIDICAL_MAX_BODY_BYTES", "serve"),
        ("VERIDICAL_COMMERCIAL_ONLY", "doctor"),
    ],
)
def test_a_malformed_setting_is_named_without_its_value(
    run: Run, monkeypatch: pytest.MonkeyPatch, variable: str, verb: str
) -> None:
    monkeypatch.setenv(variable, "-4711")
    code, output, error = run(verb)
    assert (code, variable in error) == (2, True)
    assert "4711" not in output + error


def test_a_file_that_cannot_be_written_is_not_called_a_rejection(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERIDICAL_DATA_DIR", str(tmp_path))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "report.html")

    monkeypatch.setattr("veridical.cli.doctor.examine", full)
    code, _, error = run("doctor")
    assert (code, "report.html: No space left" in error) == (3, True)


def test_pictures_are_encoded_within_the_side_asked_for() -> None:
    from veridical import Image

    encoded = to_jpeg(Image(np.zeros((300, 1200, 3), np.uint8)), 400)
    assert PIL.Image.open(io.BytesIO(encoded)).size == (400, 100)


def test_a_verdict_can_be_proven_offline(
    run: Run, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log.jsonl"
    monkeypatch.setenv("VERIDICAL_MODELS_DIR", str(tmp_path / "no-models"))
    monkeypatch.setenv("VERIDICAL_ALLOW_MISSING", "1")
    monkeypatch.setenv("VERIDICAL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("VERIDICAL_EVIDENCE_LOG", str(log))
    for _ in range(2):
        assert run("verify", "--selfie", files / "genuine-selfie.jpg")[0] == 1
    (tmp_path / "public.pem").write_text(run("evidence", "public-key")[1], encoding="utf-8")
    words = ("evidence", "verify", log, "--public-key", tmp_path / "public.pem")
    code, out, _ = run(*words)
    assert code == 0
    assert out.startswith("2 records hold")
    log.write_bytes(log.read_bytes().replace(b'"review"', b'"accept"', 1))
    code, _, error = run(*words)
    assert code == 1
    assert "line 1" in error
