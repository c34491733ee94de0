"""The table of the units of Debian's packages: what systemd says of each, and whether capwrap reads the same.

A line has those settings of the unit that decide about its capabilities, so that `check` needs no package. Its digest is
that of the whole unit file.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import columns  # noqa: E402

TABLE = HERE / "results"
COLUMNS = ["package", "version", "unit", "digest", "bounding", "ambient", "user", "no_new_privs", "result", "settings"]
SAME = "the same"
# The settings that decide about the capabilities of a unit's processes, or whether there are any.
SETTINGS = re.compile(
    r"(User|DynamicUser|AmbientCapabilities|CapabilityBoundingSet|SecureBits|NoNewPrivileges|PrivateUsers|PrivateDevices"
    r"|ProtectKernelModules|ProtectKernelLogs|ProtectClock|Limit[A-Z]+|Exec(?:Start|Stop)|SuccessAction|RemainAfterExit|Listen[A-Za-z]+|What|Where|BusName|Type)\s*=(.*)"
)
SECTIONS = {"service": "Service", "socket": "Socket", "mount": "Mount", "swap": "Swap"}
NAMES = (
    "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service "
    "net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin "
    "sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override "
    "mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore"
).split()
ALL = (1 << len(NAMES)) - 1
CAPWRAP = os.environ.get("CAPWRAP", "capwrap")
# The instance of every template.
INSTANCE = "nobody"


def mask(names: str) -> int:
    """Returns the set of names such as `cap_kill cap_bpf`, as systemctl prints them."""
    return sum(1 << NAMES.index(name.removeprefix("cap_")) for name in names.split())


def of_shown(text: str | None) -> int:
    """Returns the set that capwrap prints as `none`, `all`, `all but …` or names."""
    if text is None or text == "all":
        return ALL
    if text == "none":
        return 0
    names = text.removeprefix("all but ").replace(",", " ")
    return ALL & ~mask(names) if text.startswith("all but ") else mask(names)


def reduced(text: str) -> str:
    """Returns the settings of a unit that count here, on one line."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith(("#", ";"))]
    kept = []
    for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        setting = SETTINGS.fullmatch(line.strip())
        if setting and setting[1].startswith("Exec"):
            # The program is not started; a prefix of its path counts.
            prefix = re.match(r"[@\-:+!]*", setting[2].strip())[0].replace("@", "")
            line = f"{setting[1]}={prefix}/bin/true" if setting[2].strip() else f"{setting[1]}="
        if setting or line.strip().startswith("["):
            kept.append(line.strip())
    # A section without a setting that counts says nothing.
    kept = [line for at, line in enumerate(kept) if not line.startswith("[") or not "".join(kept[at + 1 : at + 2] or "[").startswith("[")]
    assert not any("; " in line or "|" in line for line in kept), kept
    return "; ".join(kept)


def instance(name: str) -> str:
    return name.replace("@.", f"@{INSTANCE}.")


def systemd(folder: Path, names: list) -> list:
    """Has a real systemd load the units of a folder, and returns the properties of each."""
    properties = "LoadState,User,SecureBits,NoNewPrivileges,CapabilityBoundingSet,AmbientCapabilities"
    (folder / "start.target").write_text("[Unit]\nDefaultDependencies=no\nWants=capwrap-show.service\n")
    (folder / "names").write_text("\n".join(map(instance, names)))
    (folder / "call").write_text(
        f"xargs -a {folder}/names systemctl show --all --no-pager -p Id,{properties} -- > {folder}/said\n"
    )
    (folder / "capwrap-show.service").write_text(
        "[Unit]\nDefaultDependencies=no\nSuccessAction=exit-force\nFailureAction=exit-force\n"
        f"[Service]\nType=oneshot\nTimeoutStartSec=infinity\nExecStart=/bin/sh {folder}/call\n"
    )
    subprocess.run(["timeout", "600", HERE.parent / "exporting/with-systemd", folder], check=True)
    blocks = [block for block in (folder / "said").read_text().split("\n\n") if block.strip()]
    shown = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in blocks]
    assert len(shown) == len(names), (len(shown), len(names))
    return shown


def of_systemd(shown: dict) -> dict:
    """Returns the fields of a line that systemd decides."""
    if shown["LoadState"] != "loaded":
        return {"bounding": "-", "ambient": "-", "user": "-", "no_new_privs": shown["LoadState"]}
    return {
        "bounding": f"{mask(shown['CapabilityBoundingSet']):x}",
        "ambient": f"{mask(shown['AmbientCapabilities']):x}",
        "user": (shown["User"] or "root") + (" noroot" if int(shown["SecureBits"]) & 1 else ""),
        "no_new_privs": shown["NoNewPrivileges"],
    }


def compared(path: Path, line: dict) -> str:
    """Returns `the same`, or how capwrap reads the unit file at this path otherwise than the line says."""
    done = subprocess.run([CAPWRAP, "diff", "--json", "none", path], capture_output=True, text=True)
    try:
        side = json.loads(done.stdout)["b"]
    except ValueError:
        return SAME if line["bounding"] == "-" else done.stderr.strip().splitlines()[0]
    if line["bounding"] == "-":
        return f"it is read, and systemd says {line['no_new_privs']}"
    bounding, ambient = int(line["bounding"], 16), int(line["ambient"], 16)
    expected = bounding if line["user"] in ("root", "0") else ambient & bounding
    found = []
    if int(side["mask"], 16) != expected:
        found.append(f"grant {int(side['mask'], 16):x} instead of {expected:x}")
    if of_shown(side["stated"].get("bounding")) != bounding:
        found.append(f"bounding {side['stated'].get('bounding')}")
    if side["stated"].get("no_new_privs", "no") != line["no_new_privs"]:
        found.append(f"no_new_privs {side['stated'].get('no_new_privs')}")
    return ", ".join(found) or SAME


def write_units(folder: Path, units: dict) -> list:
    """Writes units into a folder, each by its name. Returns where capwrap finds each, under the name of its instance."""
    own = folder / "instances"
    own.mkdir(exist_ok=True)
    for name, text in units.items():
        (folder / name).write_bytes(text)
        (own / instance(name)).write_bytes(text)
    return [own / instance(name) for name in units]


def digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:12]


def folder() -> tempfile.TemporaryDirectory:
    found = tempfile.TemporaryDirectory(prefix="capwrap-units-")
    os.chmod(found.name, 0o755)
    return found


def version() -> str:
    return subprocess.run(["systemctl", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]


def read() -> tuple:
    """Returns the version of systemd that was asked, and the lines."""
    return TABLE.read_text().splitlines()[1].removeprefix("# "), columns.read(TABLE, COLUMNS)


def write(lines: list):
    head = "What systemd says of the units of Debian's packages. tests/units/run writes this file."
    columns.write(TABLE, COLUMNS, lines, head, version())
