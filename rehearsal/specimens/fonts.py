"""Which fonts can specimens be drawn with on this machine?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from matplotlib import get_data_path
from PIL import ImageFont

from veridical.errors import InputError
from veridical.models.source import SourceFile, read_source_file
from veridical.models.tables import load_table

__all__ = [
    "SCRIPTS",
    "Font",
    "Fonts",
    "Script",
    "font_sources",
    "pulled_fonts",
    "second_script",
    "system_fonts",
    "untrained_fonts",
]

SYSTEM_FOLDER = Path("/usr/share/fonts")
CHINESE = (
    "opentype/noto/NotoSansCJK-Regular.ttc",
    "opentype/noto/NotoSerifCJK-Regular.ttc",
    "truetype/wqy/wqy-microhei.ttc",
    "truetype/wqy/wqy-zenhei.ttc",
    "truetype/lxgw-wenkai/LXGWWenKai-Regular.ttf",
    "truetype/arphic/uming.ttc",
)
"""Chinese fonts of Debian's packages fonts-noto-cjk, -wqy-microhei, -wqy-zenhei, -lxgw-wenkai,
-arphic-uming."""
MACHINE_READABLE = ("opentype/ocr-b/OCRB.otf",)
"""OCR-B (ISO 1073-2) of Debian's package fonts-ocr-b."""
UNTRAINED_READABLE = ("opentype/ocr-b/OCRBL.otf",)
"""The one dark-on-light cut of OCR-B with which `ocrb-line` was not trained, the oblique one: more
slanted than any zone, and so harder."""
SCRIPTS: Mapping[str, tuple[str, str]] = {
    "latin": (
        "truetype/dejavu/DejaVuSans.ttf",
        "Singqmingz Singqbied Minzcuz Seng Diegyouq Gunghminz Bit gih gvaq",
    ),
    "hangul": ("opentype/noto/NotoSansCJK-Regular.ttc", "이름 성별 민족 출생 주소 공민 번호 기관"),
    "arabic": (
        "truetype/noto/NotoNaskhArabic-Regular.ttf",
        "ئىسىم جىنسى مىللىتى تۇغۇلغان ئادرېسى نومۇر",
    ),
    "tibetan": ("truetype/noto/NotoSerifTibetan-Regular.ttf", "མིང ཕོ་མོ མི་རིགས སྐྱེས གནས་ཡུལ ཨང་རྟགས"),
    "yi": ("truetype/noto/NotoSansYi-Regular.ttf", "ꂓꃀ ꁮꃀ ꋅꂷ ꒆꑞ ꀕꃀ ꋩꄻ"),
    "mongolian": (
        "truetype/noto/NotoSansMongolian-Regular.ttf",
        "ᠨᠡᠷᠡ ᠬᠦᠢᠰᠦ ᠦᠨᠳᠦᠰᠦ ᠲᠥᠷᠥᠭᠰᠡᠨ ᠬᠠᠶᠢᠭ",
    ),
}
"""Font and words of the scripts that cards of autonomous regions print beside Chinese; the words
are captions or syllables without meaning. Debian's packages fonts-dejavu-core, fonts-noto-cjk and
fonts-noto-core."""
SIMPLIFIED_FACE = {"NotoSansCJK-Regular.ttc": 2, "NotoSerifCJK-Regular.ttc": 2}
"""Which face of a collection is simplified Chinese, where it is not the first."""


@dataclass(frozen=True, slots=True)
class Font:
    """One font file.

    Attributes:
        name: Name of the file.
        data: Its bytes.
        face: Which face of a collection.
    """

    name: str
    data: bytes
    face: int = 0

    def at(self, size_px: float) -> ImageFont.FreeTypeFont:
        """The font at a size."""
        return ImageFont.truetype(BytesIO(self.data), max(1, round(size_px)), index=self.face)


@dataclass(frozen=True, slots=True)
class Fonts:
    """What a specimen is drawn with.

    Attributes:
        text: A Chinese font for captions and values.
        machine: A font for numbers and machine-readable zones: OCR-B, or a plain monospaced one
            where the machine has no OCR-B.
    """

    text: Font
    machine: Font


@dataclass(frozen=True, slots=True)
class Script:
    """A second script.

    Attributes:
        font: What to write it with.
        words: Words in it.
    """

    font: Font
    words: tuple[str, ...]


def second_script(name: str, folder: Path = SYSTEM_FOLDER) -> Script:
    """A second script by its name, one of `SCRIPTS`.

    Raises:
        InputError: It is not known, or the machine has no font for it.
    """
    if name not in SCRIPTS:
        raise InputError(
            f"a second script is one of {', '.join(SCRIPTS)}, got {name}", "specimen.no_script"
        )
    file, words = SCRIPTS[name]
    if not (folder / file).is_file():
        raise InputError(
            f"writing {name} needs {file} in {folder}: install fonts-noto-core, fonts-noto-cjk "
            "and fonts-dejavu-core",
            "specimen.no_font",
        )
    return Script(Font(Path(file).name, (folder / file).read_bytes()), tuple(words.split()))


def font_sources() -> Mapping[str, SourceFile]:
    """Where the fonts can be had on a machine without any."""
    table = load_table(Path(__file__).parent / "fonts.toml")
    return {name: read_source_file(table.table(name)) for name in table.values}


def pulled_fonts(fetch: Callable[[SourceFile], bytes]) -> Fonts:
    """Fonts that work on any machine.

    Args:
        fetch: Gives the bytes of a source file.
    """
    source = font_sources()["sans"]
    return Fonts(Font(source.name, fetch(source)), _machine_font(SYSTEM_FOLDER))


def system_fonts(folder: Path = SYSTEM_FOLDER) -> tuple[Fonts, ...]:
    """One set for each Chinese font that the machine has installed.

    Raises:
        InputError: It has none.
    """
    machine = _machine_font(folder)
    found = tuple(
        Fonts(Font(path.name, path.read_bytes(), SIMPLIFIED_FACE.get(path.name, 0)), machine)
        for name in CHINESE
        if (path := folder / name).is_file()
    )
    if not found:
        raise InputError(
            f"drawing a specimen needs a Chinese font; {folder} has none of those known: "
            "install fonts-noto-cjk, or pass fonts from pulled_fonts()",
            "specimen.no_font",
        )
    return found


def untrained_fonts(folder: Path = SYSTEM_FOLDER) -> tuple[Fonts, ...]:
    """Sets whose machine-readable font no network of this project was trained with.

    Raises:
        InputError: The machine has no Chinese font, or none of these.
    """
    text = system_fonts(folder)
    found = [
        Font(path.name, path.read_bytes())
        for name in UNTRAINED_READABLE
        if (path := folder / name).is_file()
    ]
    if not found:
        raise InputError(
            f"{folder} has no other cut of OCR-B: install fonts-ocr-b", "specimen.no_font"
        )
    return tuple(Fonts(one.text, machine) for machine in found for one in text)


def _machine_font(folder: Path) -> Font:
    paths = [folder / name for name in MACHINE_READABLE]
    paths.append(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSansMono.ttf")
    path = next(path for path in paths if path.is_file())
    return Font(path.name, path.read_bytes())
