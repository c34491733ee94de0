"""The cases that run on stock kernels, and the table of what was found there.

A line of the table `stock` says which sets are minimal for a case on the kernel of a suite of Debian, and what the learner
reports there by each back end. Its digest is that of the row.
"""

import fcntl
import hashlib
import os
import tomllib

import cases

TABLE = cases.HERE / "stock"
SUITES = ["bookworm", "trixie"]
# These are what the kernels of these suites have. tp_btf came with Linux 6.13.
BACK_ENDS = ["fexit", "kprobe"]
COLUMNS = ["case", "suite", "sets", *BACK_ENDS, "tool", "kernel", "digest"]
HEAD = "Minimal sets of cases on stock kernels, and what capwrap --learn reports there. tests/exactness/guests writes this file."


def chosen() -> dict:
    """Returns the rows of the cases that `stock.toml` chooses, by their names."""
    rule = tomllib.loads((cases.HERE / "stock.toml").read_text())
    few = set(rule["packages"].split())
    truth = cases.read_table(cases.TRUTH, cases.COLUMNS)
    rows = {
        name: row for name, row in cases.read().items()
        if few.issuperset(row["packages"]) and truth.get(name, {}).get("sets", cases.NOT_MEASURED) != cases.NOT_MEASURED
    }  # fmt: skip
    found = {}
    for area in {name.split("/")[0] for name in rows}:
        names = [name for name in rows if name.split("/")[0] == area]
        names.sort(key=lambda name: hashlib.sha256(name.encode()).hexdigest())
        none = [name for name in names if frozenset() in cases.sets_of(truth[name]["sets"])]
        some = [name for name in names if name not in none]
        for name in some[: rule["needing"]] + none[: rule["needing_none"]]:
            found[name] = rows[name]
    return found


def expected() -> dict:
    """Returns the digest for each line that the table should have, by (case, suite)."""
    return {(name, suite): cases.digest(row) for name, row in chosen().items() for suite in SUITES}


def pending(names: tuple, digest: str) -> dict:
    """Returns the line of a case that is still to be measured."""
    return dict(zip(COLUMNS, [*names, cases.NOT_MEASURED, *(cases.NOT_MEASURED for _ in BACK_ENDS), "-", "-", digest]))


def read() -> dict:
    return {(line["case"], line["suite"]): line for line in cases.columns.read(TABLE, COLUMNS)}


def put(names: tuple, digest: str, fields: dict):
    """Puts fields into a line, beside what another guest's program puts into the table at the same time. A minimal set that
    differs begins a new line. A guest reports the same one again at each part of its work."""
    folder = os.open(TABLE.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        lines = read()
        if any(lines[names][key] != fields[key] for key in ("sets", "kernel") if key in fields):
            lines[names] = pending(names, digest)
        lines[names] |= fields
        cases.columns.write(TABLE, COLUMNS, [lines[one] for one in sorted(lines)], HEAD)
    finally:
        os.close(folder)


def tidy():
    """Gives each case a line, and takes away lines of cases that are no more and lines that are stale."""
    wanted, present = expected(), read()
    lines = {
        names: present[names] if present.get(names, {}).get("digest") == digest else pending(names, digest)
        for names, digest in wanted.items()
    }  # fmt: skip
    cases.columns.write(TABLE, COLUMNS, [lines[one] for one in sorted(lines)], HEAD)


def measured(line: dict) -> bool:
    return cases.NOT_MEASURED not in line.values()
