"""What an image is built from: the repository's files, private as a strict umask makes them, and litter."""

import shutil
from pathlib import Path

from tests.support.processes import ROOT

COPIED = ("app", "schemas", "infra/image", "requirements", "Dockerfile", ".dockerignore")
LITTER = ("app/.env", "app/__pycache__/left.cpython-311.pyc", "schemas/.DS_Store", ".env", "ops/left.py", "README.md")
"""Files that lie about in a repository and must not get into the image."""


def copy_context(folder: Path) -> None:
    """Fill `folder`; only its owner may read what is in it."""
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / name, folder / name)
    for name in LITTER:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("litter")
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
