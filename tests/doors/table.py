"""The table of the places that ask for a capability, and what answers for each of them: a row of the table of doors, or
a line of `exceptions`."""

import hashlib
import re
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent))
import columns  # noqa: E402

RESULTS = HERE / "results"
COLUMNS = ["caller", "capability", "kernels", "answer"]
EXCEPTIONS = HERE / "exceptions"
SCANNER = HERE / "callers.py"
DOORS = ROOT / "core/src/scope/table.rs"
STRENGTH = ROOT / "core/src/scope/strength.rs"
MISSING = "nothing answers for it"
# What the lines of `exceptions` say in "by" besides system calls.
LEFT, NOTHING = {"file", "implicit"}, "nothing"

ROW = re.compile(r'\b(?:row|named)\(\s*C::(\w+),(?:\s*&\[([^\]]*)\],)?\s*"(\w+)",(.*?)"([^"]*)",?\s*\)', re.S)
SOURCE = re.compile(r"([\w/.+-]+\.[ch])(?::(\w+))?")
SCOPE = re.compile(r'\bscope\(\s*C::(\w+),\s*\w+,\s*(?:"([^"]*)"|NOTHING),?\s*\)', re.S)


class Answers(NamedTuple):
    """What the project says of the doors."""

    # For each capability the calls that have a row, and the places that a row names as (file, function); no function
    # stands for all of a file.
    calls: dict
    sources: dict
    # For each capability what a scope leaves open; empty for strength::NOTHING.
    leaves: dict
    exceptions: list


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def read() -> Answers:
    calls, sources = {}, {}
    for capability, _, call, _, source in ROW.findall(DOORS.read_text()):
        name = f"cap_{capability.lower()}"
        calls.setdefault(name, set()).add(call)
        sources.setdefault(name, set()).update((file, function) for file, function in SOURCE.findall(source))
    leaves = {f"cap_{capability.lower()}": text for capability, text in SCOPE.findall(STRENGTH.read_text())}
    if len(leaves) != 41 or not calls:
        sys.exit(f"tests/doors: {DOORS} and {STRENGTH} do not have the form that this script reads")
    return Answers(calls, sources, leaves, columns.read(EXCEPTIONS, ["caller", "capability", "by", "reason"]))


def named(exception: dict) -> str:
    return f"{exception['caller']} {exception['capability']}: {exception['by']}"


def answer(answers: Answers, caller: str, capability: str) -> str:
    """Returns what answers for a caller, FILE:FUNCTION."""
    file, _, function = caller.partition(":")
    if {(file, function), (file, "")} & answers.sources.get(capability, set()):
        return "a row"
    for line in answers.exceptions:
        if fnmatchcase(caller, line["caller"]) and line["capability"] in ("*", capability):
            return named(line)
    return MISSING


def faults(answers: Answers, line: dict) -> list:
    """Returns what is wrong with the answer for one caller."""
    caller, capability = line["caller"], line["capability"]
    found = answer(answers, caller, capability)
    if found == MISSING:
        return [f"{caller} asks for {capability} ({line['kernels']}), and neither a row nor an exception answers for it"]
    if found != line["answer"]:
        return [f"{caller}, {capability}: its answer is {found!r} by now, and not {line['answer']!r}"]
    if found == "a row" or capability == "?":
        return []
    by = set(found.rpartition(": ")[2].split())
    if by == {NOTHING} or by & answers.calls.get(capability, set()):
        return []
    if by & LEFT:
        if not answers.leaves[capability]:
            return [f"{caller}: strength.rs says that a scope of {capability} leaves nothing open, and this is left"]
        return []
    return [f"{caller}: no row of {capability} is about {' or '.join(sorted(by))}"]


def unused(answers: Answers, lines: list) -> list:
    """Returns the exceptions that answer for no caller."""
    used = {line["answer"] for line in lines}
    return [
        f"exceptions: {one['caller']}, {one['capability']} answers for no caller"
        for one in answers.exceptions
        if named(one) not in used
    ]  # fmt: skip
