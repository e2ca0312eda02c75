"""What does a reviewer see of a recording? One HTML file that needs nothing but the video.

It holds what was said, and the video where it is embedded: personal data, to be kept and destroyed
like the recording itself.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import jinja2

from veridical.catalogue import Language
from veridical.errors import InputError
from veridical.media import sniff
from veridical.verification import CHECKS, explain

__all__ = ["embedded", "recording_report"]

TEMPLATES = Path(__file__).parent / "templates"
WIDTH, LEFT, LANE = 1000, 110, 22
FIRST_LANE = 50
LARGEST_EMBEDDED_BYTES = 100 * 2**20
"""A page beyond this size no browser opens gladly."""

_LANES = {name: spec.short for name, spec in CHECKS.items() if spec.for_recordings and spec.short}
_WHOLE = ("recording.presence", "recording.alone", "recording.same_person")
WORDS: Mapping[str, tuple[str, str]] = {
    "title": ("Review of a recording", "录制复核"),
    "accept": ("accepted", "通过"),
    "review": ("for review", "待复核"),
    "retry": ("try again", "请重录"),
    "reject": ("rejected", "不通过"),
    "version": ("version", "版本"),
    "times_given": ("times kept while recording", "时间由录制端记录"),
    "times_found": ("times found by what was said", "时间由语音对齐得出"),
    "no_video": ("The video is not part of this page.", "本页未包含视频。"),
    "events": ("What stands out", "值得注意的事件"),
    "nothing": ("Nothing.", "无。"),
    "timeline": ("Timeline", "时间线"),
    "transcript": ("Script and transcript", "脚本与转写"),
    "statement": ("statement", "声明"),
    "question": ("question", "问题"),
    "digits": ("digits", "数字"),
    "not_found": ("not found", "未找到"),
    "inserted": ("added", "多读"),
    "heard": ("heard", "听到"),
    "agree": ("agreed", "同意"),
    "refuse": ("refused", "拒绝"),
    "unclear": ("unclear", "不明确"),
    "no_answer": ("no answer", "没有回答"),
    "checks": ("Checks", "检查项"),
    "check": ("check", "检查"),
    "status": ("status", "状态"),
    "score": ("score", "分数"),
    "accept_at": ("passes from", "通过线"),
    "reject_below": ("fails below", "拒绝线"),
    "pass": ("pass", "通过"),
    "fail": ("fail", "不通过"),
    "not_assessed": ("not assessed", "未评估"),
    "policy": ("policy", "策略"),
    "script": ("script", "脚本"),
    "profile": ("profile", "模型组"),
    "keep": (
        "This page holds what a person said, perhaps their picture: keep and destroy it like the "
        "recording itself.",
        "本页包含当事人的陈述，可能还有其影像，请与录像同等保管和销毁。",
    ),
}


@dataclass(frozen=True, slots=True)
class _Bar:
    """One coloured stretch."""

    x: float
    width: float
    at: float
    status: str
    text: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class _Lane:
    """The bars of one check."""

    name: str
    y: int
    base: str
    bars: tuple[_Bar, ...]


def embedded(video: Path) -> str:
    """A video as a data address, for a page that needs no other file.

    Raises:
        InputError: `recording.too_large`: a page of that size opens in no browser; link it.
    """
    size = video.stat().st_size
    if size > LARGEST_EMBEDDED_BYTES:
        raise InputError(
            f"a video of at most {LARGEST_EMBEDDED_BYTES >> 20} MB is embedded, this one has "
            f"{size >> 20} MB; leave it beside the page",
            "recording.too_large",
        )
    data = video.read_bytes()
    kind = sniff(data[:192])
    kind = "video/webm" if kind == "video/x-matroska" else kind
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def recording_report(told: Mapping[str, Any], video: str = "", language: Language = "en") -> str:
    """Draw one recording.

    Args:
        told: As `result_to_json` gives it.
        video: Address of the video, relative to the page or as `embedded` gives it; empty leaves
            the player out.
        language: Of the page. The texts of the timeline are in the language `told` was made in.

    Returns:
        An HTML page that loads nothing but the video.
    """
    words = {key: pair[language == "zh"] for key, pair in WORDS.items()}
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
    )
    cause = told["verdict"]["first_cause"]
    return environment.get_template("recording.html").render(
        told={**told, "segments": [_marked(segment) for segment in told["segments"]]},
        video=video,
        language=language,
        words=words,
        cause=explain(cause.partition(":")[2], language) if cause else "",
        explained=lambda reason: explain(reason, language),
        clock=_clock,
        chart=_chart(told, language),
    )


def _marked(segment: Mapping[str, Any]) -> dict[str, Any]:
    """A segment whose words say which is the last of a run that was heard otherwise."""
    words = [dict(word) for word in segment["words"]]
    for word, following in pairwise([*words, {"heard": None, "status": ""}]):
        same = (word["heard"], word["status"]) == (following["heard"], following["status"])
        word["last"] = not same
    return {**segment, "words": words}


def _chart(told: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """Where everything stands in the drawing."""
    duration = max(1.0, float(told["duration_s"]))
    scale = (WIDTH - LEFT - 10) / duration
    statuses = {check["check"]: check["status"] for check in told["verdict"]["checks"]}
    lanes = []
    for place, name in enumerate(check for check in _LANES if check in statuses):
        bars = tuple(
            _bar(event, event["status"], event["text"], scale)
            for event in told["timeline"]
            if event["check"] == name
        )
        # What speaks of the whole recording stands as a thin line behind what happened in it.
        whole = name in _WHOLE and statuses[name] == "pass"
        base = "pass" if whole else ""
        shown = tuple(bar for bar in bars if not (whole and bar.status == "pass"))
        lanes.append(_Lane(_LANES[name][language], FIRST_LANE + place * LANE, base, shown))
    step = next((s for s in (1, 2, 5, 10, 15, 30, 60, 120) if duration / s <= 12), 300)
    ticks = [
        {"x": round(LEFT + at * scale, 1), "text": _clock(float(at))}
        for at in range(0, int(duration) + 1, step)
    ]
    segments = [
        _bar(segment, "", segment["text"], scale, segment["id"])
        for segment in told["segments"]
        if segment["start_s"] is not None
    ]
    return {
        "width": WIDTH,
        "height": FIRST_LANE + len(lanes) * LANE + 4,
        "left": LEFT,
        "scale": round(scale, 6),
        "ticks": ticks,
        "segments": segments,
        "lanes": lanes,
    }


def _bar(stretch: Mapping[str, Any], status: str, text: str, scale: float, name: str = "") -> _Bar:
    start, end = float(stretch["start_s"]), float(stretch["end_s"])
    width = max(4.0, (end - start) * scale - 1)
    return _Bar(round(LEFT + start * scale, 1), round(width, 1), start, status, text, name)


def _clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
