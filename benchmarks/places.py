"""Where things are: environments, results, the report."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
BENCH_VENV = ROOT / ".venv-bench"
BENCH_PYTHON = BENCH_VENV / "bin" / "python"
PEERS = Path(__file__).with_name("peers")
SCHEMAS = Path(__file__).with_name("schemas")
RESULTS = Path(__file__).with_name("results")
LAST = RESULTS / "last.json"
REPORT = ROOT / "docs" / "benchmarks.md"
PICTURE = ROOT / "docs" / "benchmarks.svg"
README = ROOT / "README.md"
