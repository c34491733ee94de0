"""Reads rows: one file for each policy, which says what its tool must show. tests/guests/README.md lists the keys."""

import sys
import tomllib
from pathlib import Path

# Emulation makes a tool slow. The time is for a tool that prints nothing.
SECONDS = 60
# The keys of a file and of a row, each with its type, and those that every row has.
FILE = {"packages": list, "renamed": dict, "tools": list, "skip": (str, dict), "settings": list, "row": list}
ROW = {
    "name": str,
    "command": str,
    "packages": list,
    "shows": (str, list),
    "lacks": (str, list),
    "status": int,
    "check": str,
    "user": str,
    "setup": str,
    "beside": str,
    "client": str,
    "input": str,
    "afterwards": str,
    "cleanup": str,
    "seconds": int,
    "settings": dict,
    "skip": dict,
    "superfluous": dict,
}
NEEDED = {"name", "command"}
# Each of these says what a run that worked looks like, so a row has one of them at least.
JUDGING = {"shows", "status", "check"}


def fail(path, text):
    sys.exit(f"{path}: {text}")


def check(path, what, table, keys):
    for key, value in table.items():
        if key not in keys:
            fail(path, f"{what} has the unknown key {key}")
        if not isinstance(value, keys[key]):
            fail(path, f"{key} of {what} has the wrong type")


def read(path: Path) -> dict:
    """Returns the file's name, packages, settings and rows. Lists stand where the file may have a single value. `packages`
    are all that the rows need, and `shared` those of them that the file names for every row. `skip` has the suites that show
    no row, each with the reason, or is a reason for all suites."""
    with open(path, "rb") as file:
        table = tomllib.load(file)
    check(path, "the file", table, FILE)
    rows = table.get("row", [])
    if not rows and "skip" not in table:
        fail(path, "no row, and no reason to skip it")
    for row in rows:
        what = f"row {row.get('name', '?')!r}"
        check(path, what, row, ROW)
        if missing := NEEDED - row.keys():
            fail(path, f"{what} lacks {', '.join(sorted(missing))}")
        if not JUDGING & row.keys():
            fail(path, f"{what} has none of {', '.join(sorted(JUDGING))}")
        for key in ("shows", "lacks"):
            if isinstance(row.get(key), str):
                row[key] = [row[key]]
    return {
        "name": Path(path).stem,
        "shared": table.get("packages", []),
        "packages": table.get("packages", []) + [name for row in rows for name in row.get("packages", [])],
        "renamed": table.get("renamed", {}),
        "tools": table.get("tools", []),
        "skip": table.get("skip", {}),
        "settings": table.get("settings", [{}]),
        "rows": rows,
    }


def here(file: dict, suite: str) -> list:
    """Returns the rows of the file that a suite can show."""
    return [row for row in file["rows"] if not reason(file, row, suite)]


def reason(file: dict, row: dict, suite: str) -> str | None:
    """Returns why a suite cannot show a row of the file, or nothing if it can."""
    skip = file["skip"]
    return skip if isinstance(skip, str) else skip.get(suite) or row.get("skip", {}).get(suite)


def named(file: dict, packages: list, suite: str) -> list:
    """Returns the names that a suite has for packages of the file."""
    names = file["renamed"].get(suite, {})
    return [names.get(package, package) for package in packages]
