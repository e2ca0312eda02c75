"""Which transactions are composed, of whom, and how each must end: the rows of a manifest."""

import csv
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from veridical.errors import InputError
from veridical.face.track import FaceTracker
from veridical.liveness.challenge import PACES, draw_challenge, with_colours
from veridical.liveness.light import draw_colours
from veridical.media import read_audio, read_clip, read_image
from veridical.rehearsal.compose import captures
from veridical.rehearsal.compose.people import (
    PORTRAIT_FORMS,
    RENDERED,
    CardMaker,
    Form,
)
from veridical.rehearsal.compose.words import Sentence, Sentences, answer_times_ms, joined
from veridical.rehearsal.recording import write_clip, write_image
from veridical.rehearsal.simulate import Attack, simulate
from veridical.types import Arrival, Audio, Challenge, Clip, Colours, Image

__all__ = ["Composer", "compose"]

NEW, KNOWN = ("spoken", "onboarding"), ("reverify", "recheck", "withdrawal")
"""Policies of a clip: with a document, and of a customer who is enrolled."""
FACTS = {"amount": 200, "days_overdue": 0}
IDENTITY = ("document.read", "document.specimen", "face.match", "face.copy")
"""Checks without which clips are judged of whose people no other session is there."""
JOINS = ("capture.continuity",)
"""Without which joined words are judged where they stand for a genuine reader."""
SITTING = ("face.copy",)
"""Without which a reader is judged whose portrait was taken in the same sitting: two pictures taken
seconds apart are too alike to tell from copies (docs/continuity.md)."""
SHORTEST_S, LONGEST_S = 6.0, 9.0
SENTENCE_MS = 3000.0
RECORDED_PX = 640
"""Longer side of a clip in the wild: what a browser records by default."""

Values = dict[str, object]


@dataclass(frozen=True, slots=True)
class Film:
    """A clip of the index of lips: somebody in the wild, or a generated head."""

    file: Path
    speaker: str

    def load(self) -> Clip:
        """Its first seconds."""
        clip = read_clip(self.file, max_side_px=RECORDED_PX)
        times = clip.times_ms - clip.times_ms[0]
        kept = int(np.searchsorted(times, LONGEST_S * 1000, side="right"))
        sound = clip.audio
        if sound is not None:
            sound = Audio(sound.samples[: int(LONGEST_S * sound.rate_hz)], sound.rate_hz)
        return Clip(clip.frames[:kept], times[:kept], sound)


@dataclass(slots=True)
class Composer:
    """Composes rows and their media; what is there already is not made again.

    Attributes:
        data: Folder with `grid_s1`, `lips`, `faces` and `voice`.
        out: Where media go.
        seed: Decides every choice.
        tracker: Follows faces, to light them.
        cards: Draws cards.
    """

    data: Path
    out: Path
    seed: int
    tracker: FaceTracker
    cards: CardMaker
    sentences: Sentences = field(init=False)
    people: dict[str, list[Path]] = field(init=False)
    wild: list[Film] = field(init=False)
    heads: list[Film] = field(init=False)

    def __post_init__(self) -> None:
        self.sentences = Sentences(self.data / "grid_s1" / "index.csv")
        self.people = _people(self.data / "faces" / "colour.csv")
        self.wild = _films(self.data / "lips" / "index.csv", "bona_fide")
        self.heads = _films(self.data / "lips" / "index.csv", "generated")

    # --- genuine -------------------------------------------------------------------------------

    def genuine_digits(self, number: int) -> Iterator[Values]:
        """Joined digits, lit; judged without the look for joints, of which they are full."""
        for attempt in (1, 2):
            chance = self._chance("digits", number, attempt)
            asked = _asked(chance)
            clip = self._genuine_clip(number, attempt)
            yield self._row("genuine_digits", number, "digits of joined words", {
                **self._reader(number), **_answer(asked), "clip": clip, "attempt": attempt,
                "waived": [*SITTING, *JOINS],
            })  # fmt: skip

    def genuine_phrase(self, number: int) -> Iterator[Values]:
        """An uncut sentence of three seconds, lit; nobody draws such phrases in production."""
        for attempt in (1, 2):
            chance = self._chance("phrase", number, attempt)
            take = chance.choice(self.sentences.takes)
            starts = tuple(start for _, start, _ in take.words)
            delays = [
                said - start
                for said, start in zip(answer_times_ms(starts, chance), starts, strict=True)
            ]
            shown = sorted(
                max(0.0, round(start - delay, 1))
                for start, delay in zip(starts, delays, strict=True)
            )
            colours = draw_colours(SENTENCE_MS, chance)
            asked = Challenge("", "en", tuple(shown), take.text, colours)
            clip = self._clip(
                f"phrase_{number:03}_{attempt}",
                partial(self._lit_take, take, colours, chance),
            )
            yield self._row("genuine_phrase", number, "uncut sentences of 3 s", {
                **self._reader(number), **_answer(asked), "clip": clip, "attempt": attempt,
            })  # fmt: skip

    def genuine_wild(self, number: int) -> Iterator[Values]:
        """Somebody in the wild, lit, of whom no other session is there."""
        if number >= len(self.wild):
            return
        film = self.wild[number]
        chance = self._chance("wild", number)
        plain = film.load()
        asked = _colours_alone(plain, chance)
        clip = self._clip(
            f"wild_{number:03}",
            lambda: captures.lit(plain, _colours(asked), self.tracker, chance),
        )
        yield self._row("genuine_wild", number, "in the wild", {
            "policy": [*NEW], **_answer(asked), "clip": clip, "waived": [*IDENTITY],
            "person": film.speaker,
        })  # fmt: skip

    def genuine_selfie(self, number: int) -> Iterator[Values]:
        """A card with one photograph, another photograph as the selfie."""
        name, files = self._person(number)
        chance = self._chance("selfie", number)
        portrait, *selfies = chance.sample(files, 3)
        for attempt, selfie in enumerate(selfies, 1):
            yield self._row("genuine_selfie", number, "two photographs", {
                "policy": ["selfie"], "document_front": self._card(f"face_{number:03}", portrait),
                "selfie": str(selfie.resolve()), "attempt": attempt, "person": name,
            })  # fmt: skip

    # --- attacks on the clip -------------------------------------------------------------------

    def splices(self, number: int) -> Iterator[Values]:
        """The right digits on the drawn schedule, joined of other sentences; nobody lit them."""
        chance = self._chance("splice", number)
        asked = _asked(chance)
        own = self._clip(f"splice_{number:03}", lambda: self._joined(asked, chance))
        yield self._attack(
            "splice_own_words", number, {**self._reader(number), **_answer(asked), "clip": own}
        )
        voices = self._voice(number)
        other = self._clip(f"splice_voice_{number:03}", lambda: self._joined(asked, chance, voices))
        yield self._attack(
            "splice_other_voice", number, {**self._reader(number), **_answer(asked), "clip": other}
        )
        tinted = self._clip(
            f"tinted_{number:03}",
            lambda: captures.tinted(self._joined(asked, chance), _colours(asked), chance),
        )
        yield self._attack(
            "tinted_in_time", number, {**self._reader(number), **_answer(asked), "clip": tinted}
        )

    def interleaves(self, number: int) -> Iterator[Values]:
        """Frames of the victim, whose card it is, in somebody else's answer."""
        name, files = self._person(number)
        chance = self._chance("interleave", number)
        asked = _asked(chance)
        first, second = chance.sample(range(len(files)), 2)
        victim = read_image(files[second])
        card = self._card(f"victim_{number:03}", files[first])
        ways: Mapping[str, Callable[[int], NDArray[np.intp]]] = {
            "interleave_known": captures.known_places,
            "interleave_random": lambda count: captures.random_places(count, chance),
            "interleave_random_48": lambda count: captures.random_places(count, chance, 48),
        }
        for kind, places in ways.items():

            def make(places: Callable[[int], NDArray[np.intp]] = places) -> Clip:
                clip = self._joined(asked, self._chance("interleave", number, 1))
                return captures.put_in(clip, victim, places(len(clip.frames)), self.tracker)

            yield self._attack(kind, number, {
                "policy": [*NEW], "document_front": card, "person": name, **_answer(asked),
                "clip": self._clip(f"{kind}_{number:03}", make),
            })  # fmt: skip

    def old_answers(self, number: int) -> Iterator[Values]:
        """A genuine, lit answer to another challenge: to other digits, and to the right ones."""
        clip = self._genuine_clip(number, 1)
        then = _asked(self._chance("digits", number, 1))
        chance = self._chance("old", number)
        now = _asked(chance)
        same = with_colours(replace(_asked(chance), digits=then.digits, colours=None), chance)
        for kind, asked in (("old_clip", now), ("other_schedule", same)):
            yield self._attack(kind, number, {
                **self._reader(number), **_answer(asked), "clip": clip,
                "waived": [*SITTING, *JOINS],
            })  # fmt: skip

    def dubs(self, number: int) -> Iterator[Values]:
        """Other pictures of the right person under the right sound; a second of idling, looped."""
        chance = self._chance("dub", number)
        asked = _asked(chance)
        take = chance.choice(self.sentences.takes)
        for kind, make in (("dub", captures.dubbed), ("looped_idle", captures.looped)):

            def made(make: Callable[[Clip, Audio], Clip] = make) -> Clip:
                sound = self._joined(asked, self._chance("dub", number, 1)).audio
                return make(
                    take.load(),
                    sound if sound is not None else Audio(np.zeros(0, np.float32), 16_000),
                )

            clip = self._clip(f"{kind}_{number:03}", made)
            yield self._attack(
                kind, number, {**self._reader(number), **_answer(asked), "clip": clip}
            )

    def generated(self, number: int) -> Iterator[Values]:
        """A generated head: unlit; lit after the whole draw was known; lit while it was told."""
        if number >= len(self.heads):
            return
        head = self.heads[number]
        chance = self._chance("head", number)
        plain = head.load()
        asked = _colours_alone(plain, chance)
        about = {"policy": [*NEW], "waived": [*IDENTITY], "person": head.speaker}
        clip = self._clip(f"head_{number:03}", lambda: plain)
        yield self._attack("generated_head", number, {**about, **_answer(asked), "clip": clip})
        relit = self._clip(
            f"head_lit_{number:03}",
            lambda: captures.lit(plain, _colours(asked), self.tracker, chance),
        )
        at_once = {**_answer(asked), "arrivals": []}
        yield self._attack(
            "generated_head_lit_at_once", number, {**about, **at_once, "clip": relit}
        )
        yield self._attack(
            "generated_head_lit_in_time", number, {**about, **_answer(asked), "clip": relit}
        )

    def two_people(self, number: int) -> Iterator[Values]:
        """The genuine answer, and somebody beside it."""
        asked = _asked(self._chance("digits", number, 1))
        second = self.wild[number % len(self.wild)]
        clip = self._clip(
            f"two_{number:03}",
            lambda: captures.beside_another(
                read_clip(self.out / self._genuine_clip(number, 1)), second.load()
            ),
        )
        yield self._attack("two_people", number, {
            **self._reader(number), **_answer(asked), "clip": clip, "waived": [*SITTING, *JOINS],
        })  # fmt: skip

    # --- attacks on the selfie -----------------------------------------------------------------

    def selfies(self, number: int) -> Iterator[Values]:
        """The card's own portrait as the selfie, the selfie printed or on a screen, a stranger."""
        name, files = self._person(number)
        chance = self._chance("selfie", number)
        portrait, selfie = chance.sample(files, 3)[:2]
        card = self._card(f"face_{number:03}", portrait)
        about = {"policy": ["selfie"], "document_front": card, "person": name}
        seed = self.seed * 1000 + number
        for kind, form in PORTRAIT_FORMS.items():

            def made(form: Form = form) -> Image:
                again = self.cards.card(read_image(portrait), seed, 1)
                return form(self.cards, read_image(self.out / card), again, seed)

            yield self._attack(kind, number, {**about, "selfie": self._image(kind, number, made)})
        for kind, attack in (
            ("selfie_printed", Attack.PRINT),
            ("selfie_on_screen", Attack.SCREEN_REPLAY),
        ):

            def shown(attack: Attack = attack) -> Image:
                return simulate(attack, read_image(selfie), seed)

            yield self._attack(kind, number, {**about, "selfie": self._image(kind, number, shown)})
        _, others = self._person(number + 1 + chance.randrange(len(self.people) - 1))
        stranger = chance.choice(others)
        yield self._attack("stranger", number, {**about, "selfie": str(stranger.resolve())})

    # --- parts ---------------------------------------------------------------------------------

    def _joined(
        self, asked: Challenge, chance: random.Random, voices: dict[str, Audio] | None = None
    ) -> Clip:
        until_ms = _colours(asked).end_ms
        return joined(self.sentences, asked.digits, asked.schedule_ms, chance, voices, until_ms)

    def _lit_take(self, take: Sentence, colours: Colours, chance: random.Random) -> Clip:
        return captures.lit(take.load(), colours, self.tracker, chance)

    def _genuine_clip(self, number: int, attempt: int) -> str:
        chance = self._chance("digits", number, attempt)
        asked = _asked(chance)
        return self._clip(
            f"digits_{number:03}_{attempt}",
            lambda: captures.lit(
                self._joined(asked, chance), _colours(asked), self.tracker, chance
            ),
        )

    def _reader(self, number: int) -> Values:
        """Policies, and the reader's face out of a clip that gives no words."""
        chance = self._chance("portrait", number)
        take = chance.choice(self.sentences.portraits)
        picture = f"portrait_{take.file.stem}.png"
        if not (self.out / picture).exists():
            frames = take.load().frames
            # Not the first one: some recordings begin with a grey frame.
            write_image(self.out / picture, frames[len(frames) // 2], "a frame, for evaluation")
        about: Values = {"person": "grid_s1", "facts": FACTS, "waived": [*SITTING]}
        if number % 2:
            return {**about, "policy": [*KNOWN], "reference_face": picture}
        card = self._card(f"reader_{number:03}", self.out / picture)
        return {**about, "policy": [*NEW], "document_front": card}

    def _person(self, number: int) -> tuple[str, list[Path]]:
        names = sorted(self.people)
        name = names[number % len(names)]
        return name, self.people[name]

    def _voice(self, number: int) -> dict[str, Audio]:
        """Each digit said by another speaker."""
        with (self.data / "voice" / "digits_en.csv").open(encoding="utf-8", newline="") as lines:
            rows = [row for row in csv.DictReader(lines) if len(row["digits"]) == 1]
        speakers = sorted({row["speaker"] for row in rows})
        speaker = speakers[number % len(speakers)]
        files = {row["digits"]: row["file"] for row in rows if row["speaker"] == speaker}
        return {d: read_audio(self.data / "voice" / file) for d, file in files.items()}

    def _card(self, name: str, picture: Path) -> str:
        path = self.out / f"card_{name}.jpg"
        if not path.exists():
            number = int(name.rpartition("_")[2])
            card = self.cards.card(read_image(picture), self.seed * 1000 + number)
            write_image(path, card, RENDERED)
        return path.name

    def _image(self, kind: str, number: int, make: Callable[[], Image]) -> str:
        path = self.out / f"{kind}_{number:03}.png"
        if not path.exists():
            write_image(path, make(), f"simulated attack: {kind}")
        return path.name

    def _clip(self, name: str, make: Callable[[], Clip]) -> str:
        path = self.out / f"{name}.mp4"
        if not path.exists():
            # Under another name until it is whole: a run that breaks off leaves no torn clip.
            begun = self.out / f"begun_{name}.mp4"
            write_clip(begun, make(), "composed for an evaluation, simulated")
            begun.rename(path)
        return path.name

    def _chance(self, *what: object) -> random.Random:
        return random.Random(" ".join(map(str, (self.seed, *what))))  # noqa: S311

    def _row(self, kind: str, number: int, group: str, values: Values) -> Values:
        return {
            "id": f"{kind}_{number:03}",
            "group": group,
            "language": "en",
            "expect": {"outcome": "accept"},
            **values,
        }

    def _attack(self, kind: str, number: int, values: Values) -> Values:
        return {
            **self._row(kind, number, "", values),
            "attack": kind,
            "expect": {"outcome": "reject"},
        }

    @property
    def kinds(self) -> Sequence[Callable[[int], Iterator[Values]]]:
        """What is composed for each number, in turns: a run that is cut short has some of each."""
        return (
            self.genuine_digits, self.genuine_phrase, self.genuine_wild, self.genuine_selfie,
            self.selfies, self.splices, self.old_answers, self.dubs, self.generated,
            self.interleaves, self.two_people,
        )  # fmt: skip


def compose(composer: Composer, each: int, first: int = 0) -> Iterator[Path]:
    """Write a manifest of whole transactions and their media.

    Args:
        composer: Composes them.
        each: So many of each kind, where there are so many people.
        first: From which number on.

    Yields:
        The manifest, after each round: what is written so far.
    """
    composer.out.mkdir(parents=True, exist_ok=True)
    path = composer.out / "manifest.jsonl"
    rows: list[Values] = []
    for number in range(first, first + each):
        rows += chain.from_iterable(kind(number) for kind in composer.kinds)
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        path.write_text("".join(lines), encoding="utf-8")
        yield path


def _asked(chance: random.Random) -> Challenge:
    return with_colours(draw_challenge("en", pace=PACES["strict"], source=chance), chance)


def _colours_alone(clip: Clip, chance: random.Random) -> Challenge:
    return Challenge("", "en", colours=draw_colours(clip.duration_ms - 200, chance))


def _colours(asked: Challenge) -> Colours:
    if asked.colours is None:
        raise ValueError("a challenge without colours lights nobody")
    return asked.colours


def _answer(asked: Challenge) -> Values:
    """Challenge and arrivals as a row holds them."""
    told: list[Arrival] = [*captures.arrivals_of(_colours(asked))]
    return {
        "challenge": asked.as_json(),
        "arrivals": [[one.until_ms, one.arrived_ms] for one in told],
    }


def _people(index: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    with index.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            found.setdefault(row["identity"], []).append(index.parent / row["file"])
    return {name: files for name, files in found.items() if len(files) > 2}


def _films(index: Path, label: str) -> list[Film]:
    """Clips that are long enough; the first of each person before the second of any."""
    turns: dict[str, int] = {}
    found: list[tuple[int, str, Film]] = []
    with index.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if row["label"] != label or float(row["duration_s"]) < SHORTEST_S:
                continue
            turn = turns[row["speaker"]] = turns.get(row["speaker"], 0) + 1
            found.append((turn, row["speaker"], Film(index.parent / row["file"], row["speaker"])))
    if not found:
        raise InputError(f"{index.name}: no clip of 6 s and more is {label}", "index.malformed")
    return [film for *_, film in sorted(found, key=lambda one: one[:2])]
