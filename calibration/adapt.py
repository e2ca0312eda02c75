"""How are lips fitted to one's own recordings, and what do the fits gain on speakers left out?

Every figure here is of a speaker whose recordings no part of the fit has seen. The networks stay as
they are: their training (research/training/) takes hours and a graphics library; this, minutes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logsumexp

from veridical.calibration.metrics import auc, det, eer
from veridical.errors import InputError
from veridical.liveness.lips.adaptation import AROUND, CLASSES, Correction, Targets, around
from veridical.liveness.lips.adaptation import with_speed as traits_with_speed
from veridical.liveness.lips.fusion import Fusion
from veridical.liveness.lips.read import competitors, score_prompt, spell
from veridical.liveness.lips.schedule import Reader
from veridical.liveness.lips.sync import Codes, compare, standardise
from veridical.liveness.lips.track import FEATURES

__all__ = [
    "LEAST_SPEAKERS",
    "Fitted",
    "Recording",
    "Scored",
    "align",
    "fit_consistency",
    "fit_lips",
    "fit_reader",
]

LEAST_SPEAKERS = 5
"""Fewer leave one out say next to nothing; 50 are a start."""
MOVED_PLACES = (-20, -15, -10, -8, 8, 10, 15, 20)
DUBS = 8
RIDGE = 500.0
SPEAKER_PLACES = 1500
"""Every speaker counts as at most 60 s, as in the training of the network."""
PULL = 5.0
"""How strongly the weights of the ratio are held to those shipped, in genuine answers' worth."""
PRIOR_PLACES = 50.0
"""Places at the mean shape that every viseme is given: one heard twice learns little."""
SHRINK = 0.1
TARGET_WEIGHTS = (0.1, 0.3)
LEAST_GAIN = 0.01
"""Of the text score's AUC, for targets to be kept: less is chance."""
WRONG_TEXTS = 5
BOOTSTRAP_ROUNDS = 400
LEAST_MEAN_DELAY_MS = 100.0

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One consented answer, as the check compares it.

    Attributes:
        speaker: Whose.
        words: What is said; empty where unknown.
        language: `en` or `zh`.
        lips: (n, 12) float32, standardised.
        sound: (n, 128) float32, standardised.
        lip_code: (n, d) float32, the network's.
        sound_code: (n, d) float32, the network's.
        expected: (n, 12) float32, the lips the network expects, not standardised.
        visemes: (n, 13) float32, the reader's log probabilities; None without a reader.
        delays_ms: From each word's showing to its sounding; empty where no schedule is known.
    """

    speaker: str
    words: tuple[str, ...]
    language: str
    lips: Floats
    sound: Floats
    lip_code: Floats
    sound_code: Floats
    expected: Floats
    visemes: Floats | None = None
    delays_ms: tuple[float, ...] = ()

    def codes(self, correction: Correction | None) -> Codes:
        """What the check would compare."""
        foretold = self.expected if correction is None else correction(self.sound, self.expected)
        return Codes(self.lips, standardise(foretold), self.lip_code, self.sound_code)


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Trials of lips against sound.

    Attributes:
        ratio: (n,) log-likelihood ratios.
        kind: (n,) `genuine`, `moved` or `dubbed`.
        speaker: (n,) whose lips.
        other: (n,) whose sound.
    """

    ratio: NDArray[np.float64]
    kind: NDArray[np.str_]
    speaker: NDArray[np.str_]
    other: NDArray[np.str_]

    def auc(self, attack: str) -> float:
        """Chance that a genuine answer scores above an attack."""
        found = auc(self.ratio[self.kind == "genuine"], self.ratio[self.kind == attack])
        return float("nan") if found is None else found

    def eer(self, attack: str) -> float:
        """Rate at which both errors are equal."""
        return eer(det(self.ratio[self.kind == "genuine"], self.ratio[self.kind == attack]))

    def eer_interval(self, attack: str, seed: int) -> tuple[float, float]:
        """95 % percentile interval of the EER over speakers drawn with replacement."""
        random = np.random.default_rng(seed)
        names = np.unique(self.speaker)
        rows = {name: np.flatnonzero(self.speaker == name) for name in names}
        found = []
        for _ in range(BOOTSTRAP_ROUNDS):
            drawn = np.concatenate([rows[name] for name in random.choice(names, len(names))])
            ratio, kind = self.ratio[drawn], self.kind[drawn]
            found.append(eer(det(ratio[kind == "genuine"], ratio[kind == attack])))
        low, high = np.quantile(found, [0.025, 0.975])
        return float(low), float(high)

    def cost(self) -> float:
        """Cllr: what the ratios cost as ratios, in bits; 1 is what saying nothing costs.

        Source: N. Brummer and J. du Preez, Computer Speech and Language 20, 2006, eq. 9.
        """
        own = self.kind == "genuine"
        losses = (-log_expit(self.ratio[own]).mean(), -log_expit(-self.ratio[~own]).mean())
        return float(sum(losses) / 2 / np.log(2))


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What was fitted on all speakers, and how each step did on speakers left out.

    Attributes:
        correction: None where it did no better.
        targets: None where they did no better, or no words are known.
        consistency: Bias and weights of similarity and correlation.
        reader: None where no schedule is known.
        shipped: Trials scored by what is shipped.
        adapted: The same trials scored by what was fitted without their speaker.
        text: AUC of the text score by weight of the targets, 0 the reader alone; empty without
            words.
    """

    correction: Correction | None
    targets: Targets | None
    consistency: tuple[float, float, float]
    reader: Reader | None
    shipped: Scored
    adapted: Scored
    text: Mapping[float, float]


def fit_lips(recordings: Sequence[Recording], fusion: Fusion, seed: int = 0) -> Fitted:
    """Fit everything, leaving each speaker out in turn to see what it is worth.

    Args:
        recordings: Genuine answers of five speakers or more.
        fusion: What is shipped.
        seed: Chooses whose sound each answer is dubbed with.

    Raises:
        InputError: `adapt.too_few_speakers`.
    """
    speakers = sorted({one.speaker for one in recordings})
    if len(speakers) < LEAST_SPEAKERS:
        raise InputError(
            f"{LEAST_SPEAKERS} speakers or more are wanted, found {len(speakers)} with an answer "
            "that could be measured; 50 with five answers each are a start",
            "adapt.too_few_speakers",
        )
    sums = {name: _Sums.of([r for r in recordings if r.speaker == name]) for name in speakers}
    whole = _Sums.total(list(sums.values()))
    without = {name: (whole - sums[name]).solve() for name in speakers}
    plain = _measure(recordings, {}, seed)
    corrected = _measure(recordings, without, seed)
    shipped = plain.scored({name: _weights(fusion) for name in speakers})
    tried = [
        (_crossed(trials, speakers, fusion), use, trials)
        for trials, use in ((plain, False), (corrected, True))
    ]
    adapted, use_correction, trials = min(tried, key=lambda one: one[0].cost())
    targets, text = _fit_targets(recordings, speakers)
    return Fitted(
        correction=whole.solve() if use_correction else None,
        targets=targets,
        consistency=fit_consistency(trials.inputs, trials.kind == "genuine", _weights(fusion)),
        reader=fit_reader(
            {n: [r.delays_ms for r in recordings if r.speaker == n] for n in speakers}
        ),
        shipped=shipped,
        adapted=adapted,
        text=text,
    )


def _weights(fusion: Fusion) -> tuple[float, float, float]:
    return fusion.bias, fusion.similarity, fusion.correlation


# --- lips expected from sound ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Normal equations of a ridge regression of what the network misses on the sound."""

    square: NDArray[np.float64]
    cross: NDArray[np.float64]

    @classmethod
    def of(cls, recordings: Sequence[Recording]) -> Self:
        share = min(1.0, SPEAKER_PLACES / max(1, sum(len(one.lips) for one in recordings)))
        square, cross = np.zeros((AROUND, AROUND)), np.zeros((AROUND, len(FEATURES)))
        for one in recordings:
            heard = around(one.sound).astype(np.float64)
            square += share * heard.T @ heard
            cross += share * heard.T @ (one.lips - one.expected)
        return cls(square, cross)

    @classmethod
    def total(cls, parts: Sequence["_Sums"]) -> Self:
        return cls(
            np.sum([part.square for part in parts], axis=0),
            np.sum([part.cross for part in parts], axis=0),
        )

    def __sub__(self, other: "_Sums") -> "_Sums":
        return _Sums(self.square - other.square, self.cross - other.cross)

    def solve(self) -> Correction:
        solved = np.linalg.solve(self.square + RIDGE * np.eye(AROUND), self.cross)
        return Correction(solved.astype(np.float32))


# --- weights of the consistency ratio -------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Trials:
    """What the ratio reads of every trial: (n, 3) of gain, similarity and correlation, gained."""

    inputs: NDArray[np.float64]
    kind: NDArray[np.str_]
    speaker: NDArray[np.str_]
    other: NDArray[np.str_]

    def scored(self, weights: Mapping[str, tuple[float, float, float]]) -> Scored:
        """Ratios by the weights of each speaker's fold."""
        beta = np.array([weights[name] for name in self.speaker.tolist()])
        return Scored((self.inputs * beta).sum(1), self.kind, self.speaker, self.other)


def _measure(
    recordings: Sequence[Recording], corrections: Mapping[str, Correction], seed: int
) -> _Trials:
    """Own, moved and foreign sound of every answer, by the correction of its speaker's fold."""
    random = np.random.default_rng(seed)
    rows: list[tuple[tuple[float, float, float], str, str, str]] = []
    unit = Fusion(1.0, 0.0, 0.0, 0.0, 0.0, 0.0, {})

    def add(lips: Codes, sound: Codes, moved: int, kind: str, whose: str, other: str) -> None:
        count = min(len(lips.lips), len(sound.lips))
        similarity, correlation = compare(lips.cut(count), sound.cut(count), moved)
        gain = unit.consistency_llr(0.0, 0.0, count)
        rows.append(((gain, gain * similarity, gain * correlation), kind, whose, other))

    for one in recordings:
        correction = corrections.get(one.speaker)
        own = one.codes(correction)
        add(own, own, 0, "genuine", one.speaker, one.speaker)
        for places in MOVED_PLACES:
            add(own, own, places, "moved", one.speaker, one.speaker)
        strangers = [two for two in recordings if two.speaker != one.speaker]
        for index in random.permutation(len(strangers))[:DUBS]:
            two = strangers[int(index)]
            add(own, two.codes(correction), 0, "dubbed", one.speaker, two.speaker)
    inputs, kind, speaker, other = zip(*rows, strict=True)
    return _Trials(np.array(inputs), np.array(kind), np.array(speaker), np.array(other))


def _crossed(trials: _Trials, speakers: Sequence[str], fusion: Fusion) -> Scored:
    """Ratios by weights fitted without the speaker."""
    weights = {}
    for name in speakers:
        rest = trials.speaker != name
        weights[name] = fit_consistency(
            trials.inputs[rest], trials.kind[rest] == "genuine", _weights(fusion)
        )
    return trials.scored(weights)


def fit_consistency(
    inputs: NDArray[np.float64],
    genuine: NDArray[np.bool_],
    shipped: tuple[float, float, float],
) -> tuple[float, float, float]:
    """Logistic regression, both kinds weighing the same, held to the weights that are shipped.

    Args:
        inputs: (n, 3) of the length's gain, and similarity and correlation times it.
        genuine: (n,) whether the sound is the lips' own, at its own time.
        shipped: Bias and weights to be held to.

    Returns:
        Bias and weights of similarity and correlation.
    """
    start = np.array(shipped)
    weight = np.where(genuine, 0.5 / genuine.sum(), 0.5 / (~genuine).sum())
    # The size of a weight is its share of the shipped one: 1 of bias is not 1 of similarity.
    hold = PULL / genuine.sum() / np.maximum(start**2, 1e-6)
    signed = np.where(genuine, 1.0, -1.0)

    def cost(beta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        odds = signed * (inputs @ beta)
        slope = -inputs.T @ (weight * signed * expit(-odds)) + hold * (beta - start)
        return float(-weight @ log_expit(odds) + hold @ (beta - start) ** 2 / 2), slope

    beta = np.asarray(minimize(cost, start, jac=True, method="L-BFGS-B").x, np.float64)
    return float(beta[0]), float(beta[1]), float(beta[2])


# --- targets of the visemes -----------------------------------------------------------------------


def align(visemes: Floats, code: Sequence[int]) -> NDArray[np.float64]:
    """Share of each place that belongs to each viseme, the words being known.

    Args:
        visemes: (n, 13) float32, log probabilities; class 0 is the blank.
        code: The visemes of the words.

    Returns:
        (n, 13), rows summing to 1; all zero when the words do not fit into the places.

    Source: A. Graves et al., "Connectionist Temporal Classification", ICML 2006, section 4.1.
    """
    states = np.zeros(2 * len(code) + 1, np.intp)
    states[1::2] = code
    skip = np.full(len(states), -np.inf)
    skip[3::2] = np.where(states[3::2] != states[1:-2:2], 0.0, -np.inf)
    emitted = visemes.astype(np.float64)[:, states]

    def forward(steps: NDArray[np.float64], jump: NDArray[np.float64]) -> NDArray[np.float64]:
        found = np.full(steps.shape, -np.inf)
        found[0, :2] = steps[0, :2]
        for place in range(1, len(steps)):
            before = found[place - 1]
            now = before.copy()
            now[1:] = np.logaddexp(now[1:], before[:-1])
            now[2:] = np.logaddexp(now[2:], before[:-2] + jump[2:])
            found[place] = now + steps[place]
        return found

    # Backwards a skip into a state becomes a skip out of it: the same pairs, counted from the end.
    jump_back = np.full(len(states), -np.inf)
    jump_back[2:] = skip[::-1][:-2]
    there = forward(emitted, skip)
    back = forward(emitted[::-1, ::-1], jump_back)[::-1, ::-1]
    with np.errstate(invalid="ignore"):
        joint = there + back - emitted
    joint[np.isnan(joint)] = -np.inf
    shares = np.zeros((len(visemes), CLASSES))
    if not np.isfinite(joint).any():
        return shares
    posterior = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    np.add.at(shares.T, states, posterior.T)
    return shares


@dataclass(frozen=True, slots=True, eq=False)
class _Shapes:
    """How much of each viseme was seen, and how the lips looked."""

    mass: NDArray[np.float64]
    total: NDArray[np.float64]
    square: NDArray[np.float64]

    @classmethod
    def of(cls, recordings: Sequence[Recording]) -> Self:
        size = 2 * len(FEATURES)
        mass, total = np.zeros(CLASSES), np.zeros((CLASSES, size))
        square = np.zeros((size, size))
        for one in recordings:
            if one.visemes is None or not one.words:
                continue
            shares = align(one.visemes, spell(one.words, one.language))
            if shares.any():
                lips = traits_with_speed(one.lips).astype(np.float64)
                mass += shares.sum(0)
                total += shares.T @ lips
                square += lips.T @ lips
        return cls(mass, total, square)

    @classmethod
    def sum(cls, parts: Sequence["_Shapes"]) -> Self:
        return cls(
            np.sum([part.mass for part in parts], axis=0),
            np.sum([part.total for part in parts], axis=0),
            np.sum([part.square for part in parts], axis=0),
        )

    def targets(self, weight: float) -> Targets:
        """Normal densities about each viseme's mean, of one covariance, as a linear layer."""
        places = max(float(self.mass.sum()), 1.0)
        middle = self.total.sum(0) / places
        means = (self.total + PRIOR_PLACES * middle) / (self.mass + PRIOR_PLACES)[:, None]
        within = self.square / places - (means.T * self.mass) @ means / places
        within += SHRINK * np.trace(within) / len(within) * np.eye(len(within))
        slopes = np.linalg.solve(within, means.T)
        offsets = -0.5 * (means.T * slopes).sum(0)
        return Targets((weight * slopes).astype(np.float32), (weight * offsets).astype(np.float32))


def _fit_targets(
    recordings: Sequence[Recording], speakers: Sequence[str]
) -> tuple[Targets | None, Mapping[float, float]]:
    """Targets at the weight that read speakers left out best; None where none helped."""
    shapes = {name: _Shapes.of([r for r in recordings if r.speaker == name]) for name in speakers}
    read = [(one, one.visemes) for one in recordings if one.visemes is not None and one.words]
    if not read:
        return None, {}
    found: dict[float, float] = {}
    for weight in (0.0, *TARGET_WEIGHTS):
        told: list[float] = []
        wrong: list[float] = []
        for one, visemes in read:
            rest = _Shapes.sum([shapes[name] for name in speakers if name != one.speaker])
            heeded = rest.targets(weight)(one.lips, visemes) if weight else visemes
            _read(one, heeded, told, wrong)
        area = auc(np.array(told), np.array(wrong))
        found[weight] = float("nan") if area is None else area
    best = max(found, key=lambda weight: found[weight])
    if not found[best] >= found[0.0] + LEAST_GAIN:
        best = 0.0
    return (_Shapes.sum(list(shapes.values())).targets(best) if best else None), found


def _read(one: Recording, visemes: Floats, told: list[float], wrong: list[float]) -> None:
    """Score what was said, and other words in its place."""
    for words, scores in (
        (one.words, told),
        *((other, wrong) for other in competitors(one.words, WRONG_TEXTS)),
    ):
        score = score_prompt(visemes, words, one.language)
        if score is not None:
            scores.append(score)


# --- habits of readers ----------------------------------------------------------------------------


def fit_reader(delays_ms: Mapping[str, Sequence[Sequence[float]]]) -> Reader | None:
    """How long these people take from seeing a digit to saying it.

    Args:
        delays_ms: Of each answer with a known schedule, by speaker.

    Returns:
        Median, spread of a delay about its person's own, spread of the persons; None below five
        persons with delays.
    """
    own = {
        name: np.concatenate([np.asarray(one, np.float64) for one in answers if len(one)])
        for name, answers in delays_ms.items()
        if any(len(one) for one in answers)
    }
    if len(own) < LEAST_SPEAKERS:
        return None
    middles = np.array([np.median(delays) for delays in own.values()])
    median_ms = max(float(np.median(middles)), LEAST_MEAN_DELAY_MS)
    # Each person's delays laid on the common median: what is left is the spread of one delay.
    levelled = [delays - np.median(delays) + median_ms for delays in own.values()]
    logs = np.log(np.maximum(np.concatenate(levelled), 1.0))
    low, high = np.quantile(logs, [0.16, 0.84])
    return Reader(median_ms, float(high - low) / 2, float(middles.std(ddof=1)))
