"""What was said, and how well does a given text explain the sound? Whisper, by two ONNX graphs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.fft import rfft
from numpy.typing import NDArray

from veridical.errors import InputError
from veridical.models import Session
from veridical.result import ModelRef
from veridical.voiceprint.fbank import RATE_HZ

__all__ = ["EncodedSound", "Piece", "Transcript", "Whisper", "hear", "whisper_features"]

BANDS = 80
FFT = 400
HOP = 160
LONGEST_S = 30.0
"""What the net was trained to hear at once; shorter sound is filled up with silence."""
STEP_S = 0.02
"""Sound of one step of the encoder."""
LARGEST_CONTEXT = 448
"""Tokens the decoder has positions for."""
TOKENS_A_SECOND = 12.0
"""Bound on what can be said, so that a runaway repetition ends: hurried Mandarin stays below 9."""
BATCH_TOKENS = 192
"""Tokens scored at a time, over several texts: each has 52,000 logits, so that this is 40 MB."""
SMOOTH = 3
"""Steps on either side that smooth the attention, as in the authors' word timing."""
SYMBOLS = frozenset('"#()*+/:;<=>@[\\]^_`{|}~♪♫♩♬「」『』')
"""Tokens of nothing but these are notes on the sound rather than speech."""
WORD = re.compile(r"'(?:s|t|re|ve|m|ll|d)| ?[^\W\d_]+| ?\d+| ?(?:[^\w\s]|_)+|\s+(?!\S)|\s+")
"""Pieces within which bytes are merged to tokens."""


@dataclass(frozen=True, slots=True, eq=False)
class EncodedSound:
    """Sound as the decoder attends to it; made once, read by every question about it.

    Attributes:
        cross: (2 layers, 1, heads, steps, 64) float32.
        duration_s: Length of the sound without the silence it was filled up with.
    """

    cross: NDArray[np.float32]
    duration_s: float


@dataclass(frozen=True, slots=True)
class Piece:
    """A token of a transcript.

    Attributes:
        text: Its bytes; a character may be spread over several pieces.
        start_s: When it begins.
        end_s: When it ends.
        log_probability: Of the token, given what came before.
    """

    text: bytes
    start_s: float
    end_s: float
    log_probability: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard.

    Attributes:
        pieces: Token by token, in order.
        complete: False when the bound on tokens ended it, as with a runaway repetition.
    """

    pieces: tuple[Piece, ...]
    complete: bool

    @property
    def raw(self) -> str:
        """The text as the net wrote it: English begins with a blank."""
        return b"".join(piece.text for piece in self.pieces).decode(errors="replace")

    @property
    def text(self) -> str:
        """The words."""
        return self.raw.strip()

    def character_times(self) -> tuple[list[float], list[float]]:
        """When each character of `raw` begins and ends: a piece's time spread over its bytes."""
        starts: list[float] = []
        ends: list[float] = []
        for piece in self.pieces:
            step = (piece.end_s - piece.start_s) / max(1, len(piece.text))
            starts += [piece.start_s + step * i for i in range(len(piece.text))]
            ends += [piece.start_s + step * (i + 1) for i in range(len(piece.text))]
        sizes = [len(character.encode()) for character in self.raw]
        if sum(sizes) != len(starts):  # a character that was never completed
            sizes = [1] * min(len(sizes), len(starts))
        firsts = np.concatenate(([0], np.cumsum(sizes)))
        count = len(firsts) - 1
        return (
            [starts[firsts[i]] for i in range(count)],
            [ends[firsts[i + 1] - 1] for i in range(count)],
        )


class Whisper:
    """Recognises speech, and says how likely given texts are.

    Args:
        encoder: `mel` (1, 80, frames) float32 to `cross` (2 layers, 1, heads, steps, 64).
        decoder: `tokens` (n, t) int64, `past` and `cross` to logits, the new `past` and attention;
            its metadata holds the `vocabulary`, one token a line.
    """

    models = ("whisper-base-encoder", "whisper-base-decoder")
    """The cards of the two graphs."""

    def __init__(self, encoder: Session, decoder: Session) -> None:
        self._encoder = encoder
        self._decoder = decoder
        self._tokens = _Tokens(decoder.metadata["vocabulary"])
        layers, _, heads, _, width = decoder.inputs["past"]
        self._nothing = np.zeros((_side(layers), 1, _side(heads), 0, _side(width)), np.float32)

    @property
    def refs(self) -> tuple[ModelRef, ...]:
        """The models, as verdicts quote them."""
        return self._encoder.ref, self._decoder.ref

    def hear(self, samples: NDArray[np.float32], window_s: float = LONGEST_S) -> EncodedSound:
        """Encode up to thirty seconds of sound.

        Args:
            samples: (n,) float32 at 16 kHz, nominally -1..1.
            window_s: Silence fills the sound up to this length. A shorter window costs less, and
                is less like what the net was trained on.

        Raises:
            InputError: `voice.too_long`: the sound is longer than the net can hear at once.
        """
        return hear(self._encoder, samples, window_s)

    def transcribe(self, heard: EncodedSound, language: str, context: str = "") -> Transcript:
        """Write down what was said, taking the likeliest token each time.

        Args:
            heard: The sound.
            language: `en` or `zh`.
            context: What is taken to have been said before: sets the manner of writing, such as
                digits or simplified characters. Never give it what is to be verified.
        """
        prefix = self._prefix(language, context)
        most = min(int(heard.duration_s * TOKENS_A_SECOND) + 8, LARGEST_CONTEXT - len(prefix) - 1)
        tokens, past, found = np.array([prefix]), self._nothing, list[int]()
        scores: list[float] = []
        complete = False
        while not complete and len(found) < most:
            logits, past, _ = self._decoder.run(
                {"tokens": tokens, "past": past, "cross": heard.cross}
            )
            allowed = logits[0, -1] + (
                self._tokens.refused if found else self._tokens.refused_first
            )
            best = int(allowed.argmax())
            scores.append(float(allowed[best] - _log_sum(allowed[None])[0]))
            complete = best == self._tokens.end
            if not complete:
                found.append(best)
                tokens = np.array([[best]])
        bounds = self._bounds(heard, prefix, found)
        pieces = tuple(
            Piece(self._tokens.bytes_of[token], bounds[i], bounds[i + 1], scores[i])
            for i, token in enumerate(found)
        )
        return Transcript(pieces, complete)

    def log_likelihoods(
        self, heard: EncodedSound, texts: Sequence[str], language: str, context: str = ""
    ) -> NDArray[np.float64]:
        """How likely each text is to be exactly what was said.

        Texts must be written as the net writes, given the context: ` eight three nine` or
        ` 8 3 9` with the same of a context; a leading blank is part of a word in English.

        Args:
            heard: The sound.
            texts: The candidates; they need not be of one length.
            language: `en` or `zh`.
            context: As in `transcribe`.

        Returns:
            (texts,) float64: natural logarithm, the end of the text included.
        """
        prefix = self._prefix(language, context)
        encoded = [[*self.tokens(text), self._tokens.end] for text in texts]
        _, past, _ = self._decoder.run(
            {"tokens": np.array([prefix[:-1]]), "past": self._nothing, "cross": heard.cross}
        )
        totals = np.zeros(len(texts))
        # Texts of like length together: little of a batch is padding.
        order = sorted(range(len(texts)), key=lambda i: len(encoded[i]))
        while order:
            width = len(encoded[order[-1]])
            rows = order[-max(1, BATCH_TOKENS // width) :]
            del order[-len(rows) :]
            inputs = np.full((len(rows), width), self._tokens.end)
            for row, i in enumerate(rows):
                inputs[row, : len(encoded[i])] = [prefix[-1], *encoded[i][:-1]]
            shared = np.ascontiguousarray(np.repeat(past, len(rows), axis=1))
            logits, _, _ = self._decoder.run(
                {"tokens": inputs, "past": shared, "cross": heard.cross}
            )
            for row, i in enumerate(rows):
                own = logits[row, : len(encoded[i])]
                chosen = own[np.arange(len(own)), encoded[i]].astype(np.float64)
                totals[i] = float((chosen - _log_sum(own)).sum())
        return totals

    def places(
        self,
        heard: EncodedSound,
        text: Sequence[str],
        pieces: Sequence[str],
        language: str,
        context: str = "",
    ) -> NDArray[np.float64]:
        """What comes next at each place of a text, were only a few pieces possible.

        Args:
            heard: The sound.
            text: Its pieces in order, written as the net writes.
            pieces: The choices; no two may begin with the same token.
            language: `en` or `zh`.
            context: As in `transcribe`.

        Returns:
            (len(text) + 1, len(pieces) + 1) float64 natural logarithms, given what stands before;
            each row sums to probability 1. The last column is the end of the text.
        """
        tokens, at = self._prefix(language, context), list[int]()
        for piece in text:
            at.append(len(tokens) - 1)
            tokens += self.tokens(piece)
        at.append(len(tokens) - 1)
        logits, _, _ = self._decoder.run(
            {"tokens": np.array([tokens]), "past": self._nothing, "cross": heard.cross}
        )
        choices = [*(self.tokens(piece)[0] for piece in pieces), self._tokens.end]
        chosen = np.asarray(logits[0][at][:, choices], np.float64)
        return np.asarray(chosen - np.logaddexp.reduce(chosen, axis=1, keepdims=True))

    def tokens(self, text: str) -> list[int]:
        """Token numbers of a text."""
        return self._tokens.encode(text)

    def _prefix(self, language: str, context: str) -> list[int]:
        named = self._tokens.special
        if f"<|{language}|>" not in named:
            raise InputError(f"a language such as en or zh is wanted, got {language!r}")
        before = [named["<|startofprev|>"], *self.tokens(" " + context)] if context else []
        order = ("<|startoftranscript|>", f"<|{language}|>", "<|transcribe|>", "<|notimestamps|>")
        return [*before, *(named[name] for name in order)]

    def _bounds(self, heard: EncodedSound, prefix: list[int], found: list[int]) -> list[float]:
        """When each token begins, and when the last ends: the monotonic path of most attention."""
        if not found:
            return [0.0]
        _, _, attention = self._decoder.run(
            {"tokens": np.array([prefix + found]), "past": self._nothing, "cross": heard.cross}
        )
        steps = max(len(found) + 1, min(round(heard.duration_s / STEP_S), attention.shape[-1]))
        # The attention of a place tells where the token it predicts lies.
        own = attention[0, :, len(prefix) - 1 :, :steps]
        own = (own - own.mean(axis=1, keepdims=True)) / (own.std(axis=1, keepdims=True) + 1e-6)
        wide = np.pad(own, ((0, 0), (0, 0), (SMOOTH, SMOOTH)), mode="reflect")
        views = np.lib.stride_tricks.sliding_window_view(wide, 2 * SMOOTH + 1, axis=-1)
        path = _monotonic(np.median(views, axis=-1).mean(axis=0))
        return [float(at * STEP_S) for at in np.searchsorted(path, np.arange(len(found) + 1))]


class _Tokens:
    """Whisper's vocabulary: merges of bytes by their rank, which is their number."""

    def __init__(self, vocabulary: str) -> None:
        names = vocabulary.split("\n")
        if names and not names[-1]:
            names.pop()
        self.special = {name: i for i, name in enumerate(names) if _is_special(name)}
        letters = _byte_letters()
        self.bytes_of = [
            b"" if i in self.special.values() else bytes(letters[letter] for letter in name)
            for i, name in enumerate(names[: self.special["<|endoftext|>"]])
        ]
        self._rank = {text: i for i, text in enumerate(self.bytes_of)}
        self.end = self.special["<|endoftext|>"]
        self.refused = np.zeros(len(names), np.float32)
        self.refused[self.end + 1 :] = -np.inf
        for i, text in enumerate(self.bytes_of):
            plain = text.decode(errors="ignore").strip()
            if plain and set(plain) <= SYMBOLS:
                self.refused[i] = -np.inf
        self.refused_first = self.refused.copy()
        self.refused_first[[self._rank[b" "], self.end]] = -np.inf

    def encode(self, text: str) -> list[int]:
        """Merge the bytes of each word, lowest rank first."""
        found: list[int] = []
        for word in WORD.findall(text):
            parts = [bytes([byte]) for byte in word.encode()]
            while len(parts) > 1:
                ranks = [self._rank.get(a + b) for a, b in pairwise(parts)]
                known = [rank for rank in ranks if rank is not None]
                if not known:
                    break
                at = ranks.index(min(known))
                parts[at : at + 2] = [parts[at] + parts[at + 1]]
            found += [self._rank[part] for part in parts]
        return found


def hear(
    encoder: Session, samples: NDArray[np.float32], window_s: float = LONGEST_S
) -> EncodedSound:
    """Encode up to thirty seconds of sound; see `Whisper.hear`."""
    duration_s = len(samples) / RATE_HZ
    if duration_s > LONGEST_S:
        raise InputError(
            f"at most {LONGEST_S:.0f} s of sound are heard at once, got {duration_s:.1f} s; "
            "cut it at pauses",
            "voice.too_long",
        )
    step = round(STEP_S * RATE_HZ)  # whole samples: seconds would round some sound away
    steps = -(-max(round(min(window_s, LONGEST_S) * RATE_HZ), len(samples)) // step)
    padded = np.zeros(steps * step, np.float32)
    padded[: len(samples)] = samples
    (cross,) = encoder.run({"mel": whisper_features(padded)[None]})
    return EncodedSound(cross, duration_s)


def whisper_features(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """(80, frames) float32: log mel powers as Whisper was trained on, 10 ms a frame.

    Args:
        samples: (n,) float32 at 16 kHz, n a multiple of 160.

    Source: A. Radford et al., 2022, section 2.2.
    """
    wide = np.pad(samples, FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(wide, FFT)[::HOP][: len(samples) // HOP]
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT) / FFT)).astype(np.float32)
    spectrum = np.asarray(rfft(frames * window, axis=1), np.complex64)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    log = np.log10(np.maximum(power @ _triangles(), np.float32(1e-10)))
    log = (np.maximum(log, log.max() - 8) + 4) / 4
    return np.ascontiguousarray(log.T, np.float32)


@cache
def _triangles() -> NDArray[np.float32]:
    """(201, 80) float32: triangles of equal area on Slaney's mel scale."""

    def hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
        # Linear below 1 kHz, logarithmic above (M. Slaney, Auditory Toolbox, 1998).
        high = 1000 * np.exp((mel - 15) * np.log(6.4) / 27)
        return np.asarray(np.where(mel < 15, mel * 200 / 3, high))

    top = 15 + np.log(RATE_HZ / 2 / 1000) * 27 / np.log(6.4)
    edges = hertz(np.linspace(0, top, BANDS + 2))
    bins = (np.arange(FFT // 2 + 1) * RATE_HZ / FFT)[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - left) / (centre - left), (right - bins) / (right - centre)
    area = 2 / (right - left)
    return np.asarray(np.maximum(0, np.minimum(rising, falling)) * area, np.float32)


def _monotonic(weights: NDArray[np.float32]) -> NDArray[np.int64]:
    """(steps,) row of each step on the path of most weight.

    It starts in the first row, ends in the last, and neither goes back nor leaves a row out.
    """
    rows, steps = weights.shape
    best = np.full(rows, -np.inf)
    best[0] = weights[0, 0]
    moved = np.zeros((steps, rows), np.bool_)
    for step in range(1, steps):
        before = np.concatenate(([-np.inf], best[:-1]))
        moved[step] = before > best
        best = np.maximum(before, best) + weights[:, step]
    path = np.empty(steps, np.int64)
    row = rows - 1
    for step in range(steps - 1, -1, -1):
        path[step] = row
        row -= int(moved[step, row])
    return path


def _log_sum(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """(rows,) logarithm of the sum of exponentials of each row."""
    largest = logits.max(axis=-1, keepdims=True)
    sums = np.exp(logits - largest).sum(axis=-1, dtype=np.float64)
    return np.asarray(largest[:, 0].astype(np.float64) + np.log(sums))


def _is_special(name: str) -> bool:
    return name.startswith("<|") and name.endswith("|>")


def _side(side: int | str | None) -> int:
    if not isinstance(side, int):
        raise ValueError(f"a fixed side is wanted, got {side!r}")
    return side


@cache
def _byte_letters() -> dict[str, int]:
    """The letters that stand for bytes in a vocabulary file: printable ones for themselves."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    letters = {chr(byte): byte for byte in plain}
    return letters | {chr(256 + i): byte for i, byte in enumerate(others)}
