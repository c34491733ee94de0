"""The table of results: which lines it must have, whether they are fresh, and whether they are right.

A line says what one row showed in one suite with one group of settings, and on which day (in UTC). Its digest is that of what was measured: the
row with its packages, the policy's grants and the suite. Words for people (`why`, `summary`, comments) are not part of
it.
"""

import datetime
import hashlib
import json
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "guests")]
import columns  # noqa: E402
import rows  # noqa: E402

TABLE = HERE / "results"
SUITES = ["bookworm", "trixie", "bullseye"]
COLUMNS = ["policy", "row", "suite", "settings", "tool", "kernel", "result", "granted", "superfluous", "date", "digest"]
# What lies in a policy and has no effect on what a launch grants to the tool.
WORDS = {"summary", "docs", "allow", "optional", "container", "file", "demand", "why"}
SHOWN = "shown"
NOT_MEASURED = "not measured"


def files() -> list:
    """Returns the rows of every policy, by the policies' names."""
    return [rows.read(path) for path in sorted(HERE.glob("*.toml"))]


def effective(value):
    """Returns a part of a policy without what is words for people."""
    if isinstance(value, dict):
        return {key: effective(inner) for key, inner in value.items() if key not in WORDS}
    if isinstance(value, list):
        return [effective(inner) for inner in value]
    return value


def digest(file: dict, row: dict, suite: str, settings: dict) -> str:
    policy = tomllib.loads((ROOT / "policies" / f"{file['name']}.toml").read_text())
    measured = {key: value for key, value in row.items() if key not in ("name", "superfluous", "skip")}
    if "packages" in row:
        measured["packages"] = rows.named(file, row["packages"], suite)
    text = json.dumps([effective(policy), rows.named(file, file["shared"], suite), measured, suite, settings], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def words(settings: dict) -> str:
    return " ".join(f"{name}={value}" for name, value in settings.items()) or "-"


def expected() -> dict:
    """Returns (file, row, digest) for each line that the table should have, by (policy, row, suite, settings)."""
    lines = {}
    for file in files():
        for suite in SUITES:
            for settings in file["settings"]:
                for row in rows.here(file, suite):
                    key = (file["name"], row["name"], suite, words(settings))
                    lines[key] = (file, row, digest(file, row, suite, settings))
    return lines


def pending(names: tuple, digest: str) -> dict:
    """Returns the line of a row that is still to be measured."""
    return dict(zip(COLUMNS, [*names, "-", "-", NOT_MEASURED, "-", "-", "-", digest]))


def key(line: dict) -> tuple:
    return (line["policy"], line["row"], line["suite"], line["settings"])


def read() -> dict:
    """Returns the lines of the table by their keys."""
    return {key(line): line for line in columns.read(TABLE, COLUMNS)}


def write(lines: dict):
    head = "What the shipped policies' tools showed in guests. tests/policies/run writes this file."
    columns.write(TABLE, COLUMNS, [lines[one] for one in sorted(lines)], head)


def changes(before: dict | None, now: dict) -> list:
    """Returns what a new version changed: (column, before, now) for each column that differs, and `new` for a row that the
    table does not have."""
    if before is None or before["result"] == NOT_MEASURED:
        return [("row", "not measured", "new")]
    columns = ["tool", "kernel", "result", "granted", "superfluous"]
    return [(column, before[column], now[column]) for column in columns if before[column] != now[column]]


def line_of(result: dict, suite: str, wanted: dict) -> tuple:
    """Makes a line of what tests/guests/run printed for a row, and returns it with the row. `wanted` is what `expected`
    returned when the guest was started, because somebody may edit a policy meanwhile."""
    names = (result["file"], result["row"], suite, words(result["settings"]))
    _, row, digest = wanted[names]
    return dict(zip(COLUMNS, names)) | {
        "tool": result["version"],
        "kernel": result["kernel"],
        "result": SHOWN if result["shown"] else "not shown",
        "granted": " ".join(result["granted"]) or "-",
        "superfluous": " ".join(result["superfluous"]) or "-",
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "digest": digest,
    }, row


def faults(line: dict, row: dict) -> list:
    """Returns what is wrong with a measured policy."""
    found = []
    if line["result"] == NOT_MEASURED:
        return found
    if line["result"] != SHOWN:
        found.append("the tool does not show what it should: a grant may be missing")
    for capability in line["superfluous"].split():
        if capability not in ["-", *row.get("superfluous", {})]:
            found.append(f"{capability} is superfluous: the tool shows the same without it")
    return found
