"""A real Chromium with a fake camera and microphone, and a scripted service for it to talk to."""

import base64
import contextlib
import shutil
import socket
import threading
import time
import wave
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from numpy.typing import NDArray

from veridical.service.pages.routes import mount

__all__ = ["CHROMIUM", "ScriptedService", "chromium_flags", "served", "write_sound", "write_video"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FPS = 30
NOW = "2026-11-22T01:02:03.456Z"


def chromium_flags(camera: Path, microphone: Path) -> list[str]:
    """Flags that put files in the place of camera and microphone, allowed without asking."""
    return [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={camera.resolve()}",
        f"--use-file-for-fake-audio-capture={microphone.resolve()}",
        "--autoplay-policy=no-user-gesture-required",
        "--no-sandbox",  # tests in containers run as root
        "--disable-gpu",
    ]


def write_video(path: Path, frames: Sequence[NDArray[np.uint8]]) -> Path:
    """Write RGB frames of one even size as Y4M, 30 a second; Chromium plays it in a loop."""
    height, width = frames[0].shape[:2]
    with path.open("wb") as out:
        out.write(f"YUV4MPEG2 W{width} H{height} F{FPS}:1 Ip A1:1 C420mpeg2\n".encode())
        for frame in frames:
            out.write(b"FRAME\n")
            out.write(cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420).tobytes())
    return path


def write_sound(path: Path, samples: NDArray[np.float32], rate_hz: int = 48_000) -> Path:
    """Write one channel of 16-bit sound."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


@contextlib.contextmanager
def served(app: FastAPI, lifespan: Literal["auto", "off"] = "auto") -> Iterator[str]:
    """Serve an application on a free port of this machine; answers its address.

    Args:
        app: The application.
        lifespan: `off` for one that was started by somebody else.
    """
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan=lifespan))
        thread = threading.Thread(target=server.run, args=([held],), daemon=True)
        held.listen()
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(10)


class ScriptedService:
    """The contract of API v1 as a page sees it, with outcomes by script and without any model.

    Attributes:
        app: To be served.
        media: What was uploaded last, by kind.
        submitted: Bodies of `submit`, in order.
        reviewed: Bodies of `review`, in order.
        outcomes: What submits end with, in turn.
        key: Demanded where operators' routes are; empty demands none.
    """

    def __init__(
        self,
        outcomes: Sequence[str] = ("accept",),
        required: Sequence[str] = ("document_front", "clip"),
        optional: Sequence[str] = ("document_back",),
        key: str = "",
        qa_dir: Path | None = None,
    ) -> None:
        self.media: dict[str, bytes] = {}
        self.headers: dict[str, dict[str, str]] = {}
        self.submitted: list[dict[str, Any]] = []
        self.created: list[dict[str, Any]] = []
        self.reviewed: list[dict[str, Any]] = []
        self.guided = 0
        self.outcomes = list(outcomes)
        self.challenge = {
            "digits": "4029",
            "language": "en",
            "schedule_ms": [700.0, 1450.0, 2250.0, 3000.0],
            "nonce": "nonce-1",
            "expires_at": "2030-01-01T00:00:00.000Z",
        }
        self._wanted = {
            "required": list(required),
            "optional": list(optional),
            "prompts": ["digits"] if "clip" in required else [],
        }
        self._key = key
        self._state = "created"
        self._outcome: str | None = None
        self.app = FastAPI()
        self._routes()
        mount(self.app, qa_dir)

    def _view(self) -> dict[str, Any]:
        left = len(self.outcomes)
        return {
            "id": "t_1", "kind": "onboarding", "state": self._state, "sandbox": False,
            "attempt": len(self.submitted) or 1, "retries_left": left, "outcome": self._outcome,
            "message": f"message for {self._outcome}", "message_code": "",
            "media": {**self._wanted, "received": sorted(self.media), "again": []},
        }  # fmt: skip

    def _verdict(self) -> dict[str, Any]:
        def check(name: str, status: str, score: float | None, reason: str = "") -> dict[str, Any]:
            return {
                "check": name, "status": status, "score": score, "reason": reason,
                "accept_at": 0.6, "reject_below": 0.4, "error_rate": None,
                "evidence": {"frames": 12}, "models": [], "elapsed_ms": 10.0,
            }  # fmt: skip

        fails = self._outcome == "reject"
        return {
            "outcome": self._outcome,
            "first_cause": "voice.digits:wrong_digits" if fails else None,
            "causes": [], "policy": {"id": "spoken", "version": 3, "sha256": "ab" * 32},
            "profile": "registry", "assurance": [], "stamps": [], "attempt": len(self.submitted),
            "retries_left": 0,
            "checks": [
                check("document.read", "pass", 0.97),
                check("face.match", "pass", 0.71),
                check("liveness.silent", "review", 0.55, "low_score"),
                check("voice.digits", "fail" if fails else "pass", 0.1 if fails else 0.9,
                      "wrong_digits" if fails else ""),
                self._present(check),
                check("watchlist.search", "not_assessed", None, "no_watchlist"),
            ],
            # What a hostile document could hold must stay text.
            "document": {"name": {"value": "<img src=x onerror=alert(1)>"}},
        }  # fmt: skip

    @staticmethod
    def _present(check: Callable[..., dict[str, Any]]) -> dict[str, Any]:
        found = check("capture.present", "pass", 6.8)
        parts = {"content": 0.0, "schedule": 0.0, "lips": 0.0, "light": 6.8, "movement": None}
        evidence = {
            "weakest": "generated", "moment": "stepwise", "against_generated": 6.8,
            "against_splice": 6.8, "against_dub": 9.0,
            **{f"witness_{name}": value for name, value in parts.items()},
        }  # fmt: skip
        return {**found, "accept_at": 4.6, "reject_below": -5.7, "evidence": evidence}

    def _routes(self) -> None:
        app = self.app

        def refused(request: Request, token: str = "") -> JSONResponse | None:
            given = request.headers.get("authorization", "")
            if not self._key or given in (f"Bearer {self._key}", f"Bearer {token}"):
                return None
            return JSONResponse({"code": "auth.required", "detail": "a key"}, 401)

        @app.get("/v1/policies")
        async def policies(request: Request) -> Response:
            items = [
                {"id": "spoken", "version": 3, "description": "Document and clip."},
                {"id": "selfie", "version": 2, "description": "Document and selfie."},
            ]
            return refused(request) or JSONResponse({"items": items})

        @app.post("/v1/transactions")
        async def create(request: Request) -> Response:
            self.created.append(await request.json())
            return refused(request) or JSONResponse(
                {**self._view(), "upload_token": "vu_t_1", "policy": {"id": "spoken"},
                 "challenge": self.challenge}, 201
            )  # fmt: skip

        @app.put("/v1/transactions/t_1/media/{kind}")
        async def put(request: Request, kind: str) -> Response:
            self.media[kind] = await request.body()
            self.headers[kind] = dict(request.headers)
            self._state = "collecting"
            return JSONResponse({"kind": kind, "bytes": len(self.media[kind]), "sha256": ""})

        @app.post("/v1/transactions/t_1/challenge")
        async def challenge() -> Response:
            return JSONResponse({"challenge": self.challenge})

        @app.post("/v1/transactions/t_1/submit")
        async def submit(request: Request) -> Response:
            self.submitted.append(await request.json())
            self._outcome = self.outcomes.pop(0)
            self._state = "collecting" if self._outcome == "retry" else "completed"
            return JSONResponse(self._view())

        @app.get("/v1/transactions/t_1")
        async def get(request: Request) -> Response:
            if problem := refused(request, "vu_t_1"):
                return problem
            verdict = {"verdict": self._verdict()} if self._outcome else {}
            return JSONResponse({**self._view(), **verdict, "subject_ref": "c-1", "problem": None})

        @app.get("/v1/transactions/t_1/explanation")
        async def explanation(request: Request) -> Response:
            times = [40.0 * i for i in range(120)]
            digits = [
                {"word": word, "shown_ms": at, "heard_ms": at + 380}
                for word, at in zip("4029", self.challenge["schedule_ms"], strict=True)  # type: ignore[arg-type]
            ]
            opening = [0.1 + 0.08 * float(np.sin(t / 120)) ** 2 for t in times]
            peaks = [0.05 + 0.6 * abs(float(np.sin(t / 240))) for t in times]
            timeline = {
                "duration_ms": 4800.0, "digits": digits, "sound": {"step_ms": 40.0, "peaks": peaks},
                "speech": [[900, 4200]], "lips": {"times_ms": times, "opening": opening},
            }  # fmt: skip
            timeline["colours"] = [{"colour": "#00d000", "start_ms": 0, "end_ms": 900}]
            face = base64.b64encode(
                cv2.imencode(".jpg", np.full((510, 420, 3), 90))[1].tobytes()
            ).decode()
            pictures = [
                {"kind": kind, "time_ms": None, "jpeg": face}
                for kind in ("document_front", "portrait_face", "applicant_face")
            ]
            return refused(request) or JSONResponse({"timeline": timeline, "pictures": pictures})

        @app.put("/v1/transactions/t_1/claim")
        async def claim(request: Request) -> Response:
            return refused(request) or JSONResponse(self._view())

        @app.post("/v1/guidance/face")
        async def guidance(request: Request) -> Response:
            assert (await request.body())[:2] == b"\xff\xd8"
            self.guided += 1
            found = {"faces": 1, "box": [0.4, 0.3, 0.6, 0.7], "reason": "", "text": ""}
            return JSONResponse({**found, "message_code": ""})

        @app.get("/v1/reviews")
        async def reviews(request: Request) -> Response:
            items = [
                {"id": "t_1", "kind": "onboarding", "first_cause": "liveness.silent:low_score",
                 "causes": [], "policy": {"id": "spoken"}, "completed_at": NOW}
            ]  # fmt: skip
            waiting = [] if self.reviewed else items
            return refused(request) or JSONResponse({"items": waiting, "next": None})

        @app.post("/v1/transactions/t_1/review")
        async def review(request: Request) -> Response:
            body = await request.json()
            self.reviewed.append(body)
            done = {**body, "evidence": {"sequence": 7}, "decided_at": NOW}
            return refused(request) or JSONResponse({**self._view(), "review": done})
