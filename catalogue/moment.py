"""What ties a recording to its moment: answers to what nobody knew before it was drawn."""

from veridical.analysis.analysis import Analysis
from veridical.catalogue.applicant import (
    AGAIN,
    FOLLOW,
    LATER,
    RECAPTURE,
    SCREEN,
    STAY,
)
from veridical.catalogue.spec import (
    CLIP,
    MISSING_INPUT,
    MODEL_MISSING,
    SEEING_MODELS,
    Bands,
    CheckSpec,
    Reason,
    Text,
    Trait,
)
from veridical.face.pose import head_pose
from veridical.liveness.light import LightCheck
from veridical.liveness.motion import MotionCheck, head_track
from veridical.result import Measurement

__all__ = ["SPECS"]


def _light(check: LightCheck, analysis: Analysis) -> Measurement:
    followed = analysis.followed
    if followed is None:
        return Measurement("liveness.light", None, MISSING_INPUT)
    return check(followed, analysis.transaction.challenge, analysis.transaction.arrivals)


def _motion(check: MotionCheck, analysis: Analysis) -> Measurement:
    followed, challenge = analysis.followed, analysis.transaction.challenge
    if followed is None:
        return Measurement("liveness.motion", None, MISSING_INPUT)
    asked = challenge is not None and challenge.turns is not None
    return check(head_track(followed, head_pose) if asked else None, challenge)


SPECS = (
    CheckSpec(
        name="liveness.light",
        label=Text("Answers the screen's light", "面部反射屏幕光"),
        question=Text(
            "Did this face answer the colours drawn for it, when they were shown?",
            "面部是否按时反射了为其抽取的屏幕颜色？",
        ),
        needs=(CLIP,),
        uses=(),
        roles=SEEING_MODELS,
        lacking=MODEL_MISSING,
        measure=_light,
        make=lambda parts: LightCheck(parts.draw.other_draws) if parts.follows_faces else None,
        evidence={
            "blue_share": Text("Answer to blue by that to red", "蓝光反应与红光反应之比"),
            "colours": Text("Colours shown", "显示的颜色数"),
            "correlation": Text("Face and colours together", "面部与颜色相关"),
            "face_seen": Text("Share of frames with the face", "可见面部的帧比例"),
            "fps": Text("Frames a second", "每秒帧数"),
            "gain": Text("Light of the screen by all other", "屏幕光与环境光之比"),
            "lag_ms": Text("Answered after shown, ms", "显示到反应的延迟（毫秒）"),
            "p": Text("Share of all draws that fit as well", "同样吻合的随机序列比例"),
            "p_against_room": Text("The same of face less room", "面部减背景的该比例"),
            "p_inverted": Text("The same of inverted colours", "反色的该比例"),
            "readable": Text("Skin neither clipped nor dark", "曝光正常的皮肤比例"),
            "revealed": Text("How the colours were told", "颜色下发方式"),
            "room_seen": Text("The room is in view", "可见背景"),
            "room_share": Text("Answer of the room by the face's", "背景反应与面部反应之比"),
            "slowest_slice_ms": Text("Slowest slice, ms", "最慢分片（毫秒）"),
            "unevenness": Text("Spread of answers over the face", "面部各处反应差异"),
        },
        reasons=(
            Reason(
                "light_no_challenge",
                LATER,
                Text("No colours were drawn for this recording.", "本次录制未下发屏幕颜色序列。"),
                mendable=False,
            ),
            Reason(
                "light_too_weak",
                SCREEN,
                Text(
                    "The face does not answer the colours clearly: the surroundings are bright, "
                    "the screen is dim, or no screen lit it.",
                    "面部对屏幕颜色的反应不明显：环境过亮、屏幕过暗，或并无屏幕光照射。",
                ),
                mendable=True,
            ),
            Reason(
                "light_everywhere",
                SCREEN,
                Text(
                    "The room answers the colours as the face does: the whole picture was tinted, "
                    "or the room is dark.",
                    "背景与面部对颜色的反应相同：画面可能被整体着色，或环境过暗。",
                ),
                mendable=True,
            ),
            Reason(
                "light_inverted",
                SCREEN,
                Text(
                    "The face answers the colours turned round: the screen inverts its colours.",
                    "面部反应与颜色相反：屏幕开启了反色显示。",
                ),
                mendable=True,
            ),
            Reason(
                "night_mode",
                SCREEN,
                Text(
                    "The screen seems to be set warm for the night: it gives too little blue.",
                    "屏幕似乎处于夜间模式，蓝光不足。",
                ),
                mendable=True,
            ),
            Reason(
                "painted_late",
                AGAIN,
                Text(
                    "The face answers the colours later than they were due: they were painted late.",
                    "面部有反应但晚于规定时间：页面颜色显示延迟。",
                ),
                mendable=True,
            ),
            Reason(
                "slices_late",
                AGAIN,
                Text(
                    "A slice of the recording arrived after its deadline: the connection was slow.",
                    "录制分片到达超时：网络过慢或中断。",
                ),
                mendable=True,
            ),
            Reason(
                "colour_missing",
                RECAPTURE,
                Text(
                    "The clip has no colour, so that it cannot answer any.",
                    "视频无色彩，无法体现颜色反应。",
                ),
                mendable=True,
            ),
            Reason(
                "clip_too_short",
                STAY,
                Text(
                    "The clip ends before everything that was asked for was shown.",
                    "视频在要求内容全部显示之前已结束。",
                ),
                mendable=True,
            ),
        ),
        shares=(
            "no_face",
            "multiple_faces",
            "too_few_frames",
            "too_dark",
            "too_bright",
            "frame_rate_low",
        ),
        point=Bands(
            accept_at=3.0,
            reject_below=0.0,
            command="veridical evaluate light",
            note="minus the decimal logarithm of a p value: 3 is one false accept in a thousand, by construction, for a clip that was fixed before the draw; nobody is refused, for daylight looks like an attack",
        ),
        traits=frozenset({Trait.TESTS_LIVENESS, Trait.WITNESS}),
        prompt="colours",
    ),
    CheckSpec(
        name="liveness.motion",
        label=Text("Turns as asked", "按要求转头"),
        question=Text(
            "Did the head turn as it was asked to, when it was asked?",
            "头部是否按要求的方向和时间转动？",
        ),
        needs=(CLIP,),
        uses=(),
        roles=SEEING_MODELS,
        lacking=MODEL_MISSING,
        measure=_motion,
        make=lambda parts: MotionCheck(parts.draw.other_draws) if parts.follows_faces else None,
        evidence={
            "correlation": Text("Head and course together", "头部与要求动作相关"),
            "delay_ms": Text("Turned after asked, ms", "要求到转动的延迟（毫秒）"),
            "face_seen": Text("Share of frames with the face", "可见面部的帧比例"),
            "fps": Text("Frames a second", "每秒帧数"),
            "p": Text("Share of all courses that fit as well", "同样吻合的随机动作比例"),
            "relief": Text("Departs from a flat picture, %", "与平面的偏离（%）"),
        },
        reasons=(
            Reason(
                "motion_no_challenge",
                LATER,
                Text(
                    "No turns of the head were drawn for this recording.",
                    "本次录制未下发头部动作。",
                ),
                mendable=False,
            ),
            Reason(
                "head_still",
                FOLLOW,
                Text("The head hardly turned.", "头部几乎没有转动。"),
                mendable=True,
            ),
            Reason(
                "turned_otherwise",
                FOLLOW,
                Text(
                    "The head did not turn as it was asked to, when it was asked.",
                    "头部未按要求的方向和时间转动。",
                ),
                mendable=True,
            ),
        ),
        shares=(
            "no_face",
            "multiple_faces",
            "too_few_frames",
            "frame_rate_low",
            "clip_too_short",
            "flat_motion",
        ),
        point=Bands(
            accept_at=2.0,
            reject_below=0.0,
            command="veridical evaluate motion",
            note="minus the decimal logarithm of a p value: 2 is one false accept in a hundred, by construction, for a clip that was fixed before the draw; nobody is refused",
        ),
        traits=frozenset({Trait.TESTS_LIVENESS, Trait.WITNESS}),
        prompt="turns",
    ),
)
