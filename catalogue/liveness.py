"""What is asked of the moment of capture: a live person, a real camera, these words?"""

from veridical.analysis.analysis import Analysis
from veridical.catalogue.applicant import (
    FARTHER,
    IN_ONE_GO,
    LIGHT,
    RECAPTURE,
    SPEAK,
    STEADY,
    UNABLE,
    UNCOVER,
)
from veridical.catalogue.parts import Parts
from veridical.catalogue.spec import (
    CLIP,
    FACE,
    FACE_MODELS,
    FROM_CARD,
    LIPS_MODELS,
    MISSING_INPUT,
    MODEL_MISSING,
    SEEING_MODELS,
    Bands,
    CheckSpec,
    Reason,
    Text,
    Trait,
)
from veridical.liveness import InjectionCheck, InjectionSettings, SilentCheck
from veridical.liveness.continuity import ContinuityCheck, ContinuitySettings
from veridical.liveness.lips import LipsCheck
from veridical.result import Measurement

__all__ = ["SPECS"]


def _silent(check: SilentCheck, analysis: Analysis) -> Measurement:
    if not analysis.views:
        return Measurement("liveness.silent", None, MISSING_INPUT)
    return check(analysis.views, analysis.transaction.clip)


def _lips(check: LipsCheck, analysis: Analysis) -> Measurement:
    mouth = analysis.mouth
    if mouth is None:
        return Measurement("liveness.lips", None, MISSING_INPUT)
    return check(mouth, analysis.heard, analysis.transaction.challenge)


def _continuity(check: ContinuityCheck, analysis: Analysis) -> Measurement:
    clip, followed = analysis.transaction.clip, analysis.followed
    if clip is None or followed is None:
        return Measurement("capture.continuity", None, MISSING_INPUT)
    return check(clip, followed)


def _injection(check: InjectionCheck, analysis: Analysis) -> Measurement:
    clip = analysis.transaction.clip
    if clip is None:
        return Measurement("liveness.injection", None, MISSING_INPUT)
    return check(clip, analysis.capture, analysis.transaction.id, analysis.seen_clips)


def _make_lips(parts: Parts) -> LipsCheck | None:
    return parts.engines.lips if parts.follows_faces and parts.engines.vad else None


def _make_continuity(parts: Parts) -> ContinuityCheck | None:
    if not parts.follows_faces:
        return None
    settings, faces = ContinuitySettings.read(), parts.engines.embedder
    if faces is None:
        return ContinuityCheck(settings)
    return ContinuityCheck(settings, faces.frame_vectors, (faces.model,))


SPECS = (
    CheckSpec(
        name="liveness.silent",
        label=Text("A live face", "静默活体"),
        question=Text(
            "Is a live person before the camera, judged passively?",
            "被动判断：镜头前是否为真人？",
        ),
        needs=(FACE,),
        uses=("clip",),
        roles=(*SEEING_MODELS, "silent"),
        lacking=MODEL_MISSING,
        measure=_silent,
        make=lambda parts: parts.engines.detector and parts.engines.silent,
        evidence={
            "assurance": Text("How far it could be judged", "判断完整程度"),
            "cue_*": Text("Sign", "迹象"),
            "ensemble": Text("Networks", "所用模型"),
            "frame_median": Text("Median of the frames", "各帧中位数"),
            "in_view": Text("Share of the face's surroundings in view", "周围背景可见比例"),
            "low_share": Text("Share of frames with a low score", "低分帧比例"),
            "median_*": Text("Median of one network", "单个模型的中位数"),
            "views": Text("Frames looked at", "查看的帧数"),
            "views_*": Text("Frames left out", "未采用的帧数"),
        },
        reasons=(
            Reason(
                "face_too_close",
                FARTHER,
                Text(
                    "The face fills the picture; its surroundings are needed.",
                    "人脸占满画面，需要周围背景。",
                ),
                mendable=True,
            ),
            Reason(
                "too_blurred",
                STEADY,
                Text(
                    "The picture is too blurred to judge whether it was re-captured.",
                    "图像过于模糊，无法判断是否翻拍。",
                ),
                mendable=True,
            ),
            Reason(
                "too_noisy",
                LIGHT,
                Text(
                    "The picture or the recording is too noisy to be judged.",
                    "图像或录音噪声过大，无法判断。",
                ),
                mendable=True,
            ),
            Reason(
                "grey_picture",
                RECAPTURE,
                Text(
                    "The picture has no colour; the networks were trained on colour.",
                    "图像无色彩，而模型基于彩色图像训练。",
                ),
                mendable=True,
            ),
            Reason(
                "presentation_attack",
                UNABLE,
                Text(
                    "The networks find signs of a print, a screen or a mask.",
                    "模型发现打印、屏幕翻拍或面具的迹象。",
                ),
                mendable=False,
            ),
            Reason(
                "screen_pattern",
                UNABLE,
                Text(
                    "The spectrum shows the pattern of a screen filmed by a camera.",
                    "频谱中出现屏幕翻拍的摩尔纹。",
                ),
                mendable=False,
            ),
            Reason(
                "flat_motion",
                UNABLE,
                Text("The face moves like a flat photograph.", "面部运动方式如同平面照片。"),
                mendable=False,
            ),
            Reason(
                "one_plane",
                UNABLE,
                Text(
                    "Face and background move as one plane, as on a picture that is held by hand.",
                    "人脸与背景作为同一平面运动，如同手持图片。",
                ),
                mendable=False,
            ),
        ),
        shares=(
            "no_face",
            "multiple_faces",
            "face_too_small",
            "look_straight",
            "too_dark",
            "too_bright",
            "frozen_frames",
            "looped_frames",
            "not_a_number",
        ),
        point=FROM_CARD,
        traits=frozenset({Trait.TESTS_LIVENESS}),
    ),
    CheckSpec(
        name="liveness.lips",
        label=Text("Lips speak these digits", "唇语与数字一致"),
        question=Text(
            "Did these lips speak the prompt, on its schedule?",
            "是否由这双嘴唇按时读出所示内容？",
        ),
        needs=(CLIP,),
        uses=(),
        roles=LIPS_MODELS,
        lacking=MODEL_MISSING,
        measure=_lips,
        make=_make_lips,
        evidence={
            "activity": Text("Lips move while there is sound", "有声时嘴唇活动"),
            "content": Text("Digits in the sound", "声音中的数字"),
            "correlation": Text("Lips and sound together", "唇动与声音相关"),
            "delay_ms": Text("Spoken after shown, ms", "显示到读出的延迟（毫秒）"),
            "fps": Text("Frames a second", "每秒帧数"),
            "inter_eye_px": Text("Distance between the eyes, px", "双眼间距（像素）"),
            "lag_ms": Text("Sound behind lips, ms", "声音滞后（毫秒）"),
            "*_llr": Text("Log-likelihood ratio", "对数似然比"),
            "motion": Text("Movement of the lips", "唇部运动"),
            "mouth_seen": Text("Share of frames with the mouth", "可见嘴部的帧比例"),
            "net_speech_s": Text("Speech, s", "净语音（秒）"),
            "seconds": Text("Length, s", "时长（秒）"),
            "similarity": Text("Likeness of lips and sound", "唇动与声音相似度"),
            "text_z": Text("Words read from the lips", "唇读得分"),
        },
        reasons=(
            Reason(
                "lips_sound_apart",
                UNABLE,
                Text("The lips do not make this sound.", "唇动与声音不符。"),
                mendable=False,
            ),
            Reason(
                "off_schedule",
                UNABLE,
                Text(
                    "The digits were not spoken when they were shown.",
                    "朗读时间与数字显示时间不符。",
                ),
                mendable=False,
            ),
            Reason(
                "lips_other_words",
                UNABLE,
                Text(
                    "The lips seem to say something else than the prompt.",
                    "唇形与要求朗读的内容不符。",
                ),
                mendable=False,
            ),
            Reason(
                "lips_still",
                UNABLE,
                Text("There is speech, but the lips do not move.", "有语音，但嘴唇未动。"),
                mendable=False,
            ),
            Reason(
                "frame_rate_low",
                RECAPTURE,
                Text(
                    "The clip has too few frames a second: lips want 14.5, colours 7.5, turns 6.",
                    "视频帧率过低：唇动需每秒14.5帧，屏幕光需7.5帧，转头需6帧。",
                ),
                mendable=True,
            ),
            Reason(
                "frames_missing",
                STEADY,
                Text(
                    "The clip has a gap in which the mouth is not seen.", "视频中有一段未拍到嘴部。"
                ),
                mendable=True,
            ),
            Reason(
                "mouth_hidden",
                UNCOVER,
                Text("The mouth is hidden or out of the picture.", "嘴部被遮挡或不在画面内。"),
                mendable=True,
            ),
            Reason(
                "no_sound",
                SPEAK,
                Text(
                    "The clip has no sound; lips alone decide nothing.",
                    "视频没有声音，仅凭唇动无法判断。",
                ),
                mendable=True,
            ),
            Reason(
                "too_little_speech",
                SPEAK,
                Text(
                    "There is too little speech to compare lips and sound.",
                    "语音过少，无法比对唇动与声音。",
                ),
                mendable=True,
            ),
        ),
        shares=("face_too_small", "too_short", "not_a_number"),
        point=FROM_CARD,
        traits=frozenset({Trait.TESTS_LIVENESS, Trait.WITNESS}),
        prompt="digits",
    ),
    CheckSpec(
        name="capture.continuity",
        label=Text("One unbroken take", "一次连续拍摄"),
        question=Text(
            "Is the clip one unbroken take of one person?",
            "视频是否为同一人的一次连续拍摄？",
        ),
        needs=(CLIP,),
        uses=(),
        roles=FACE_MODELS,
        lacking=MODEL_MISSING,
        measure=_continuity,
        make=_make_continuity,
        evidence={
            "at_ms": Text("Largest step at, ms", "最大突变时刻（毫秒）"),
            "frames": Text("Frames", "帧数"),
            "frames_with_face": Text("Frames with the face", "有人脸的帧数"),
            "gaps": Text("Gaps", "中断次数"),
            "sign_*": Text("Sign", "迹象"),
        },
        reasons=(
            Reason(
                "picture_jumps",
                IN_ONE_GO,
                Text(
                    "The picture jumps between two frames, as where takes were joined.",
                    "画面在相邻两帧之间突变，如同两段录像拼接处。",
                ),
                mendable=True,
            ),
            Reason(
                "head_jumps",
                IN_ONE_GO,
                Text(
                    "The head jumps between two frames, as where takes were joined.",
                    "头部位置在相邻两帧之间突变，如同两段录像拼接处。",
                ),
                mendable=True,
            ),
            Reason(
                "odd_frame",
                IN_ONE_GO,
                Text(
                    "A frame does not lie between its neighbours, as one that was put in.",
                    "某一帧与前后画面不连续，如同被插入。",
                ),
                mendable=True,
            ),
            Reason(
                "jumps_over_gaps",
                IN_ONE_GO,
                Text(
                    "The picture jumps over more gaps than a busy device leaves.",
                    "录像中断处的画面突变次数超出设备繁忙所能解释。",
                ),
                mendable=True,
            ),
            Reason(
                "person_changes",
                UNABLE,
                Text(
                    "The faces before and after a jump in the clip are not alike.",
                    "视频突变前后的人脸不相似。",
                ),
                mendable=False,
            ),
        ),
        shares=("too_few_frames",),
        point=Bands(
            accept_at=0.5,
            reject_below=0.0,
            command="python research/benchmarks/bench_continuity.py ../shared/data/grid_s1",
            note="the middle between the limits of each sign; optional in every shipped policy, so that it leads to review and never refuses: docs/measurements/continuity.md",
        ),
        traits=frozenset({Trait.WITNESS}),
    ),
    CheckSpec(
        name="liveness.injection",
        label=Text("Recorded by a real camera", "真实摄像头拍摄"),
        question=Text(
            "Did the media come from a camera, now?",
            "媒体是否为摄像头此刻拍摄？",
        ),
        needs=(CLIP,),
        uses=(),
        roles=(),
        lacking=MODEL_MISSING,
        measure=_injection,
        make=lambda parts: InjectionCheck(InjectionSettings.read(), parts.attestor),
        evidence={
            "assessment": Text("How far it could be judged", "判断完整程度"),
            "attestation": Text("Platform's attestation", "平台证明"),
            "frames": Text("Frames", "帧数"),
            "replay_search": Text("Earlier clips were searched", "已检索以往视频"),
            "sign_*": Text("Sign", "迹象"),
        },
        reasons=(
            Reason(
                "frozen_frames",
                UNABLE,
                Text("The picture stands still while time goes on.", "时间推移而画面静止。"),
                mendable=False,
            ),
            Reason(
                "looped_frames",
                UNABLE,
                Text("A stretch of the clip is shown twice.", "视频中某一段被重复播放。"),
                mendable=False,
            ),
            Reason(
                "replayed_clip",
                UNABLE,
                Text(
                    "The clip shares frames with an earlier transaction.",
                    "视频与此前交易的画面重复。",
                ),
                mendable=False,
            ),
            Reason(
                "impossible_time",
                UNABLE,
                Text(
                    "Frames follow each other faster than a camera can deliver them.",
                    "帧间隔短于摄像头可能的速度。",
                ),
                mendable=False,
            ),
            Reason(
                "constant_time",
                UNABLE,
                Text(
                    "The time stamps have a machine's cadence where a live stream never does.",
                    "时间戳呈机器般的固定节奏，不似实时视频流。",
                ),
                mendable=False,
            ),
            Reason(
                "longer_than_session",
                UNABLE,
                Text(
                    "The clip is longer than the time in which it could have been recorded.",
                    "视频时长超过可能的录制时间。",
                ),
                mendable=False,
            ),
            Reason(
                "other_size",
                UNABLE,
                Text(
                    "The frames have another shape than the camera was said to have.",
                    "画面尺寸与声明的摄像头不符。",
                ),
                mendable=False,
            ),
            Reason(
                "other_rate",
                UNABLE,
                Text(
                    "More frames a second came than the camera was said to deliver.",
                    "每秒帧数高于声明的摄像头帧率。",
                ),
                mendable=False,
            ),
            Reason(
                "other_type",
                UNABLE,
                Text(
                    "The file is of another kind than the recorder was said to write.",
                    "文件格式与声明的录制格式不符。",
                ),
                mendable=False,
            ),
            Reason(
                "other_nonce",
                UNABLE,
                Text(
                    "The capture answers another request than this one.",
                    "所提交内容对应的不是本次请求。",
                ),
                mendable=False,
            ),
            Reason(
                "virtual_camera",
                UNABLE,
                Text(
                    "The camera's label is that of a software camera.", "摄像头名称属于虚拟摄像头。"
                ),
                mendable=False,
            ),
            Reason(
                "bad_attestation",
                UNABLE,
                Text(
                    "The platform's attestation was checked and does not hold.",
                    "平台证明校验未通过。",
                ),
                mendable=False,
            ),
        ),
        shares=(),
        point=Bands(
            accept_at=0.6,
            reject_below=0.4,
            command="python -m pytest tests/test_liveness_injection.py",
            note="bands of the check itself: 1 no sign, 0.5 a weak sign (software camera, machine cadence, other size), 0 an impossibility or a replay",
        ),
    ),
)
