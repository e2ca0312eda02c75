"""How far apart two stretches of Mandarin sound."""

import pytest

from veridical.voiceprint.pinyin import sounds_apart
from veridical.voiceprint.wording import units


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ("病医师赫夫", "并一失贺福", 0.0),
        ("买", "卖", 0.25),
        ("精武", "金五", 0.5),
        ("租凭", "诸品", 1.25),
        ("灭", "面", 1.0),
        ("同意", "不同意", 1.0),
        ("", "一", 1.0),
        ("七", "1", 1.0),
        ("幺", "1", 0.0),
        ("度", "多", 0.25),  # a character of several readings sounds as the nearest
        ("agree", "同意", 2.0),
    ],
)
def test_syllables_are_compared_and_not_characters(one: str, other: str, apart: float) -> None:
    texts = [[unit.text for unit in units(text)] for text in (one, other)]
    assert sounds_apart(*texts) == sounds_apart(*reversed(texts)) == apart
