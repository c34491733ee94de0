"""Learns services and containers inside a guest whose own systemd runs, and prints a line of JSON for each row by each back end.

A row that has a `trial` is also proven: the trial must succeed with the capabilities that the row says are needed, and must
fail without any single one of them. The learner has no part in that.
"""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from attempt import Running

PROFILE = Path("/run/learned.json")
KEPT = 3000


def note(text: str):
    """Shows on the guest's console how far it came."""
    print(f"{time.monotonic():.0f} s: {text}", file=sys.stderr, flush=True)


def shell(words: str, variables: dict) -> Running:
    return Running(["sh", "-ec", words], "root", variables)


def wait(running: Running, seconds: float) -> int | None:
    """Returns the status of a command, or nothing if it did not end in time. Then it is killed."""
    try:
        return running.process.wait(seconds)
    except subprocess.TimeoutExpired:
        running.stop()
        return None


def variables(capabilities: list) -> dict:
    """Returns a set in the words of each manager."""
    names = [name.removeprefix("cap_").upper() for name in capabilities]
    options = " ".join(["--cap-drop=ALL", *(f"--cap-add={name}" for name in names)])
    return {"SET": ",".join(capabilities), "NEEDED": " ".join(name.upper() for name in capabilities), "OPTIONS": options}


def fault_of(what: str, running: Running, status: int | None) -> str | None:
    if status == 0:
        return None
    said = " / ".join(running.output().splitlines()[-3:])
    return f"{what} {'did not end' if status is None else f'ended with {status}'}: {said}"


def learned(row: dict, back_end: str, seconds: float) -> dict:
    """Learns a row once."""
    PROFILE.unlink(missing_ok=True)
    began = time.monotonic()
    note(f"{row['name']}: learned by {back_end}")
    given = variables(row["needed"])
    faults, output, needed, beside = [], "", None, None
    try:
        setup = shell(row.get("setup", ":"), given)
        if fault := fault_of("the set-up", setup, wait(setup, seconds)):
            return {"needed": None, "faults": [fault], "output": setup.output()[-KEPT:], "seconds": time.monotonic() - began}
        # The words are split by a shell, and what is quoted for capwrap's own shell stays as it is.
        words = row["learn"].replace("$", "\\$")
        learner = shell(f"exec capwrap learn --back-end {back_end} --output {PROFILE} {words}", {})
        while not learner.ended() and "watched" not in learner.output() and time.monotonic() - began < seconds:
            time.sleep(0.2)
        if "beside" in row:
            beside = shell(row["beside"], given)
        status = wait(learner, seconds)
        note(f"{row['name']}: the learner ended with {status}")
        output = learner.output()
        if fault := fault_of("the learner", learner, status):
            faults.append(fault)
        if PROFILE.exists():
            needed = json.loads(PROFILE.read_text())["needed"]
        faults += [f"it does not print {one}" for one in row.get("shows", []) if not re.search(one, output, re.M)]
        if beside and (fault := fault_of("what uses the service", beside, wait(beside, 60))):
            faults.append(fault)
        check = shell(row.get("check", ":"), given)
        if fault := fault_of("the check", check, wait(check, seconds)):
            faults.append(fault)
    finally:
        clean_up(row, given)
    return {"needed": needed, "faults": faults, "output": output[-KEPT:], "seconds": time.monotonic() - began}


def clean_up(row: dict, given: dict):
    cleanup = Running(["sh", "-c", row.get("cleanup", ":")], "root", given)
    wait(cleanup, 120)


def proven(row: dict, seconds: float) -> dict:
    """Tries what the row says is needed, without the learner."""
    began = time.monotonic()
    faults, output = [], ""
    needed = row["needed"]
    try:
        setup = shell(row.get("setup", ":"), {})
        wait(setup, seconds)
        for without in [None, *needed]:
            trial = shell(row["trial"], variables([name for name in needed if name != without]))
            status = wait(trial, seconds)
            output = trial.output()
            note(f"{row['name']}: the trial without {without} ended with {status}")
            if without is None and (fault := fault_of("the trial", trial, status)):
                faults.append(fault)
            elif without and status == 0:
                faults.append(f"it works without {without}")
    finally:
        clean_up(row, {})
    return {"needed": needed, "faults": faults, "output": output[-KEPT:], "seconds": time.monotonic() - began}


def version(package: str) -> str:
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True)
    return f"{package} {done.stdout}"


def main(path: str):
    request = json.loads(Path(path).read_text())
    for row in request["rows"]:
        for by in request["by"]:
            if by == "trial" and "trial" not in row:
                continue
            result = proven(row, request["seconds"]) if by == "trial" else learned(row, by, request["seconds"])
            if result["needed"] is not None and result["needed"] != row["needed"]:
                result["faults"].insert(0, f"learned {' '.join(result['needed']) or 'nothing'}")
            about = {"row": row["name"], "by": by, "tool": version(row["packages"][0]), "kernel": os.uname().release}
            print(json.dumps(about | result), flush=True)


main(sys.argv[1])
