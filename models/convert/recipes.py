"""How do a card's source weights become the ONNX file that runs? By the recipe the card names."""

import importlib.metadata
from pathlib import Path

from veridical.errors import ModelError
from veridical.models.card import Card
from veridical.models.tables import Table

__all__ = ["SKELETONS_DIRECTORY", "convert", "is_current", "recipe_versions"]

SKELETONS_DIRECTORY = Path(__file__).parent / "skeletons"

CONVERTERS = {
    "copy": (1, ()),
    "fold-blockquant": (2, ("onnx",)),
    "tflite": (2, ("onnx", "tflite")),
    "fill-skeleton": (1, ("onnx",)),
    "whisper": (1, ("onnx",)),
    "openvino": (1, ("onnx",)),
}
"""Recipes of pulled models: the revision, to be raised when the converter writes a better file, so
that the next pull makes it anew; and the packages whose versions decide the bytes."""


def convert(card: Card, data: bytes) -> bytes:
    """Turn source weights into ONNX.

    The converters are imported only here: nothing that merely runs models needs them.

    Args:
        card: Names the recipe and its options.
        data: The source weights, their hash already checked.

    Raises:
        ModelError: `model.conversion` or `model.checkpoint`: the weights do not fit the recipe.
    """
    options = card.options
    match card.recipe:
        case "copy":
            return data
        case "fold-blockquant":
            from veridical.models.convert.fold import fold_block_quantised
            from veridical.models.convert.prelu import expand_prelu

            inputs, outputs = _shapes(options, "inputs"), _shapes(options, "outputs")
            return expand_prelu(fold_block_quantised(data, inputs=inputs, outputs=outputs))
        case "tflite":
            from veridical.models.convert.prelu import expand_prelu
            from veridical.models.convert.tflite import convert_tflite

            names_in, names_out = options.texts("inputs"), options.texts("outputs")
            return expand_prelu(convert_tflite(data, inputs=names_in, outputs=names_out))
        case "fill-skeleton":
            from veridical.models.convert.checkpoint import read_checkpoint
            from veridical.models.convert.skeleton import fill_skeleton

            skeleton = (SKELETONS_DIRECTORY / options.text("skeleton")).read_bytes()
            prefix = options.text("strip_prefix", "")
            return fill_skeleton(skeleton, read_checkpoint(data), strip_prefix=prefix)
        case "whisper":
            from veridical.models.convert.whisper import convert_whisper

            part, at = options.text("part"), options.whole("vocabulary_at")
            heads = tuple(int(number) for number in options.numbers("alignment_heads"))
            return convert_whisper(data[:at], part, data[at:], heads)
        case "openvino":
            from veridical.models.convert.openvino import convert_openvino
            from veridical.models.convert.prelu import expand_prelu

            at, output = options.whole("weights_at"), options.text("output")
            return expand_prelu(convert_openvino(data[:at], data[at:], output=output))
        case other:
            raise ModelError(f"{card.name}: nothing is pulled for {other!r}", "model.conversion")


def recipe_versions(card: Card) -> str:
    """The recipe with everything that decides its bytes, for the lock file."""
    packages = CONVERTERS[card.recipe][1]
    versions = (f"{name} {importlib.metadata.version(name)}" for name in packages)
    return ", ".join([_revision(card), *versions])


def is_current(card: Card, recipe: str) -> bool:
    """Whether a file of this recipe, as the lock has it, is the best that can be made today."""
    return recipe.split(", ")[0] == _revision(card)


def _revision(card: Card) -> str:
    return f"{card.recipe} revision {CONVERTERS[card.recipe][0]}"


def _shapes(options: Table, key: str) -> dict[str, list[int | str]]:
    shapes: dict[str, list[int | str]] = {}
    table = options.table(key)
    for name, sides in table.values.items():
        if not isinstance(sides, list):
            raise ModelError(f"{table.where}: {name!r} must be a list of sides", "model.card")
        shapes[name] = [side if isinstance(side, str) else int(side) for side in sides]
    return shapes
