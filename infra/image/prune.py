#!/usr/bin/env python3
"""Leaves out of a folder of installed packages what the gateway never reads, for a small image and a quick start. Runs
inside the image's build.

    python3 prune.py FOLDER

In Python, for AWS's base images from 3.12 on have neither find (aws-lambda-base-images#196) nor strip. Licences and the
metadata that importlib.metadata reads stay.
"""

import gzip
import json
import shutil
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

AWS_SERVICES = frozenset({"kinesis", "s3", "secretsmanager", "sts"})
"""What is left of botocore's data: kinesis and s3 take records, secretsmanager has the keys, sts gives credentials to
hosts that have a web identity. The files beside the services' folders (endpoints, retries) stay."""

INSTALLERS_NOTES = frozenset({"INSTALLER", "RECORD", "REQUESTED", "direct_url.json"})
SOURCES_OF_EXTENSIONS = frozenset({".c", ".h", ".pxd", ".pxi", ".pyi", ".pyx"})
FOLDERS_OF_TESTS = frozenset({"test", "tests"})

ELF_64_LITTLE_ENDIAN = b"\x7fELF\x02\x01"
# Of the ELF-64 object file format: the file header, of which we read where the two tables are and how long, and a
# program header, of which we read the segment's offset and length in the file.
FILE_HEADER = struct.Struct("<16x HHI QQQ I HHHHHH")
PROGRAM_HEADER = struct.Struct("<8x Q 16x Q 16x")


def unused(folder: Path) -> Iterator[Path]:
    """Files and folders below `folder` that the gateway does without."""
    yield folder / "bin"
    yield folder / "boto3" / "examples"
    yield folder / "boto3" / "data"  # of resources; the gateway has clients only
    for service in (folder / "botocore" / "data").iterdir():
        if service.is_dir() and service.name not in AWS_SERVICES:
            yield service
    for path in folder.rglob("*"):
        is_note = path.parent.suffix == ".dist-info" and path.name in INSTALLERS_NOTES
        is_tests = path.is_dir() and path.name in FOLDERS_OF_TESTS
        is_examples = path.name == "examples-1.json"  # of botocore's services
        if is_note or is_tests or is_examples or path.suffix in SOURCES_OF_EXTENSIONS:
            yield path


def shorten_data(data: Path) -> None:
    """Leave botocore, which reads whole files, less to read at each start: our services' endpoints, no documentation.

    It takes a compressed file and one that is not, and documents as empty as they are here.
    """
    endpoints = data / "endpoints.json"
    read = json.loads(endpoints.read_bytes())
    for partition in read["partitions"]:
        partition["services"] = {name: each for name, each in partition["services"].items() if name in AWS_SERVICES}
    _write(endpoints, read)
    for compressed in data.rglob("*.json.gz"):
        _write(compressed.with_suffix(""), undocumented(json.loads(gzip.decompress(compressed.read_bytes()))))
        compressed.unlink()


def undocumented(model: Any) -> Any:  # noqa: ANN401  any JSON
    """`model` with its documentation empty; botocore asks for the member."""
    if isinstance(model, list):
        return [undocumented(each) for each in model]
    if not isinstance(model, dict):
        return model
    return {
        name: "" if name == "documentation" and isinstance(value, str) else undocumented(value)
        for name, value in model.items()
    }


def _write(file: Path, document: object) -> None:
    file.write_text(json.dumps(document, separators=(",", ":"), ensure_ascii=False), "utf-8")


def loaded_part(library: bytes) -> bytes:
    """A shared library less what stands behind its last segment: debug symbols and the table of sections.

    The loader reads segments only. What is no 64-bit little-endian ELF file comes back as it is.
    """
    if not library.startswith(ELF_64_LITTLE_ENDIAN):
        return library
    *identity, flags, header_size, entry_size, entries, section_size, _, _ = FILE_HEADER.unpack_from(library)
    kind, machine, version, entry_point, table, _ = identity
    segments = (PROGRAM_HEADER.unpack_from(library, table + number * entry_size) for number in range(entries))
    end = max(offset + size for offset, size in segments)
    header = FILE_HEADER.pack(
        kind, machine, version, entry_point, table, 0, flags, header_size, entry_size, entries, section_size, 0, 0
    )
    return library[:16] + header[16:] + library[FILE_HEADER.size : end]


def prune(folder: Path) -> None:
    """Take away what `unused` names, and of what is left symbols and documentation."""
    for path in list(unused(folder)):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    shorten_data(folder / "botocore" / "data")
    for library in folder.rglob("*.so"):
        library.write_bytes(loaded_part(library.read_bytes()))


if __name__ == "__main__":
    prune(Path(sys.argv[1]))
