"""Are ordinary statements and answers understood? Spoken by machines, for want of people.

    python research/benchmarks/bench_recording_words.py en
    python research/benchmarks/bench_recording_words.py zh

flite and espeak-ng (Debian packages; neither is part of veridical) read the statements of the
shipped script as they are written, then with one word changed, and give answers that agree, refuse
or do neither. No face, no lips: this measures words alone, on the clean voices of machines, which
are no sample of people. Prints one JSON line a trial and one a kind, with 95 % intervals.
"""

import argparse
import json
import random
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from veridical.calibration.intervals import clopper_pearson
from veridical.consent_recording import load_recording_verifier, load_script
from veridical.consent_recording.script import Question, Script, Segment, Statement
from veridical.consent_recording.settings import recording_settings
from veridical.consent_recording.sound import RecordingSpeech, answers, hear, statements
from veridical.consent_recording.times import Span
from veridical.consent_recording.verifier import RecordingVerifier
from veridical.media import read_audio
from veridical.models import Session
from veridical.voiceprint.wording import units

VOICES = {
    "en": ["flite:slt", "flite:rms", "flite:awb", "flite:kal16", "espeak:en-us", "espeak:en-gb"],
    "zh": [f"espeak:cmn-latn-pinyin{variant}" for variant in ("", "+f2", "+m3")],
}
SAID = {
    "en": {
        "agree": ["Yes, I agree.", "I agree.", "Yes, I do."],
        "refuse": ["No, I do not agree.", "I don't agree.", "No."],
        "unclear": ["What does that mean?", "Maybe tomorrow.", "Can you say that again?"],
    },
    "zh": {
        "agree": ["我同意。", "同意。", "是的，我同意。"],
        "refuse": ["我不同意。", "不同意。", "我拒绝。"],
        "unclear": ["这是什么意思？", "我再想一想。", "请再说一遍。"],
    },
}
CHANGED = {
    "en": {"may": "cannot", "lose": "keep", "fall": "grow", "nobody": "somebody", "free": "firm"},
    "zh": {"没有": "只有", "可能": "不会", "愿意": "拒绝", "自愿": "被迫", "亏损": "盈利"},
}


def speak(text: str, voice: str, folder: Path) -> Path:
    """One text in one voice, as a sound file."""
    engine, _, name = voice.partition(":")
    path = folder / "said.wav"
    command = ["flite", "-voice", name, "-t", text, "-o", str(path)]
    if engine == "espeak":
        command = ["espeak-ng", "-v", name, "-s", "140", "-w", str(path), text]
    subprocess.run(command, check=True)
    return path


def heard(
    verifier: RecordingVerifier, path: Path, segment: Segment, script: Script, vad: Session
) -> RecordingSpeech:
    """One segment's sound."""
    samples = read_audio(path).samples
    span = Span(0.0, len(samples) / 16_000)
    engines = verifier._engines
    return hear(samples, segment, span, span, script, engines, vad, recording_settings())


def main() -> None:
    """Print one JSON line a trial and one a kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("language", choices=sorted(VOICES))
    language = parser.parse_args().language
    script, verifier = load_script(f"consent-{language}"), load_recording_verifier()
    engines, settings = verifier._engines, recording_settings()
    assert engines.vad is not None
    (question,) = [s for s in script.segments if isinstance(s, Question)]
    read = [s for s in script.segments if isinstance(s, Statement)]
    counts: Counter[tuple[str, bool]] = Counter()
    errors = total = 0
    replies: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for voice in VOICES[language]:
            rng = random.Random(voice)  # noqa: S311
            for segment in read:
                known = [word for word in CHANGED[language] if word in segment.text]
                old = rng.choice(known)
                changed = segment.text.replace(old, CHANGED[language][old], 1)
                for kind, text in (("as written", segment.text), ("word changed", changed)):
                    one = heard(verifier, speak(text, voice, folder), segment, script, engines.vad)
                    found = statements([one], engines, settings).measurement
                    counts[kind, found.score == 1.0] += 1
                    if kind == "as written" and one.reading is not None:
                        errors += round(one.reading.raw_error_rate * one.reading.expected_units)
                        total += len(units(segment.text))
                    print(
                        json.dumps(
                            {
                                "voice": voice,
                                "kind": kind,
                                "score": found.score,
                                "heard": one.reading.heard if one.reading else "",
                            },
                            ensure_ascii=False,
                        ),
                        flush=True,
                    )
            for meant, phrases in SAID[language].items():
                for phrase in phrases:
                    path = speak(phrase, voice, folder)
                    one = heard(verifier, path, question, script, engines.vad)
                    measured = answers([one], engines).measurement
                    reply = str(one.answer.reply) if one.answer else "missing"
                    replies[meant, reply] += 1
                    line = {"voice": voice, "said": phrase, "reply": reply}
                    line["heard"] = one.answer.heard if one.answer else ""
                    print(json.dumps({**line, "score": measured.score}, ensure_ascii=False))
    for kind in ("as written", "word changed"):
        passed, n = counts[kind, True], counts[kind, True] + counts[kind, False]
        print(
            json.dumps({"kind": kind, "n": n, "passed": passed, "ci95": clopper_pearson(passed, n)})
        )
    # Insertions count as well: there may be more errors than words.
    print(json.dumps({"raw_errors": errors, "of": total}))
    for meant in SAID[language]:
        own = {reply: count for (m, reply), count in replies.items() if m == meant}
        print(json.dumps({"meant": meant, "replies": own}))


if __name__ == "__main__":
    main()
