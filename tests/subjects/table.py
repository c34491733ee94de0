"""The rows of services and containers, and the table of what was learned of them in guests.

A line says what capwrap learned of a row in one suite by one back end, or that a trial without the learner showed what is needed, and
on which day (in UTC). Its digest is that of what decides about it: the row,
its packages, the suite, and the scripts of the guest that the row calls. A row is right if that is exactly what the row says is needed, and everything
else that the row asks for holds too.
"""

import datetime
import hashlib
import json
import re
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "guests")]
import columns  # noqa: E402
import rows  # noqa: E402

TABLE = HERE / "results"
ROWS = HERE / "rows.toml"
SUITES = ["bookworm", "trixie"]
# These are what the kernels of these suites have. tp_btf came with Linux 6.13.
BACK_ENDS = ["fexit", "kprobe"]
# What a line is by: a back end, or the trial that the learner has no part in.
WAYS = [*BACK_ENDS, "trial"]
COLUMNS = ["row", "suite", "by", "tool", "kernel", "needed", "result", "date", "digest"]
HEAD = "What capwrap learns of services and containers on stock kernels. tests/subjects/run writes this file."
RIGHT, NOT_MEASURED = "right", "not measured"
# In bookworm, the package of Docker's daemon has the client too.
RENAMED = {"bookworm": {"docker-cli": "docker.io"}}
KEYS = {
    "name": str, "packages": list, "tools": list, "setup": str, "learn": str, "beside": str, "needed": list, "shows": list,
    "check": str, "trial": str, "cleanup": str,
}  # fmt: skip
# The scripts of the guest that every row needs.
ALWAYS = {"measure.py", "capwrap-guest.service"}
REQUIRED = {"name", "packages", "learn", "needed"}


def read_rows() -> dict:
    """Returns the rows by their names."""
    found = {}
    for row in tomllib.loads(ROWS.read_text())["row"]:
        what = f"row {row.get('name', '?')!r}"
        rows.check(ROWS, what, row, KEYS)
        if missing := REQUIRED - row.keys():
            rows.fail(ROWS, f"{what} lacks {', '.join(sorted(missing))}")
        found[row["name"]] = row
    return found


def packages(row: dict, suite: str) -> list:
    """Returns the names that a suite has for the packages of a row."""
    return rows.named({"renamed": RENAMED}, row["packages"], suite)


def digest(row: dict, suite: str) -> str:
    measured = {key: value for key, value in row.items() if key != "name"} | {"packages": packages(row, suite)}
    # The scripts that the row calls, those that these call, and what every row has.
    texts, scripts = [json.dumps(measured)], {}
    waiting = {path.name: path.read_text() for path in (HERE / "guest").iterdir() if path.is_file()}
    while texts:
        text = texts.pop()
        for name in [name for name in waiting if name in ALWAYS or re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)]:
            scripts[name] = waiting.pop(name)
            texts.append(scripts[name])
    return hashlib.sha256(json.dumps([measured, suite, scripts], sort_keys=True).encode()).hexdigest()[:12]


def expected() -> dict:
    """Returns (row, digest) for each line that the table should have, by (row, suite, way)."""
    found = read_rows()
    return {
        (name, suite, way): (row, digest(row, suite))
        for name, row in found.items() for suite in SUITES for way in WAYS if way != "trial" or "trial" in row
    }  # fmt: skip


def key(line: dict) -> tuple:
    return (line["row"], line["suite"], line["by"])


def read() -> dict:
    return {key(line): line for line in columns.read(TABLE, COLUMNS)}


def write(lines: dict):
    columns.write(TABLE, COLUMNS, [lines[one] for one in sorted(lines)], HEAD)


def pending(names: tuple, digest: str) -> dict:
    """Returns the line of a row that is still to be measured."""
    return dict(zip(COLUMNS, [*names, "-", "-", "-", NOT_MEASURED, "-", digest]))


def line_of(result: dict, suite: str, digest: str) -> dict:
    """Makes a line of what a guest printed for a row."""
    faults = [" ".join(fault.replace("|", "/").split()) for fault in result["faults"]]
    return {
        "row": result["row"], "suite": suite, "by": result["by"], "tool": result["tool"], "kernel": result["kernel"],
        "needed": " ".join(result["needed"] or []) or "-", "result": "; ".join(faults) or RIGHT,
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(), "digest": digest,
    }  # fmt: skip
