"""Runs the oracle and the report inside a guest, and prints a line of JSON for each line of their tables.

The guest itself is the Debian that the private machines copy. Argument: a file of JSON with the cases' names and the back
ends.
"""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

EXACTNESS = Path(__file__).resolve().parent / "tests/exactness"
sys.path.insert(0, str(EXACTNESS))
import cases  # noqa: E402

CACHE = Path("/run/capwrap-exactness")
PROGRAMS = Path("/run/capwrap-programs")
BATCH = 8
# The settings that decide what an unprivileged user may observe.
SETTINGS = ["kernel.perf_event_paranoid", "kernel.unprivileged_bpf_disabled", "kernel.dmesg_restrict", "kernel.kptr_restrict"]


def prepare():
    """Makes of this guest what `tree` makes elsewhere, and applies Debian's own settings, as a boot does."""
    CACHE.mkdir()
    (CACHE / "tree").symlink_to("/")
    Path("/etc/capwrap-exactness").touch()
    PROGRAMS.mkdir()
    (PROGRAMS / "capwrap").symlink_to("/usr/local/bin/capwrap")
    (PROGRAMS / "capwrap-advisor").symlink_to("/usr/local/libexec/capwrap/capwrap-advisor")
    os.environ |= {"CAPWRAP_EXACTNESS": str(CACHE), "CAPWRAP_BIN": str(PROGRAMS)}
    subprocess.run(["sysctl", "--system"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    subprocess.run(["sysctl", *SETTINGS])
    paranoid = Path("/proc/sys/kernel/perf_event_paranoid").read_text().strip()
    if paranoid != "3":
        sys.exit(f"kernel.perf_event_paranoid is {paranoid} and not 3 as Debian's kernels have it")


def run(command: list, table: Path, key: str):
    """Runs a program, and prints each line of its table as soon as it is there."""
    names = cases.COLUMNS if key == "sets" else None
    process = subprocess.Popen(command)
    printed = {}
    while True:
        ended = process.poll() is not None
        for line in lines_of(table, names):
            if line["digest"] != "-" and printed.get(line["case"]) != line:
                printed[line["case"]] = line
                print(json.dumps({"key": key, **line}), flush=True)
        if ended:
            return
        time.sleep(4)


def lines_of(table: Path, names: list | None) -> list:
    if not table.exists():
        return []
    if names is None:
        first = next(text for text in table.read_text().splitlines() if not text.startswith("#"))
        names = [name.strip() for name in first.split("|")]
    return cases.columns.read(table, names)


def main(path: str):
    request = json.loads(Path(path).read_text())
    os.environ["CAPWRAP_PATIENCE"] = str(request["patience"])
    prepare()
    waiting = request["cases"]
    while waiting:
        # A guest that is ended has whole lines for what it came to.
        few, waiting = waiting[:BATCH], waiting[BATCH:]
        only = "^(" + "|".join(re.escape(name) for name in few) + ")$"
        options = ["--only", only, "--jobs", "1"]
        run([EXACTNESS / "oracle", *options, "--first", EXACTNESS / "guesses"], cases.TRUTH, "sets")
        for back_end in request["back_ends"]:
            (EXACTNESS / "results").unlink(missing_ok=True)
            print(f"== by {back_end}, {len(waiting)} cases wait", flush=True)
            run([EXACTNESS / "report", *options, "--back-end", back_end], EXACTNESS / "results", back_end)


main(sys.argv[1])
