"""One attempt at a row: the set-up, the command, the judgement of what was printed, and the clean-up."""

import os
import pwd
import re
import shlex
import signal
import string
import subprocess
import tempfile
import time
from dataclasses import dataclass

ENVIRONMENT = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
# What a tool prints beyond this is not judged.
MOST = 1 << 20


@dataclass
class Attempt:
    shown: bool  # whether the output shows all that it must
    output: str
    seconds: float


def account(user: str) -> dict:
    """Returns the arguments of subprocess that run a command as this user, in the user's home."""
    entry = pwd.getpwnam(user)
    return {
        "user": entry.pw_uid,
        "group": entry.pw_gid,
        "extra_groups": os.getgrouplist(user, entry.pw_gid),
        "cwd": entry.pw_dir,
        "env": ENVIRONMENT | {"HOME": entry.pw_dir, "USER": user},
    }


class Running:
    """A command in a process group of its own, whose output goes into a file. The file is read while the command runs."""

    # How long an interrupted command may take to end. Emulation makes a tool slow.
    patience = 15

    def __init__(self, command: list, user: str, variables: dict, stdin=subprocess.DEVNULL, by_root: bool = False):
        self.file = tempfile.TemporaryFile()
        options = account(user)
        if by_root:
            # What starts the command becomes the user itself.
            for name in ("user", "group", "extra_groups"):
                del options[name]
        options["env"] |= variables
        self.process = subprocess.Popen(
            command, stdin=stdin, stdout=self.file, stderr=subprocess.STDOUT, start_new_session=True, **options
        )

    def output(self) -> str:
        return os.pread(self.file.fileno(), MOST, 0).decode(errors="replace")

    def ended(self) -> bool:
        return self.process.poll() is not None

    def signal(self, number: int):
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def stop(self):
        """Interrupts the command as a terminal would, and kills what is left of its group."""
        if not self.ended():
            self.signal(signal.SIGINT)
            try:
                self.process.wait(self.patience)
            except subprocess.TimeoutExpired:
                pass
        self.signal(signal.SIGKILL)
        self.process.wait()


def shell(words: str, user: str, variables: dict) -> Running:
    return Running(["sh", "-c", words], user, variables)


def must_end(row: dict) -> bool:
    """Returns whether the row's command must end by itself, instead of being stopped when its output shows everything."""
    return any(key in row for key in ("afterwards", "status", "check"))


def attempt(row: dict, prefix: list, seconds: float, by_root: bool = False, begun=None) -> Attempt:
    """Runs the row's command behind `prefix`, for at most `seconds`. With `by_root`, root starts `prefix`, in the
    environment and the home of the row's user. `prefix` may take long until it starts the command. `begun` then waits for
    that, so that what runs at the same time does."""
    helpers = []
    variables = {}
    try:
        if "setup" in row:
            setup = shell(row["setup"], "root", {})
            helpers.append(setup)
            try:
                setup.process.wait(120)
            except subprocess.TimeoutExpired:
                return Attempt(False, f"the setup did not end: {setup.output()}", 120)
            variables = dict(re.findall(r"^([A-Z]+)=(.*)$", setup.output(), re.M))
        words = [string.Template(word).safe_substitute(variables) for word in shlex.split(row["command"])]
        if "beside" in row and begun is None:
            helpers.append(shell(row["beside"], "root", variables))
        stdin = subprocess.PIPE if "input" in row else subprocess.DEVNULL
        began = time.monotonic()
        tool = Running(prefix + words, row.get("user", "member"), variables, stdin, by_root)
        if "input" in row:
            # The pipe stays open, because some tools end with their input and not with their work.
            try:
                tool.process.stdin.write(row["input"].encode())
                tool.process.stdin.flush()
            except BrokenPipeError:
                # The tool ended without reading.
                pass
        if begun:
            begun(tool)
            if "beside" in row:
                helpers.append(shell(row["beside"], "root", variables))
        client = None
        if "client" in row:
            client = shell(row["client"], "member", variables)
            helpers.append(client)
        printed = lambda: tool.output() + (client.output() if client else "")
        while not tool.ended() and time.monotonic() - began < seconds:
            # A tool that would run on is stopped as soon as it has shown everything.
            if not must_end(row) and judge(row, printed()):
                break
            # A short command is asked often, a long one seldom.
            time.sleep(min(0.2, 0.01 + (time.monotonic() - began) / 4))
        took = time.monotonic() - began
        # A command that is stopped has no status of its own.
        worked = row.get("status") in (None, tool.process.poll())
        tool.stop()
        said = printed()
        if "afterwards" in row:
            after = shell(row["afterwards"], "member", variables)
            helpers.append(after)
            try:
                after.process.wait(120)
            except subprocess.TimeoutExpired:
                pass
            said += after.output()
        if "check" in row:
            checked = shell(row["check"], "root", variables)
            helpers.append(checked)
            try:
                worked &= checked.process.wait(120) == 0
            except subprocess.TimeoutExpired:
                worked = False
            said += checked.output()
        return Attempt(worked and judge(row, said), said, took)
    finally:
        for helper in helpers:
            helper.stop()
        if "cleanup" in row:
            subprocess.run(["sh", "-c", row["cleanup"]], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, timeout=120)


def judge(row: dict, output: str) -> bool:
    """Returns whether the output shows everything that it must, and nothing that it must not."""
    return all(re.search(one, output, re.M) for one in row.get("shows", [])) and not any(
        re.search(one, output, re.M) for one in row.get("lacks", [])
    )
