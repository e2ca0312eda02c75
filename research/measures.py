"""How well does the house stand? Its measures, of one tree or of several side by side.

    git worktree add --detach ../before 1626ad2
    python research/measures.py ../before . > docs/measurements/house.md

Everything is read from the source; only the routes and the time of `--help` are asked of the
running program. What is counted is said in each measure's own words.
"""

import ast
import json
import re
import resource
import subprocess
import sys
import tomllib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.import_graph import cycle_of, import_graph, modules_of, sibling_graphs  # noqa: E402

HEAD = """# Measures of the house

Written by `python research/measures.py BEFORE AFTER`. *Before* is commit `1626ad2`, *after* is the
tree that holds this page. A smaller number is better, but for typed answers and operations of the
SDK. The package grew by what was added since: checks, kinds of document, typed answers, policies.

| measure | before | after |
|---|---|---|
"""
OLD_CHECKS = (
    "document.read", "document.authentic", "document.specimen", "face.quality", "face.match",
    "face.same_person", "liveness.silent", "liveness.lips", "liveness.injection", "voice.digits",
    "voice.match", "voice.replay", "voice.statement", "watchlist.search",
)  # fmt: skip
NEW_CHECKS = (
    "face.copy", "capture.continuity", "liveness.light", "liveness.motion", "document.chip",
    "document.age", "capture.present",
)  # fmt: skip
OLD_KINDS = ("prc_id_front", "prc_id_back", "td1", "td2", "td3")
NEW_KINDS = ("hk_id", "prc_home_return", "prc_foreign_permanent")
ENGINES = {
    "FaceDetector", "FaceMesher", "FaceEmbedder", "TextDetector", "TextRecogniser", "ZoneReader",
    "DigitCheck", "VoiceEmbedder", "SpeechAnalyser", "LipScorer", "SilentEnsemble",
}  # fmt: skip
DESCRIBE = """
import json, sys, tempfile
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from veridical.store import Database, MasterKeys
from veridical.verification.evidence import SigningKey
try:
    from veridical.service.app import create_app
    from veridical.transactions import Resources
    word = "resources"
except ImportError:
    from veridical.service.api import create_app
    from veridical.service.desk import Backing as Resources
    word = "backing"
database = Database("sqlite:///" + tempfile.mkdtemp() + "/v.db")
keys = MasterKeys.from_text("a:" + "A" * 43 + "=")
signing = SigningKey(Ed25519PrivateKey.generate())
app = create_app(lambda: None, **{word: Resources(database, keys, signing)})
print(json.dumps(app.openapi()))
"""


class Tree:
    """One checkout.

    Args:
        root: Its folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        setup = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
        folders = setup["tool"]["setuptools"]["package-dir"]
        self.packages = {name: self.root / folder for name, folder in folders.items()}
        self.modules = modules_of(self.packages)

    def files(self, *suffixes: str) -> Iterator[Path]:
        """Files of the package, and of nothing beside it."""
        tops = {folder.relative_to(self.root).parts[0] for folder in self.packages.values()}
        for path in sorted(path for top in tops for path in (self.root / top).rglob("*")):
            if path.suffix in suffixes and "__pycache__" not in path.parts:
                yield path

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run this tree's own code by the interpreter that runs this."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env={"PYTHONPATH": str(self.root), "PATH": "/usr/bin:/bin", "HOME": "/tmp"},  # noqa: S108
            capture_output=True,
            text=True,
            check=True,
        )

    def described(self) -> dict:
        """The description of its API."""
        return json.loads(self.python("-c", DESCRIBE).stdout)


def names_in(tree: Tree) -> dict[Path, str]:
    """What stands between quotes in each file of the package; policies choose and do not count."""
    return {
        path: " ".join(re.findall(r"[\"'`]([^\"'`\n]+)[\"'`]", path.read_text(encoding="utf-8")))
        for path in tree.files(".py", ".toml", ".js")
        if "policies" not in path.parts
    }


def files_naming(tree: Tree, names: Collection[str]) -> str:
    """Median and most of the files that name one of these; a dash where the tree has none."""
    texts = names_in(tree)
    counts = {
        name: sum(bool(re.search(rf"\b{re.escape(name)}\b", text)) for text in texts.values())
        for name in names
    }
    most = max(counts, key=lambda name: counts[name])
    if not counts[most]:
        return "–"
    return f"{median(counts.values()):g}; most {counts[most]} (`{most}`)"


def engines_by_hand(tree: Tree) -> int:
    """Files outside an engine's own room that build one, scripts of research included."""
    found = set()
    scripts = [
        p for top in ("training", "benchmarks", "research") for p in (tree.root / top).rglob("*.py")
    ]
    for path in [*tree.files(".py"), *scripts]:
        room = path.relative_to(tree.root).parts[0]
        if room not in {"face", "ocr", "voiceprint", "liveness"}:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ENGINES:
                    found.add(path)
    return len(found)


def late_imports(tree: Tree) -> int:
    """Imports inside functions."""
    return sum(
        len(_imports(ast.parse(path.read_text(encoding="utf-8")), inside=False))
        for path in tree.files(".py")
    )


def _imports(node: ast.AST, *, inside: bool) -> list[ast.AST]:
    found: list[ast.AST] = []
    for child in ast.iter_child_nodes(node):
        deeper = inside or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        if inside and isinstance(child, ast.Import | ast.ImportFrom):
            found.append(child)
        found += _imports(child, inside=deeper)
    return found


def lines(tree: Tree, room: str = "") -> int:
    """Lines of Python, of one room or of the package."""
    return sum(
        path.read_text(encoding="utf-8").count("\n")
        for path in tree.files(".py")
        if not room or path.relative_to(tree.root).parts[0] == room
    )


def largest_room(tree: Tree) -> str:
    """The largest room with its lines."""
    rooms = {path.relative_to(tree.root).parts[0] for path in tree.files(".py")}
    count, room = max((lines(tree, room), room) for room in rooms)
    return f"{count:,} (`{room}`)"


def typed_answers(tree: Tree) -> str:
    """Operations whose every good answer has a shape, or is no JSON."""
    operations = [
        operation
        for methods in tree.described()["paths"].values()
        for method, operation in methods.items()
        if method in {"get", "post", "put", "patch", "delete"}
    ]
    typed = sum(all(map(_typed, _good(operation))) for operation in operations)
    return f"{typed} of {len(operations)}"


def _good(operation: dict) -> Iterator[dict]:
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            for media_type, content in answer.get("content", {}).items():
                if media_type.endswith("json"):
                    yield content.get("schema", {})


def _typed(schema: dict) -> bool:
    if schema.get("type") == "array":
        return _typed(schema.get("items", {}))
    return "$ref" in schema or any(word in schema for word in ("anyOf", "oneOf", "properties"))


def sdk_operations(tree: Tree) -> int:
    """Public operations of the SDK: functions whose answer is a `Flow`."""
    folder = next(f for f in (tree.root / "client", tree.root / "service/client") if f.is_dir())
    return sum(
        isinstance(node, ast.FunctionDef)
        and not node.name.startswith("_")
        and ast.unparse(node.returns or ast.Constant(0)).startswith("Flow[")
        for path in folder.glob("*.py")
        if path.name not in {"flow.py", "asking.py", "content.py"}
        for node in ast.parse(path.read_text(encoding="utf-8")).body
    )


def circles(tree: Tree) -> int:
    """Packages whose sub-packages import each other in a circle."""
    graph = import_graph(tree.modules)
    return sum(bool(cycle_of(siblings)) for siblings in sibling_graphs(graph, set(tree.packages)))


def tangled(tree: Tree) -> int:
    """Functions with a complexity above 10 (ruff's C901)."""
    found = subprocess.run(
        [str(Path(sys.executable).with_name("ruff")), "check", "--isolated", "--select", "C901",
         "--config", "lint.mccabe.max-complexity=10", "--output-format", "json",
         *map(str, tree.files(".py"))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return len(json.loads(found.stdout))


def help_s(tree: Tree) -> str:
    """Processor time of `veridical --help`, the least of 5."""
    room = "cli" if (tree.root / "cli").is_dir() else "service.cli"
    program = (
        f"import sys; sys.argv = ['veridical', '--help']; from veridical.{room} import main; main()"
    )
    taken = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        tree.python("-c", program)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return f"{min(taken):.2f} s"


MEASURES: dict[str, Callable[[Tree], object]] = {
    "files that name one check of before, policies aside; median": lambda tree: files_naming(
        tree, OLD_CHECKS
    ),
    "files that name a check added since": lambda tree: files_naming(tree, NEW_CHECKS),
    "files that name one kind of document of before": lambda tree: files_naming(tree, OLD_KINDS),
    "files that name a kind added since": lambda tree: files_naming(tree, NEW_KINDS),
    "files that build an engine by hand, scripts included": engines_by_hand,
    "operations of the API with a typed answer": typed_answers,
    "operations of the SDK": sdk_operations,
    "imports inside functions": late_imports,
    "packages whose sub-packages import each other in a circle": circles,
    "functions with a complexity above 10": tangled,
    "lines of the largest room": largest_room,
    "lines of Python in the package": lambda tree: f"{lines(tree):,}",
    "processor time of `veridical --help`": help_s,
}


def main(roots: list[Path]) -> None:
    """Print the page."""
    trees = [Tree(root) for root in roots]
    sys.stdout.write(HEAD)
    for name, measure in MEASURES.items():
        sys.stdout.write(f"| {name} | {' | '.join(str(measure(tree)) for tree in trees)} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main([Path(word) for word in sys.argv[1:]] or [ROOT])
