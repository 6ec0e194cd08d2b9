"""A stand-in for AWS Lambda's Python base image, made of this machine's Debian and Python: what lies where, as AWS has.

It shows that the Dockerfile, the entrypoint and the handler work together under AWS's own runtime client. It differs
from ``public.ecr.aws/lambda/python``: Debian instead of Amazon Linux 2023, the Python that runs the tests (so not the
wheels of 3.13), no runtime interface emulator, no boto3 in /var/runtime, no package manager. Like the real one it has
a shell and coreutils, but neither find nor strip.
"""

import platform
import re
import shutil
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

import pip

from tests.image.buildah import checked
from tests.support.processes import ROOT

PACKAGES = "base-files,coreutils,dash,libstdc++6"
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
STDLIB = Path(sysconfig.get_path("stdlib"))
UNUSED_STDLIB = (
    "test",
    "idlelib",
    "tkinter",
    "turtledemo",
    "lib2to3",
    "ensurepip",
    "site-packages",
    "dist-packages",
    "_tkinter*",
)
REQUIREMENTS = ROOT / "requirements" / "lambda-runtime.txt"

# As in AWS's base images (aws-lambda-base-images, Dockerfile and lambda-entrypoint.sh of python/3.13).
DOCKERFILE = """\
FROM scratch
COPY . /
ENV LANG=en_US.UTF-8 TZ=:/etc/localtime PATH=/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin \\
    LD_LIBRARY_PATH=/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib \\
    LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime
WORKDIR /var/task
ENTRYPOINT ["/lambda-entrypoint.sh"]
"""
ENTRYPOINT = """\
#!/bin/sh
[ $# -eq 1 ] || { echo "the one argument is the handler's name" >&2; exit 142; }
export _HANDLER="$1"
if [ -z "${AWS_LAMBDA_RUNTIME_API}" ]; then
    exec /usr/local/bin/aws-lambda-rie /var/runtime/bootstrap
else
    exec /var/runtime/bootstrap
fi
"""
EMULATOR = """\
#!/bin/sh
echo "the emulator would run $* for $_HANDLER"
"""
BOOTSTRAP = f"""\
#!/bin/sh
export AWS_EXECUTION_ENV=AWS_Lambda_{PYTHON}
exec /var/lang/bin/{PYTHON} /var/runtime/bootstrap.py
"""
BOOTSTRAP_PY = """\
import os
import sys

sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
from awslambdaric.__main__ import main

main(["bootstrap", os.environ["_HANDLER"]])
"""


def make_root(root: Path) -> None:
    """Fill `root` with the file system of the stand-in; CommandFailed when a part cannot be had."""
    suite = platform.freedesktop_os_release()["VERSION_CODENAME"]
    checked(["mmdebstrap", "--quiet", "--variant=extract", f"--include={PACKAGES}", suite, str(root)])
    _add_python(root)
    _add_runtime(root)
    (root / "etc" / "pip.conf").write_text("[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n")
    (root / "var" / "task").mkdir()
    for name in ("doc", "locale", "man", "info", "lintian"):
        shutil.rmtree(root / "usr" / "share" / name, ignore_errors=True)


def _add_python(root: Path) -> None:
    lang = root / "var" / "lang"
    (lang / "bin").mkdir(parents=True)
    executable = Path(sys.base_prefix, "bin", PYTHON)
    shutil.copy2(executable, lang / "bin" / PYTHON)
    (lang / "bin" / "python3").symlink_to(PYTHON)
    stdlib = lang / "lib" / PYTHON
    ignored = shutil.ignore_patterns(*UNUSED_STDLIB, "config-*", "*.a")
    shutil.copytree(STDLIB, stdlib, ignore=ignored, ignore_dangling_symlinks=True)
    # Beside the standard library, for where a Python looks for packages differs between Debian's and others.
    shutil.copytree(Path(pip.__file__).parent, stdlib / "pip", ignore=shutil.ignore_patterns("__pycache__"))
    for library in _missing_libraries(root, [executable, *stdlib.glob("lib-dynload/*.so")]):
        shutil.copy2(library, lang / "lib" / library.name)


def _missing_libraries(root: Path, binaries: Iterable[Path]) -> Iterator[Path]:
    """What this machine's loader finds for `binaries` and `root` does not have, each once."""
    listed = checked(["ldd", *map(str, binaries)])
    there = {path.name for path in root.rglob("*.so*")}
    for needed in sorted(set(re.findall(r"=> (/\S+)", listed))):
        if Path(needed).name not in there:
            yield Path(needed)


def _add_runtime(root: Path) -> None:
    runtime = root / "var" / "runtime"
    pip_install = [sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:"]
    checked([*pip_install, "--target", str(runtime), "--requirement", str(REQUIREMENTS)])
    (runtime / "bootstrap.py").write_text(BOOTSTRAP_PY)
    (root / "usr" / "local" / "bin").mkdir(parents=True, exist_ok=True)
    for script, text in {
        "lambda-entrypoint.sh": ENTRYPOINT,
        "usr/local/bin/aws-lambda-rie": EMULATOR,
        "var/runtime/bootstrap": BOOTSTRAP,
    }.items():
        (root / script).write_text(text)
        (root / script).chmod(0o755)
