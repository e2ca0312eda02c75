"""Which files come with the package, and which does a name mean?"""

from importlib.abc import Traversable
from importlib.resources import files
from pathlib import Path

from veridical.errors import InputError

__all__ = ["Shipped"]


class Shipped:
    """TOML files of one kind inside the package, beside which a path names any other.

    Args:
        what: Their kind, for messages and the error code, such as `policy`.
        package: The package that holds them.
        folder: Their folder in it.
    """

    def __init__(self, what: str, package: str, folder: str) -> None:
        self._what = what
        self._package = package
        self._folder = folder

    def names(self) -> tuple[str, ...]:
        """Names of the files, without their ending."""
        names = (entry.name for entry in self._files().iterdir())
        return tuple(sorted(name[:-5] for name in names if name.endswith(".toml")))

    def locate(self, name: str) -> tuple[Traversable, str]:
        """The file that is meant, and what to call it in messages.

        Args:
            name: Name of a shipped file, or path of any.

        Raises:
            InputError: `<what>.unknown`: it is neither.
        """
        if name in self.names():
            return self._files() / f"{name}.toml", f"shipped {self._what} {name!r}"
        path = Path(name)
        if not path.is_file():
            raise InputError(
                f"no {self._what} {name!r}: give the path of a TOML file or one of "
                f"{', '.join(self.names())}",
                f"{self._what}.unknown",
            )
        return path, str(path)

    def _files(self) -> Traversable:
        return files(self._package) / self._folder
