"""Measures rows inside a guest, and prints a line of JSON for each.

A row is run once with what its policy grants, and once more without each single capability that it grants. If the
output still shows everything without one, that capability is superfluous for the row.
"""

import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from attempt import account, attempt


def granted(row: dict) -> list:
    """Returns the capabilities that the launch of the row would pass to the tool here."""
    words = row["command"].split()
    said = lambda *options: subprocess.run(
        ["capwrap", "explain", *options, *words], capture_output=True, text=True, **account(row.get("user", "member"))
    )
    done = said("--json")
    try:
        answer = json.loads(done.stdout)
        # The advisor cannot try a probe, so JSON says that what depends on one is undecided. The launcher's text decides.
        undecided = {capability for grant in answer["undecided"] for capability in grant["capabilities"]}
        passed = answer["passed"]
        if undecided:
            section = re.search(r"^granted$(.*?)^(?=\S)", said().stdout + "end", re.M | re.S)[1]
            titles = ",".join(re.findall(r"^  (cap_\S+)$", section, re.M)).split(",")
            passed += sorted(undecided.intersection(titles).difference(passed))
        return passed
    except (ValueError, KeyError, TypeError):
        sys.exit(f"capwrap explain {row['command']}: {done.stdout}{done.stderr}")


@contextmanager
def settings(wanted: dict):
    """Sets settings of the kernel, and restores them afterwards."""
    before = {}
    for name, value in wanted.items():
        file = Path("/proc/sys") / name.replace(".", "/")
        before[file] = file.read_text()
        file.write_text(str(value))
    try:
        yield
    finally:
        for file, text in before.items():
            file.write_text(text)


def version(file: dict) -> str:
    if file["tools"]:
        return "given by hand"
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", file["packages"][0]], capture_output=True, text=True)
    return done.stdout


def measure(row: dict) -> dict:
    limit = row["seconds"]
    first = attempt(row, ["capwrap"], limit)
    result = {"shown": first.shown, "seconds": round(first.seconds, 1), "output": first.output[-1500:]}
    result["granted"] = granted(row)
    result["superfluous"] = []
    if first.shown:
        for capability in result["granted"]:
            # Without a capability, a tool may wait forever for what it cannot see.
            without = attempt(row, ["capwrap", "--drop", capability], min(limit, 3 * first.seconds + 5))
            if without.shown:
                result["superfluous"].append(capability)
    return result


def main(rows: str):
    for file in json.loads(Path(rows).read_text()):
        for wanted in file["settings"]:
            with settings(wanted):
                for row in file["rows"]:
                    with settings(row.get("settings", {})):
                        result = measure(row)
                    about = {"file": file["name"], "row": row["name"], "settings": wanted, "version": version(file), "kernel": os.uname().release}
                    print(json.dumps(about | result), flush=True)


main(sys.argv[1])
