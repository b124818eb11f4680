"""QEMU source packages from the Debian archive this system's apt is configured for."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

#: suites in which a QEMU may be that we write for; those that the archive does not have are left out
SUITES = ("bookworm", "trixie", "trixie-backports", "forky", "sid")


class CannotHave(Exception):  # noqa: N818 - named for the outcome it stands for
    """A package or a tool that is not to be had here; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Package:
    """A source package of the archive."""

    version: str  # Debian's, with epoch
    apt: tuple[str, ...]  # apt-get options that lead to it

    @property
    def upstream(self) -> str:
        """The QEMU release: 7.2.22 of 1:7.2+dfsg-7+deb12u18 is not told, so 7.2 becomes 7.2.0."""
        number = re.match(r"(?:\d+:)?(\d+(?:\.\d+)+)", self.version)
        found = number[1] if number else "0"
        return found if found.count(".") > 1 else f"{found}.0"


def run(command: Sequence[str | Path], cwd: Path | None = None, seconds: int = 1800) -> str:
    """Standard output of a command. Raises `CannotHave` with the end of what it said where it fails."""
    try:
        done = subprocess.run(
            [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False, timeout=seconds
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotHave(f"{command[0]}: {error}") from error
    if done.returncode:
        tail = (done.stderr or done.stdout).strip().splitlines()[-6:]
        raise CannotHave(f"{command[0]} failed: " + " | ".join(tail))
    return done.stdout


def packages(cache: Path) -> list[Package]:
    """The QEMU source packages that can be had, the newest first. Raises `CannotHave`."""
    for tool in ("apt-get", "apt-cache", "dpkg-source"):
        if shutil.which(tool) is None:
            raise CannotHave(f"there is no {tool}: Debian's source packages are fetched with it")
    uri, key = _archive()
    options = _private_apt(cache / "apt", uri, key)
    # Suites that the archive does not carry are reported as errors, those that it does are still updated.
    update = ["apt-get", *options, "update"]
    done = subprocess.run(update, capture_output=True, text=True, check=False, timeout=900)
    listed = subprocess.run(["apt-cache", *options, "showsrc", "qemu"], capture_output=True, text=True, check=False)
    versions = dict.fromkeys(re.findall(r"^Version: (\S+)$", listed.stdout, re.MULTILINE))
    if not versions:
        said = done.stderr.strip().splitlines()[-1:] or ["the archive lists none"]
        raise CannotHave(f"no QEMU source package: {said[0]}")
    found = [Package(version, tuple(options)) for version in versions]
    return sorted(found, key=lambda p: [int(part) for part in p.upstream.split(".")], reverse=True)


def fetch(package: Package, cache: Path) -> Path:
    """The unpacked source of a package; unpacked once."""
    folder = cache / package.version.replace(":", "_")
    tree = folder / "tree"
    if tree.is_dir():
        return tree
    folder.mkdir(parents=True, exist_ok=True)
    source = ["apt-get", *package.apt, "source", "--download-only", "--only-source", f"qemu={package.version}"]
    run(source, cwd=folder)
    described = next(folder.glob("*.dsc"), None)
    if described is None:
        raise CannotHave("apt-get source brought no .dsc file")
    unpacked = folder / "unpacking"
    shutil.rmtree(unpacked, ignore_errors=True)
    run(["dpkg-source", "--no-check", "-x", described, unpacked])
    unpacked.rename(tree)
    return tree


def _archive() -> tuple[str, str]:
    """Address and keyring of the Debian archive in apt's own configuration."""
    listed = run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(SIGNED_BY) $(RELEASE) $(COMPONENT)"])
    for line in listed.splitlines():
        parts = line.split()
        if parts and re.search(r"/debian/?$", parts[0]) and "main" in parts:
            key = parts[1] if len(parts) > 3 and parts[1].startswith("/") else ""
            return parts[0], key
    raise CannotHave("apt is configured for no Debian archive (or has no lists yet: apt-get update)")


def _private_apt(folder: Path, uri: str, key: str) -> list[str]:
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    signed = f"[signed-by={key}] " if key else ""
    text = "".join(f"deb-src {signed}{uri} {suite} main\n" for suite in SUITES)
    (folder / "sources.list").write_text(text, encoding="utf-8")
    settings = {
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "APT::Sandbox::User": "root",
        "Acquire::Check-Valid-Until": "false",
    }
    return [part for key_, value in settings.items() for part in ("-o", f"{key_}={value}")]
