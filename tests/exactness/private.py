"""A private machine for one run of a case: own mounts, network, processes, host name and IPC, on a fresh copy of a Debian.

`run` starts one, and this file is also the program that makes it and runs inside. The machine shares the kernel, the clock and the user
namespace with the real one, so that capabilities mean the same. What a case writes lies in tmpfs and goes with the
machine, and so does every process that the case leaves behind. That is the reset between runs.
"""

import ctypes
import fcntl
import gc
import json
import os
import re
import select
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
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
# How many times as long as elsewhere everything may take, on a machine that is slow.
PATIENCE = int(os.environ.get("CAPWRAP_PATIENCE", "1"))

# Folders of the tree that are large, and in which no case writes.
SHOWN = ("var/lib/dpkg", "var/lib/apt", "var/lib/mysql", "var/lib/postgresql", "var/cache")

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
SYS_PIVOT_ROOT = 155  # of x86-64
PR_SET_PDEATHSIG = 1
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
# Of mounts, control groups, the host name, IPC, processes and the network (linux/sched.h).
NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000
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


def kept(folder: str) -> list:
    """Returns what the folder of the tree holds as (path, lstat, content or target). For what is only shown, there is neither.

    A machine writes all of it into a tmpfs. Reading it once takes a third of the time of a copy, machine for machine.
    """
    found = []
    for entry in sorted((TREE / folder).iterdir()):
        name, about = f"{folder}/{entry.name}", entry.lstat()
        if stat.S_ISLNK(about.st_mode):
            found.append((name, about, os.readlink(entry)))
        elif stat.S_ISREG(about.st_mode):
            found.append((name, about, entry.read_bytes()))
        elif stat.S_ISDIR(about.st_mode):
            found.append((name, about, None))
            found += [] if name in SHOWN else kept(name)
    return found


def written(entries: list, whole: Path):
    """Writes what was kept into folders that are tmpfs, with owners, modes and times."""
    os.chdir(whole)
    before = os.umask(0)
    for name, about, content in entries:
        mode, owner = stat.S_IMODE(about.st_mode), (about.st_uid, about.st_gid)
        if isinstance(content, str):
            os.symlink(content, name)
        elif content is None:
            os.mkdir(name, mode)
        else:
            file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            os.write(file, content)
            os.close(file)
        # A folder may give its group to what is made in it.
        os.chown(name, *owner, follow_symlinks=False)
        if mode > 0o777 and content is None or mode & 0o6000:
            # A folder is made without these bits, and a new owner takes them away.
            os.chmod(name, mode)
        if name in SHOWN:
            bind(TREE / name, name, read_only=True)
        elif isinstance(content, bytes):
            os.utime(name, ns=(about.st_atime_ns, about.st_mtime_ns))
    os.umask(before)


def furnish(programs: str | None, entries: list):
    """Makes the file systems of the machine, and enters them."""
    mount(None, "/", flags=MS_REC | MS_PRIVATE)
    whole = Path("/mnt")
    bind(TREE, whole, read_only=True)
    for name in ("run", "mnt", "srv", "opt", "home", "root", "usr/local", "etc", "var"):
        memory(whole / name)
    memory(whole / "tmp", "1777")
    written(entries, whole)
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
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    call(libc.sethostname(b"exactness", len(b"exactness")), "sethostname")


def with_capabilities(names: list) -> list:
    """Returns the words that become the user and hold exactly these capabilities."""
    chosen = ",".join(["-all", *(f"+{name.removeprefix('cap_')}" for name in names)])
    return ["setpriv", f"--reuid={UID}", f"--regid={GID}", "--clear-groups", f"--inh-caps={chosen}",
            f"--ambient-caps={chosen}", f"--bounding-set={chosen}", "--no-new-privs", "--"]  # fmt: skip


def processes() -> set:
    """Returns the processes of users that execute something else than capwrap."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The folder of a process that may not be dumped belongs to root.
            uid = re.search(r"^Uid:\s+(\d+)", (folder / "status").read_text(), re.M)[1]
            if int(uid) >= UID and not Path(os.readlink(folder / "exe")).name.startswith("capwrap"):
                found.add(folder.name)
        except OSError:
            pass
    return found


def wait_for_command(tool, seconds: float):
    """Waits until the learner has started the command, which may have become another user at once."""
    before, ends = processes(), time.monotonic() + seconds
    while not tool.ended() and not processes() - before and time.monotonic() < ends:
        time.sleep(0.02)


def inside(request: dict, entries: list) -> dict:
    """Makes the machine around this process, which is its first, and returns what the attempt gave."""
    # A script that was started in the background ignores an interrupt, and everything that it starts does too.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    # A case may set its own niceness, from the usual one.
    os.setpriority(os.PRIO_PROCESS, 0, 0)
    os.environ["PATH"] = attempt.ENVIRONMENT["PATH"] = PATH
    attempt.Running.patience = request["patience"]
    furnish(request.get("programs"), entries)
    for name, text in request.get("files", {}).items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    said = ""
    for words in request.get("first", []):
        said += subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    done = attempt.attempt(
        request["row"], request["prefix"], request["seconds"], by_root=request.get("by_root", False),
        begun=(lambda tool: wait_for_command(tool, request["seconds"])) if request.get("waits") else None,
    )  # fmt: skip
    answer = asdict(done)
    answer["first"] = said
    answer["output"] = answer["output"][-4000:]
    answer["files"] = {
        str(path): path.read_text() for folder in request.get("wanted", []) for path in Path(folder).rglob("*") if path.is_file()
    }
    return answer


def alone(request: dict, entries: list, answers: int, errors: int):
    """Becomes a process that makes a machine and ends with it. The answer goes to one file, what is printed to another."""
    os.setsid()
    os.dup2(errors, 1)
    os.dup2(errors, 2)
    ends_with_parent()
    call(libc.unshare(NAMESPACES), "unshare")
    if (first := os.fork()) == 0:
        ends_with_parent()
        answer = json.dumps(inside(request, entries)).encode()
        while answer:
            answer = answer[os.write(answers, answer) :]
        # The rest of the machine ends with its first process.
        os._exit(0)
    os.waitpid(first, 0)


def ends_with_parent():
    call(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL), "prctl")


def serve():
    """Makes a machine for each line of the input, and prints a line for each: an answer, or why there is none.

    A machine begins as a copy of this process, because Python takes longer to start than all the rest.
    """
    entries = kept("etc") + kept("var")
    # Whatever the collector touches in a machine is copied for it.
    gc.freeze()
    for line in sys.stdin.buffer:
        reader, writer = os.pipe()
        with tempfile.TemporaryFile() as errors:
            child = os.fork()
            if child == 0:
                os.close(reader)
                try:
                    alone(json.loads(line), entries, writer, errors.fileno())
                except BaseException:
                    traceback.print_exc()
                    sys.stderr.flush()
                finally:
                    os._exit(0)
            os.close(writer)
            with os.fdopen(reader, "rb") as answers:
                answer = answers.read()
            os.waitpid(child, 0)
            errors.seek(0)
            fault = errors.read()[-2000:].decode(errors="replace")
        print(answer.decode() or json.dumps({"fault": fault}), flush=True)


class Maker:
    """A process that makes machines, one after another, and is made anew if one does not come to its end."""

    def __init__(self):
        self.process = None

    def ask(self, request: dict, limit: float) -> str | None:
        """Returns the line of the answer, or None if there is none in time."""
        if self.process is None:
            words = [sys.executable, str(HERE / "private.py")]
            self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        said, ends = b"", time.monotonic() + limit
        while not said.endswith(b"\n"):
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, ends - time.monotonic()))
            more = os.read(self.process.stdout.fileno(), 1 << 20) if ready else b""
            if not more:
                # The machines end with what makes them.
                self.process.kill()
                self.process.communicate()
                self.process = None
                return None
            said += more
        return said.decode()


# Several threads make machines at the same time.
own = threading.local()


def run(request: dict) -> dict:
    """Makes a machine, and returns what the attempt in it gave: shown, output, seconds, files."""
    request = request | {"seconds": PATIENCE * request["seconds"], "patience": PATIENCE * request.get("patience", 2)}
    limit = request["seconds"] + PATIENCE * SPARE_SECONDS
    if not hasattr(own, "maker"):
        own.maker = Maker()
    answer = own.maker.ask(request, limit)
    if answer is None:
        return {"shown": False, "output": "no end", "seconds": limit, "files": {}}
    found = json.loads(answer)
    if "fault" in found:
        raise RuntimeError(f"the private machine failed: {found['fault']}")
    return found


if __name__ == "__main__":
    serve()
