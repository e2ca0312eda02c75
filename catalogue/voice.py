"""What is asked of a voice? It supports a verdict and never carries one."""

from dataclasses import replace

from veridical.analysis.analysis import Analysis
from veridical.catalogue.applicant import LATER, READ, SPEAK
from veridical.catalogue.parts import Parts
from veridical.catalogue.spec import (
    CLIP,
    DIGITS_MODELS,
    FROM_CARD,
    LISTENING_MODELS,
    MISSING_INPUT,
    MODEL_MISSING,
    SOUND,
    VOICE_MODELS,
    Bands,
    CheckSpec,
    Reason,
    Text,
    Trait,
)
from veridical.result import Measurement
from veridical.voiceprint import DigitsCheck, VoiceMatchCheck
from veridical.voiceprint.replay import VoiceReplayCheck
from veridical.voiceprint.statement import StatementCheck

__all__ = ["SPECS"]

VOICE = frozenset({Trait.VOICE})
SPEECH_EVIDENCE = {
    "bandwidth_hz": Text("Bandwidth of the sound, Hz", "声音带宽（Hz）"),
    "clipped_share": Text("Share that is overdriven", "过载比例"),
    "net_speech_s": Text("Speech, s", "净语音（秒）"),
    "snr_db": Text("Speech above noise, dB", "语音信噪比（dB）"),
}
DIGITS_EVIDENCE = SPEECH_EVIDENCE | {
    "digit_times_ms": Text("When each was said, ms", "各数字读出时刻（毫秒）"),
    "heard": Text("Heard", "听到的内容"),
    "rival": Text("Next best", "次优结果"),
    "second_opinion": Text("Asked a second network", "已用第二模型复核"),
}


def _digits(check: DigitsCheck, analysis: Analysis) -> Measurement:
    speech, challenge = analysis.speech, analysis.transaction.challenge
    if challenge is None or not challenge.digits:
        return Measurement("voice.digits", None, MISSING_INPUT)
    if speech is None:
        return Measurement("voice.digits", None, "no_speech")
    return check(speech, challenge.digits, challenge.language)


def _match(check: VoiceMatchCheck, analysis: Analysis) -> Measurement:
    speech, reference = analysis.speech, analysis.transaction.voice_reference
    if reference is None:
        return Measurement("voice.match", None, "not_enrolled")
    if speech is None:
        return Measurement("voice.match", None, "no_speech")
    return check(reference, speech, analysis.language)


def _replay(check: VoiceReplayCheck, analysis: Analysis) -> Measurement:
    if analysis.speech is None:
        return Measurement("voice.replay", None, "no_speech")
    return check(analysis.speech, analysis.transaction.id, analysis.seen_sounds)


def _statement(check: StatementCheck, analysis: Analysis) -> Measurement:
    if not analysis.statement:
        return Measurement("voice.statement", None, MISSING_INPUT)
    reading = analysis.statement_reading
    if reading is None:
        return Measurement("voice.statement", None, "no_speech")
    measured = check.measured(reading, analysis.transaction.voice_reference)
    return replace(measured, elapsed_ms=analysis.timings_ms["statement"])


def _make_match(parts: Parts) -> VoiceMatchCheck | None:
    vad, voices = parts.engines.vad, parts.engines.voice
    return None if vad is None or voices is None else VoiceMatchCheck(voices)


SPECS = (
    CheckSpec(
        name="voice.digits",
        label=Text("These digits were said", "朗读数字正确"),
        question=Text("Were the prompted digits spoken?", "是否读出所示数字？"),
        # A voice alone is heard as well; a policy asks for the clip, in which lips can be seen.
        needs=(CLIP,),
        uses=("voice",),
        roles=DIGITS_MODELS,
        lacking=MODEL_MISSING,
        measure=_digits,
        make=lambda parts: parts.engines.vad and parts.engines.digits,
        evidence=DIGITS_EVIDENCE,
        reasons=(
            Reason(
                "no_speech", SPEAK, Text("No speech was found.", "未检测到语音。"), mendable=True
            ),
            Reason(
                "too_short",
                SPEAK,
                Text("There is too little speech to be judged.", "语音过短，无法判断。"),
                mendable=True,
            ),
            Reason(
                "wrong_digits",
                SPEAK,
                Text(
                    "The digits that were spoken are not those that were asked for.",
                    "读出的数字与要求不符。",
                ),
                mendable=True,
            ),
        ),
        shares=("clipped", "too_noisy", "two_voices"),
        point=FROM_CARD,
        traits=VOICE | {Trait.WITNESS},
        prompt="digits",
    ),
    CheckSpec(
        name="voice.match",
        label=Text("Voice belongs to the customer", "声纹比对"),
        question=Text("Is the voice that of the enrolled customer?", "声音是否属于已注册客户？"),
        needs=(SOUND, ("enrolled_voice",)),
        uses=(),
        roles=VOICE_MODELS,
        lacking=MODEL_MISSING,
        measure=_match,
        make=_make_match,
        evidence=SPEECH_EVIDENCE
        | {
            "consistency": Text("One voice throughout", "全程声音一致性"),
            "cosine": Text("Cosine of the voices", "声纹余弦相似度"),
            "enrolled_language": Text("Enrolled language", "注册语种"),
            "language": Text("Language", "语种"),
            "narrow_band": Text("Sound of a telephone line", "窄带（电话）声音"),
        },
        reasons=(
            Reason(
                "clipped",
                SPEAK,
                Text("The recording is overdriven.", "录音过载失真。"),
                mendable=True,
            ),
            Reason(
                "two_voices",
                SPEAK,
                Text("More than one voice seems to speak.", "似乎有多人说话。"),
                mendable=True,
            ),
            Reason(
                "other_language",
                LATER,
                Text(
                    "The voice was enrolled in another language than the one spoken now.",
                    "声纹注册语种与本次所说语种不同。",
                ),
                mendable=False,
            ),
            Reason(
                "not_enrolled",
                LATER,
                Text(
                    "The customer has no enrolled template to compare with.",
                    "该客户没有可比对的注册模板。",
                ),
                mendable=False,
            ),
        ),
        shares=("no_speech", "too_short", "too_noisy", "not_mated"),
        point=FROM_CARD,
        traits=VOICE,
    ),
    CheckSpec(
        name="voice.replay",
        label=Text("Voice is not a playback", "声音非录音回放"),
        question=Text("Was the sound not handed in before?", "该声音此前是否未曾提交？"),
        needs=(SOUND,),
        uses=(),
        roles=("speech",),
        lacking=MODEL_MISSING,
        measure=_replay,
        make=lambda parts: parts.engines.vad and VoiceReplayCheck(),
        evidence={
            "bandwidth_hz": SPEECH_EVIDENCE["bandwidth_hz"],
            "bass_db": Text("Bass against speech, dB", "低频相对强度（dB）"),
            "decay_s": Text("Decay of the sound, s", "声音衰减（秒）"),
            "replayed_share": Text("Share of an earlier recording", "与以往录音重合比例"),
            "source_rate_hz": Text("Sampling rate, Hz", "采样率（Hz）"),
        },
        reasons=(
            Reason(
                "replayed_sound",
                SPEAK,
                Text(
                    "Much of the sound is that of an earlier transaction.",
                    "声音与此前交易的录音大量重合。",
                ),
                mendable=True,
            ),
            Reason(
                "no_index",
                LATER,
                Text(
                    "This installation keeps no fingerprints of earlier recordings.",
                    "本系统未保存以往录音的指纹。",
                ),
                mendable=False,
            ),
        ),
        shares=("no_speech",),
        point=Bands(
            accept_at=0.75,
            reject_below=0.0,
            command="python research/benchmarks/bench_voice_replay.py ../shared/data/voice/speech.csv",
            note="provisional: a quarter of the landmarks of one earlier recording go to review, nobody is rejected for it; other recordings of the same speaker shared none",
        ),
        traits=VOICE,
    ),
    CheckSpec(
        name="voice.statement",
        label=Text("Statement read word for word", "逐字朗读声明"),
        question=Text("Was the statement read as it is written?", "声明是否逐字朗读？"),
        needs=(SOUND,),
        uses=(),
        roles=LISTENING_MODELS,
        lacking=MODEL_MISSING,
        measure=_statement,
        make=lambda parts: parts.engines.vad and parts.engines.statement,
        evidence={
            "altered": Text("Words altered", "改动的词"),
            "at_s": Text("Where, s", "位置（秒）"),
            "coverage": Text("Share that was read", "已朗读比例"),
            "expected_units": Text("Words of the text", "文本词数"),
            "inserted": Text("Words added", "添加的词"),
            "missing": Text("Words left out", "遗漏的词"),
            "net_speech_s": SPEECH_EVIDENCE["net_speech_s"],
            "raw_error_rate": Text("Error rate of the recogniser", "识别错误率"),
            "recogniser": Text("Trouble of the recogniser", "识别器异常"),
            "voice_against": Text("Voice compared with", "声音比对对象"),
            "voice_lowest": Text("Voice: least alike stretch", "声音最低相似度"),
            "voice_mean": Text("Voice: mean likeness", "声音平均相似度"),
            "voice_stretches": Text("Voice: stretches compared", "声音比对段数"),
        },
        reasons=(
            Reason(
                "statement_altered",
                READ,
                Text("The statement was not read as it is written.", "所读声明与文本不符。"),
                mendable=True,
            ),
        ),
        shares=("no_speech",),
        point=Bands(
            accept_at=1.0,
            reject_below=0.5,
            command="python research/benchmarks/bench_statement.py grid ../shared/data/lips/index.csv --most 3",
            note="provisional: every clear difference goes to a person, for one word may turn a statement round; a reading of half another text fails",
        ),
        traits=VOICE,
        prompt="statement",
    ),
)
