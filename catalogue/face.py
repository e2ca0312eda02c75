"""What is asked of a face?"""

from collections.abc import Callable

from veridical.analysis.analysis import Analysis
from veridical.catalogue.applicant import (
    CLOSER,
    DOCUMENT,
    EYES,
    LIGHT,
    LOOK,
    STEADY,
    TURN,
    UNABLE,
    UNCOVER,
)
from veridical.catalogue.parts import Parts
from veridical.catalogue.spec import (
    CLIP,
    FACE,
    FACE_MODELS,
    FROM_CARD,
    FRONT,
    MISSING_INPUT,
    MODEL_MISSING,
    SEEING_MODELS,
    Bands,
    CheckSpec,
    Make,
    Reason,
    Text,
    Trait,
)
from veridical.face import FaceEmbedder, FaceMatchCheck, FaceQualityCheck, SamePersonCheck
from veridical.face.copy import CopyCheck
from veridical.result import Measurement

__all__ = ["SPECS"]


def _quality(check: FaceQualityCheck, analysis: Analysis) -> Measurement:
    if not analysis.views:
        return Measurement("face.quality", None, MISSING_INPUT)
    return check(analysis.face_views)


def _match(check: FaceMatchCheck, analysis: Analysis) -> Measurement:
    reference = analysis.transaction.face_reference or analysis.portrait
    if reference is None or not analysis.views:
        read = bool(analysis.sides) or analysis.chip is not None
        return Measurement("face.match", None, "portrait_no_face" if read else MISSING_INPUT)
    return check(reference, analysis.face_views)


def _copy(check: CopyCheck, analysis: Analysis) -> Measurement:
    if analysis.portrait is None or not analysis.views:
        read = analysis.front is not None
        return Measurement("face.copy", None, "portrait_no_face" if read else MISSING_INPUT)
    return check(analysis.portrait, analysis.face_views)


def _same_person(check: SamePersonCheck, analysis: Analysis) -> Measurement:
    if analysis.transaction.clip is None:
        return Measurement("face.same_person", None, MISSING_INPUT)
    return check(analysis.face_views)


def _make_quality(parts: Parts) -> FaceQualityCheck | None:
    engines = parts.engines
    return FaceQualityCheck(engines.embedder) if engines.detector else None


def _comparing(check: Callable[[FaceEmbedder], object]) -> Make:
    def make(parts: Parts) -> object:
        detector, embedder = parts.engines.detector, parts.engines.embedder
        return None if detector is None or embedder is None else check(embedder)

    return make


SPECS = (
    CheckSpec(
        name="face.quality",
        label=Text("Picture of the face", "面部画面质量"),
        question=Text(
            "Is the applicant's face captured well enough to compare?",
            "申请人面部画面质量是否足以比对？",
        ),
        needs=(FACE,),
        uses=(),
        roles=FACE_MODELS,
        lacking=MODEL_MISSING,
        measure=_quality,
        make=_make_quality,
        evidence={
            "background_uniformity": Text("Evenness of the background", "背景均匀度"),
            "centring": Text("Centring of the face", "面部居中程度"),
            "compression": Text("Compression of the picture", "图像压缩"),
            "dynamic_range": Text("Dynamic range", "动态范围"),
            "expression_neutrality": Text("Neutral expression", "表情中性"),
            "eyes_open": Text("Eyes open", "双眼睁开"),
            "eyes_visible": Text("Eyes visible", "双眼可见"),
            "faces": Text("Faces found", "检测到的人脸数"),
            "head_size": Text("Size of the head", "头部大小"),
            "illumination_uniformity": Text("Evenness of the light", "光照均匀度"),
            "inside_picture": Text("Face inside the picture", "面部在画面内"),
            "inter_eye_distance": Text("Distance between the eyes, px", "双眼间距（像素）"),
            "leftward_crop": Text("Room to the left of the face", "面部左侧留白"),
            "lower_face_visible": Text("Lower face visible", "下半脸可见"),
            "luminance_mean": Text("Brightness of the face", "面部亮度"),
            "luminance_variance": Text("Contrast of the face", "面部对比度"),
            "margin_above": Text("Room above the face", "面部上方留白"),
            "margin_below": Text("Room below the face", "面部下方留白"),
            "mouth_closed": Text("Mouth closed", "嘴巴闭合"),
            "natural_colour": Text("Natural colour", "色彩自然度"),
            "no_head_coverings": Text("Forehead uncovered", "额头无遮挡"),
            "noise": Text("Freedom from noise", "噪声"),
            "over_exposure": Text("Freedom from over-exposure", "过曝"),
            "pitch": Text("Head not tilted up or down", "头部俯仰"),
            "recognisability": Text("Recognisability", "可识别度"),
            "rightward_crop": Text("Room to the right of the face", "面部右侧留白"),
            "roll": Text("Head not tilted sideways", "头部侧倾"),
            "sharpness": Text("Sharpness of the face", "面部清晰度"),
            "single_face": Text("Only one face", "单一人脸"),
            "under_exposure": Text("Freedom from under-exposure", "欠曝"),
            "views": Text("Frames looked at", "查看的帧数"),
            "views_with_one_face": Text("Frames with one face", "仅有一张人脸的帧数"),
            "yaw": Text("Head not turned away", "头部左右偏转"),
            "*_raw": Text("As measured", "原始测量值"),
        },
        reasons=(
            Reason("no_face", LOOK, Text("No face was found.", "未检测到人脸。"), mendable=True),
            Reason(
                "multiple_faces",
                LOOK,
                Text(
                    "More than one face of similar size was found; exactly one is demanded.",
                    "检测到多张大小相近的人脸，只允许一张。",
                ),
                mendable=True,
            ),
            Reason(
                "face_too_small",
                CLOSER,
                Text("The face has too few pixels to be judged.", "人脸像素过少，无法判断。"),
                mendable=True,
            ),
            Reason(
                "face_cut_off",
                LOOK,
                Text("The picture's border cuts the face.", "人脸超出画面边缘。"),
                mendable=True,
            ),
            Reason(
                "look_straight",
                LOOK,
                Text("The head is turned away from the camera.", "头部未正对摄像头。"),
                mendable=True,
            ),
            Reason("eyes_closed", EYES, Text("An eye is closed.", "眼睛闭合。"), mendable=True),
            Reason(
                "face_covered",
                UNCOVER,
                Text("Something covers the eyes or the lower face.", "眼部或下半脸被遮挡。"),
                mendable=True,
            ),
            Reason(
                "blurred",
                STEADY,
                Text("The face is not sharp, or compressed too strongly.", "人脸模糊或压缩过度。"),
                mendable=True,
            ),
            Reason(
                "too_dark",
                LIGHT,
                Text("The face is too dark or too noisy.", "人脸过暗或噪点过多。"),
                mendable=True,
            ),
            Reason(
                "too_bright",
                LIGHT,
                Text("The face is over-exposed.", "人脸曝光过度。"),
                mendable=True,
            ),
            Reason(
                "turn_to_light",
                TURN,
                Text("One side of the face is much darker than the other.", "面部左右光照不均。"),
                mendable=True,
            ),
        ),
        shares=(),
        point=FROM_CARD,
    ),
    CheckSpec(
        name="face.match",
        label=Text("Face belongs to the document", "人证比对"),
        question=Text(
            "Is the face that of the document's portrait, or of the enrolled customer?",
            "面部是否与证件人像或已注册客户一致？",
        ),
        needs=(("enrolled_face", "document_front", "chip"), (*FACE, "recording")),
        uses=(),
        roles=FACE_MODELS,
        lacking=MODEL_MISSING,
        measure=_match,
        make=_comparing(FaceMatchCheck),
        evidence={
            "portrait_inter_eye_px": Text("Portrait: eyes apart, px", "证件人像双眼间距（像素）"),
            "portrait_inter_eye_px_needed": Text(
                "Portrait: eyes apart, px, at least", "证件人像双眼间距下限（像素）"
            ),
            "portrait_recognisability": Text("Portrait: recognisability", "证件人像可识别度"),
            "probe_inter_eye_px": Text("Applicant: eyes apart, px", "申请人双眼间距（像素）"),
            "probe_inter_eye_px_needed": Text(
                "Applicant: eyes apart, px, at least", "申请人双眼间距下限（像素）"
            ),
            "probe_recognisability": Text("Applicant: recognisability", "申请人可识别度"),
            "probe_recognisability_needed": Text(
                "Applicant: recognisability, at least", "申请人可识别度下限"
            ),
            "probe_views": Text("Frames looked at", "查看的帧数"),
            "probe_views_used": Text("Frames compared", "参与比对的帧数"),
            "probe_views_with_one_face": Text("Frames with one face", "仅有一张人脸的帧数"),
        },
        reasons=(
            Reason(
                "portrait_no_face",
                DOCUMENT,
                Text("No portrait was found on the document.", "证件上未找到人像。"),
                mendable=True,
            ),
            Reason(
                "portrait_too_small",
                DOCUMENT,
                Text(
                    "The document's portrait has too few pixels to compare.",
                    "证件人像像素过少，无法比对。",
                ),
                mendable=True,
            ),
            Reason(
                "not_mated",
                UNABLE,
                Text(
                    "The comparison score does not speak for the same person.",
                    "比对分数不支持为同一人。",
                ),
                mendable=False,
            ),
        ),
        shares=(
            "no_face",
            "multiple_faces",
            "face_too_small",
            "too_few_frames",
            "not_enrolled",
            "face_cut_off",
            "look_straight",
            "eyes_closed",
            "face_covered",
            "blurred",
            "too_dark",
            "too_bright",
            "turn_to_light",
        ),
        point=FROM_CARD,
        traits=frozenset({Trait.COMPARES_FACE}),
    ),
    CheckSpec(
        name="face.copy",
        label=Text("Two pictures, not one", "并非同一张图像"),
        question=Text(
            "Are the portrait and the applicant two different pictures?",
            "证件人像与申请人画面是否为两次拍摄？",
        ),
        needs=(FRONT, FACE),
        uses=(),
        roles=SEEING_MODELS,
        lacking=MODEL_MISSING,
        measure=_copy,
        make=lambda parts: parts.engines.detector and CopyCheck(),
        evidence={
            "agreement": Text("Agreement in detail", "细节一致程度"),
            "mirrored": Text("Mirrored", "左右镜像"),
            "views": Text("Frames looked at", "查看的帧数"),
            "views_used": Text("Frames compared", "参与比对的帧数"),
        },
        reasons=(
            Reason(
                "one_picture",
                UNABLE,
                Text(
                    "The applicant's picture is a copy of the document's portrait.",
                    "申请人画面是证件人像的翻版，而非另一次拍摄。",
                ),
                mendable=False,
            ),
            Reason(
                "portrait_unclear",
                DOCUMENT,
                Text(
                    "The portrait is too dark or too pale to be told from a copy of it.",
                    "证件人像过暗或过淡，无法与翻版区分。",
                ),
                mendable=True,
            ),
        ),
        shares=("portrait_no_face", "portrait_too_small", "no_face", "multiple_faces"),
        point=Bands(
            accept_at=0.02,
            reject_below=0.015,
            command="python research/benchmarks/bench_copy.py ../shared/data/faces",
            note="1 less the agreement of portrait and picture in detail; rates by kind of copy: docs/measurements/continuity.md",
        ),
    ),
    CheckSpec(
        name="face.same_person",
        label=Text("One person throughout", "全程为同一人"),
        question=Text("Is it one person throughout the clip?", "视频全程是否为同一人？"),
        needs=(CLIP,),
        uses=(),
        roles=FACE_MODELS,
        lacking=MODEL_MISSING,
        measure=_same_person,
        make=_comparing(SamePersonCheck),
        evidence={
            "stretch_from_ms": Text("Least alike from, ms", "差异段起点（毫秒）"),
            "stretch_to_ms": Text("Least alike to, ms", "差异段终点（毫秒）"),
            "views": Text("Frames looked at", "查看的帧数"),
            "views_used": Text("Frames compared", "参与比对的帧数"),
            "views_with_one_face": Text("Frames with one face", "仅有一张人脸的帧数"),
        },
        reasons=(
            Reason(
                "too_few_frames",
                LOOK,
                Text(
                    "Too few frames of the clip show exactly one face.",
                    "视频中仅有一张人脸的画面过少。",
                ),
                mendable=True,
            ),
            Reason(
                "person_switched",
                UNABLE,
                Text("The face changed during the clip.", "视频过程中人脸发生变化。"),
                mendable=False,
            ),
        ),
        shares=("no_face",),
        point=FROM_CARD,
    ),
)
