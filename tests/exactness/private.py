"""A private machine for one run of a case: own mounts, network, processes, host name and IPC, on a fresh copy of a Debian.

`run` starts one, and this file is also the program that runs inside. The machine shares the kernel, the clock and the user
namespace with the real one, so that capabilities mean the same. What a case writes lies in tmpfs and goes with the
machine, and so does every process that the case leaves behind. That is the reset between runs.
"""

import ctypes
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "guests" / "guest"))
import attempt  # noqa: E402

CACHE = Path(os.environ.get("CAPWRAP_EXACTNESS", "/var/cache/capwrap-exactness"))
TREE = CACHE / "tree"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Scripts that cases use, as a case sees them.
GIVEN = "/run/exactness"
USER, UID, GID = "member", 1000, 1000
# A machine takes a moment to be made, and a case may wait in its set-up.
SPARE_SECONDS = 120

# Folders of the tree that are large, and in which no case writes.
SHOWN = ("var/lib/dpkg", "var/lib/apt", "var/lib/mysql", "var/lib/postgresql", "var/cache")

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
SYS_PIVOT_ROOT = 155  # of x86-64
libc = ctypes.CDLL(None, use_errno=True)

# What every Debian has in /dev, and what cases need besides. No disk of the real machine is here.
DEVICES = [
    ("null", "c", 1, 3, 0o666), ("zero", "c", 1, 5, 0o666), ("full", "c", 1, 7, 0o666), ("random", "c", 1, 8, 0o666),
    ("urandom", "c", 1, 9, 0o666), ("tty", "c", 5, 0, 0o666), ("kmsg", "c", 1, 11, 0o644), ("fuse", "c", 10, 229, 0o666),
    ("net/tun", "c", 10, 200, 0o666), ("loop-control", "c", 10, 237, 0o660), ("tty0", "c", 4, 0, 0o620),
    *((f"loop{number}", "b", 7, number, 0o660) for number in range(8)),
]  # fmt: skip


def call(done: int, what: str):
    if done != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source, target, kind=None, flags=0, data=None):
    words = [None if word is None else os.fsencode(str(word)) for word in (source, target, kind)]
    call(libc.mount(*words, flags, None if data is None else data.encode()), f"mount {kind or source} on {target}")


def memory(target, mode="0755", flags=0):
    Path(target).mkdir(parents=True, exist_ok=True)
    mount("tmpfs", target, "tmpfs", flags, f"mode={mode}")


def bind(source, target, read_only=False):
    mount(source, target, flags=MS_BIND | MS_REC)
    if read_only:
        mount(None, target, flags=MS_BIND | MS_REMOUNT | MS_RDONLY)


def copied(folder: str, whole: Path, shown: tuple = ()):
    """Fills the folder, which is a tmpfs, with a copy of the tree's. Folders in `shown` are mounted for reading instead."""
    entries = []
    for entry in (TREE / folder).iterdir():
        name = f"{folder}/{entry.name}"
        if name in shown:
            (whole / name).mkdir()
            bind(entry, whole / name, read_only=True)
        elif any(one.startswith(f"{name}/") for one in shown):
            (whole / name).mkdir()
            copied(name, whole, shown)
        else:
            entries.append(entry)
    subprocess.run(["cp", "-a", "--target-directory", whole / folder, *entries], check=True)


def furnish(programs: str | None):
    """Makes the file systems of the machine, and enters them."""
    mount(None, "/", flags=MS_REC | MS_PRIVATE)
    whole = Path("/mnt")
    bind(TREE, whole, read_only=True)
    for name in ("run", "mnt", "srv", "opt", "home", "root", "usr/local", "etc", "var"):
        memory(whole / name)
    memory(whole / "tmp", "1777")
    copied("etc", whole)
    copied("var", whole, SHOWN)
    for name in ("run/lock", "run/netns", "run/exactness", "etc/capwrap/policies", "usr/local/bin", "usr/local/libexec/capwrap", "usr/local/share"):
        (whole / name).mkdir(parents=True, exist_ok=True)
    (whole / "run/lock").chmod(0o1777)
    for user, uid in ((USER, UID), ("stranger", UID + 1)):
        (whole / "home" / user).mkdir()
        os.chown(whole / "home" / user, uid, uid)
    memory(whole / "dev")
    for name, kind, major, minor, mode in DEVICES:
        path = whole / "dev" / name
        path.parent.mkdir(exist_ok=True)
        os.mknod(path, (stat.S_IFBLK if kind == "b" else stat.S_IFCHR) | mode, os.makedev(major, minor))
        path.chmod(mode)
    for name, kind, data in (("pts", "devpts", "newinstance,ptmxmode=0666,mode=620,gid=5"), ("mqueue", "mqueue", None), ("shm", "tmpfs", "mode=1777")):
        (whole / "dev" / name).mkdir()
        mount(kind, whole / "dev" / name, kind, 0, data)
    for name, target in (("ptmx", "pts/ptmx"), ("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        (whole / "dev" / name).symlink_to(target)
    mount("proc", whole / "proc", "proc")
    mount("sysfs", whole / "sys", "sysfs")
    for kind, name in (("cgroup2", "fs/cgroup"), ("bpf", "fs/bpf"), ("tracefs", "kernel/tracing"), ("debugfs", "kernel/debug"), ("securityfs", "kernel/security")):
        mount(kind, whole / "sys" / name, kind)
    if programs:
        # The launcher gets file capabilities, which must not go to the one that was built.
        shutil.copyfile(Path(programs) / "capwrap", whole / "usr/local/bin/capwrap")
        (whole / "usr/local/bin/capwrap").chmod(0o755)
        advisor = whole / "usr/local/libexec/capwrap/capwrap-advisor"
        advisor.touch(0o755)
        bind(Path(programs) / "capwrap-advisor", advisor, read_only=True)
    (whole / "run/exactness").chmod(0o755)
    for script in (*(HERE / "given").iterdir(), HERE.parent / "guests/guest/talk"):
        shutil.copy(script, whole / "run/exactness")
    os.chdir(whole)
    call(libc.syscall(SYS_PIVOT_ROOT, b".", b"."), "pivot_root")
    call(libc.umount2(b".", MNT_DETACH), "umount of the old root")
    os.chdir("/")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["hostname", "exactness"], check=True)


def with_capabilities(names: list) -> list:
    """Returns the words that become the user and hold exactly these capabilities."""
    chosen = ",".join(["-all", *(f"+{name.removeprefix('cap_')}" for name in names)])
    return ["setpriv", f"--reuid={UID}", f"--regid={GID}", "--clear-groups", f"--inh-caps={chosen}",
            f"--ambient-caps={chosen}", f"--bounding-set={chosen}", "--no-new-privs", "--"]  # fmt: skip


def processes() -> set:
    """Returns the processes of the user that execute something else than capwrap."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if folder.stat().st_uid == UID and not Path(os.readlink(folder / "exe")).name.startswith("capwrap"):
                found.add(folder.name)
        except OSError:
            pass
    return found


def wait_for_command(tool):
    """Waits until the learner has started the command."""
    before = processes()
    while not tool.ended() and not processes() - before:
        time.sleep(0.02)


def inside():
    """Reads a request, makes the machine, and prints what the attempt gave."""
    request = json.load(sys.stdin)
    # A script that was started in the background ignores an interrupt, and everything that it starts does too.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    # A case may set its own niceness, from the usual one.
    os.setpriority(os.PRIO_PROCESS, 0, 0)
    os.environ["PATH"] = attempt.ENVIRONMENT["PATH"] = PATH
    attempt.Running.patience = request.get("patience", 2)
    furnish(request.get("programs"))
    for name, text in request.get("files", {}).items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    said = ""
    for words in request.get("first", []):
        said += subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    done = attempt.attempt(
        request["row"], request["prefix"], request["seconds"], by_root=request.get("by_root", False),
        begun=wait_for_command if request.get("waits") else None,
    )  # fmt: skip
    answer = asdict(done)
    answer["first"] = said
    answer["output"] = answer["output"][-4000:]
    answer["files"] = {
        str(path): path.read_text() for folder in request.get("wanted", []) for path in Path(folder).rglob("*") if path.is_file()
    }
    json.dump(answer, answers)
    answers.flush()
    # The rest of the machine ends with this process, which is its first.
    os._exit(0)


def run(request: dict) -> dict:
    """Makes a machine, and returns what the attempt in it gave: shown, output, seconds, files."""
    words = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--ipc", "--uts", "--cgroup", "--",
             sys.executable, str(HERE / "private.py")]  # fmt: skip
    limit = request["seconds"] + SPARE_SECONDS
    machine = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        answer, errors = machine.communicate(json.dumps(request), limit)
    except subprocess.TimeoutExpired:
        machine.kill()
        machine.communicate()
        return {"shown": False, "output": "no end", "seconds": limit, "files": {}}
    if not answer:
        raise RuntimeError(f"the private machine failed: {errors[-2000:]}")
    return json.loads(answer)


if __name__ == "__main__":
    inside()
