"""Guests that are a whole Debian, under qemu's software emulation: their disks, and booting them."""

import os
import platform
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SILENT_SECONDS = 900
# Suites whose C library is older than that of a system that builds capwrap. A release's programs run there.
OLDER = {"bullseye"}
# Where the guest's own scripts are in a guest.
OWN = "usr/lib/capwrap-guest"


def note(text: str):
    print(text, file=sys.stderr, flush=True)


def image(suite: str, packages) -> tuple:
    """Returns the paths of a disk that has the packages, and of a kernel. SUITE:KERNEL has another suite's kernel."""
    made = subprocess.run([HERE / "image", suite, *sorted(packages)], stdout=subprocess.PIPE, text=True)
    if made.returncode:
        sys.exit("tests/guests: no disk")
    disk, kernel = made.stdout.split()
    return disk, kernel


def programs(suite: str) -> dict:
    """Returns the variable of install.sh for programs that run in a suite, if those that it builds would not."""
    if suite not in OLDER or "CAPWRAP_BIN" in os.environ:
        return {}
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    built = ["packaging/release", version, "--arch", platform.machine(), "--programs"]
    done = subprocess.run(built, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return {"CAPWRAP_BIN": done.stdout.splitlines()[-1]}


def installed(suite: str, folder: Path) -> Path:
    """Returns a tree for the second disk of a guest of this suite, with capwrap and the scripts of the guest."""
    tree = folder / "tree"
    (tree / OWN).mkdir(parents=True)
    given = os.environ | programs(suite) | {"DESTDIR": str(tree)}
    subprocess.run(["./install.sh"], env=given, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    for script in (HERE / "guest").iterdir():
        if script.is_file():
            shutil.copy(script, tree / OWN)
    return tree


def second_disk(tree: Path) -> Path:
    """Makes the second disk, whose files the guest copies to its root."""
    for path in [tree, *tree.rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o022 | (0o755 if path.is_dir() else 0))
    disk = tree.parent / "given.ext4"
    size = sum(path.stat().st_size for path in tree.rglob("*") if path.is_file()) // 1_000_000
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", tree, disk, f"{size * 5 // 4 + 40}M"], stdout=subprocess.DEVNULL, check=True)
    return disk


def boot(disk: str, kernel: str, given: Path, folder: Path, silent: int, report=lambda line: print(line, flush=True)) -> bool:
    """Boots the guest and reports each line that it prints. Returns whether it came to its end. A guest that prints nothing
    for `silent` seconds hangs."""
    said, console = folder / "said", folder / "console"
    said.touch()
    # Linux 6.12 numbers NVMe disks in the order in which they answer, also those of one controller. So the disk with the
    # root is the only one. The other is of a kind whose driver is a module, which is loaded when the root is mounted.
    drives = []
    for path, device in (disk, "nvme,serial=disk"), (given, "virtio-blk-pci"):
        name = Path(path).stem
        # Nothing is written into the disks, so the next guest begins with the same.
        drives += ["-drive", f"file={path},if=none,id={name},format=raw,snapshot=on", "-device", f"{device},drive={name}"]
    append = (
        "root=/dev/nvme0n1 rw console=ttyS0 quiet panic=-1 mitigations=off no_timer_check tsc=reliable "
        "random.trust_cpu=on init=/bin/sh -- -c "
        '"mount -t devtmpfs none /dev; modprobe -a virtio_pci virtio_blk; mount -o ro /dev/vda /mnt; exec /mnt/usr/lib/capwrap-guest/init"'
    )
    guest = subprocess.Popen(
        # qemu 7.2 emulates cmpxchg16b wrongly, which kills newer kernels at random.
        ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max,-cx16", "-smp", "1", "-m", "1500", "-nodefaults",
         "-no-user-config", "-display", "none", "-no-reboot", "-net", "none", "-kernel", kernel, *drives,
         "-append", append, "-serial", f"file:{console}", "-serial", f"file:{said}"],
        stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        with open(said, errors="replace") as lines:
            rest, last = "", time.monotonic()
            while True:
                ended = guest.poll() is not None
                if text := lines.read():
                    last = time.monotonic()
                    *whole, rest = (rest + text).split("\n")
                    for line in whole:
                        if line.strip() == "END":
                            return True
                        report(line.strip())
                elif ended or time.monotonic() - last > silent:
                    note("the guest did not come to its end. Its console:")
                    note("\n".join(console.read_text(errors="replace").splitlines()[-20:]))
                    return False
                time.sleep(0.5)
    finally:
        guest.kill()
        guest.wait()
