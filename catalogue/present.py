"""What is asked of a clip as a whole: was all this done live, here and now?"""

from veridical.catalogue.applicant import AGAIN, UNABLE
from veridical.catalogue.spec import (
    CLIP,
    MODEL_MISSING,
    Bands,
    CheckSpec,
    Reason,
    Text,
    Trait,
)

__all__ = ["SPECS"]

SPECS = (
    CheckSpec(
        name="capture.present",
        label=Text("Answered live, here and now", "此刻在场作答"),
        question=Text(
            "Do all that witness it together say that this was answered live, here and now?",
            "各项见证合起来，是否表明作答者此刻就在现场？",
        ),
        needs=(CLIP,),
        uses=(),
        roles=(),
        lacking=MODEL_MISSING,
        measure=None,
        make=None,
        evidence={
            "against_*": Text("Sum against", "针对该攻击的总和"),
            "moment": Text("Bound to its moment", "与当下的绑定"),
            "weakest": Text("Attack refuted least", "排除最弱的攻击"),
            "witness_content": Text("Digits or words", "朗读内容"),
            "witness_schedule": Text("When each was said", "朗读时间"),
            "witness_lips": Text("Lips with the sound", "唇动与声音"),
            "witness_light": Text("Light of the screen", "屏幕光"),
            "witness_movement": Text("Turns of the head", "头部转动"),
            "witness_continuity": Text("One unbroken take", "一次连续拍摄"),
        },
        reasons=(
            Reason(
                "revealed_at_once",
                UNABLE,
                Text(
                    "Everything that was asked was told before the recording was sent: whoever "
                    "knew it could have made the clip to fit.",
                    "全部要求在录像送达之前已告知，知情者可据此制作视频。",
                ),
                mendable=False,
            ),
            Reason(
                "too_few_witnesses",
                AGAIN,
                Text(
                    "Too little of the recording could be assessed to say that it is live.",
                    "可判断的内容过少，无法确认为实时录制。",
                ),
                mendable=True,
            ),
        ),
        shares=(
            "low_score",
            "wrong_digits",
            "lips_still",
            "off_schedule",
            "lips_sound_apart",
            "turned_otherwise",
            "picture_jumps",
            "light_too_weak",
            "slices_late",
        ),
        point=Bands(
            accept_at=4.6,
            reject_below=-5.7,
            command="python -m pytest tests/test_verification_present.py",
            note="natural log-likelihood ratio against the attack refuted least: 4.6 is ln 100, -5.7 is -ln(6 / 0.02); policy/present.toml",
        ),
        traits=frozenset({Trait.TESTS_LIVENESS, Trait.SUM}),
    ),
)
