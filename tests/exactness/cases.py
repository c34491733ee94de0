"""The cases, and the table of what the oracle found for them.

A case is a row (tests/guests/README.md) in a file of `cases`, one for each area. A line of the table `truth` says which
sets of capabilities are minimal for a case. Its digest is that of the row.
"""

import fcntl
import hashlib
import json
import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "guests")]
import columns  # noqa: E402
import rows  # noqa: E402

TRUTH = HERE / "truth"
COLUMNS = ["case", "sets", "tool", "kernel", "digest"]
NEEDS_NOTHING = "-"
NOT_MEASURED = "not measured"
SECONDS = 10


def read() -> dict:
    """Returns the rows of all cases by AREA/NAME, each with its area and with its packages as a list."""
    found = {}
    for path in sorted((HERE / "cases").glob("*.toml")):
        for row in rows.read(path)["rows"]:
            name = f"{path.stem}/{row['name']}"
            if name in found:
                rows.fail(path, f"two rows have the name {row['name']!r}")
            if "|" in name:
                rows.fail(path, f"a bar is in the name {row['name']!r}")
            if not row.get("packages"):
                rows.fail(path, f"row {row['name']!r} names no package")
            found[name] = row
    return found


def half(name: str) -> str:
    """Returns to which half of the list a case belongs: a, or b, which nobody reads while correcting the learner."""
    return "ab"[hashlib.sha256(name.encode()).digest()[0] & 1]


def chosen(only: str = "", wanted: str | None = None) -> dict:
    return {
        name: row
        for name, row in read().items()
        if re.search(only, name) and wanted in (None, half(name))
    }  # fmt: skip


def digest(row: dict) -> str:
    measured = {key: value for key, value in row.items() if key != "name"}
    return hashlib.sha256(json.dumps(measured, sort_keys=True).encode()).hexdigest()[:12]


def written(sets: list) -> str:
    """Returns sets as a table writes them: sorted, separated by `or`."""
    texts = sorted((" ".join(sorted(one)) or NEEDS_NOTHING for one in sets), key=lambda text: (text.count(" "), text))
    return " or ".join(texts)


def sets_of(text: str) -> list:
    return [frozenset(one.replace(NEEDS_NOTHING, "").split()) for one in text.split(" or ")]


def read_table(path: Path, names: list) -> dict:
    """Returns the lines of a table by their first columns."""
    return {line[names[0]]: line for line in columns.read(path, names)}


def update_table(path: Path, names: list, line: dict, head: str):
    """Puts a line into a table, beside whatever other programs put there at the same time."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        write_table(path, names, read_table(path, names) | {line[names[0]]: line}, head)
    finally:
        os.close(folder)


def write_table(path: Path, names: list, lines: dict, head: str):
    columns.write(path, names, [lines[one] for one in sorted(lines)], head)
