"""Finds every place in a kernel's source that asks for a capability."""

import lzma
import re
import tarfile
from pathlib import Path
from typing import Iterator, NamedTuple

# The functions that ask, with the capabilities that some ask for by themselves, besides those that a call names in its
# arguments (include/linux/capability.h, kernel/capability.c, kernel/ptrace.c, kernel/bpf/token.c, net/core/sock.c,
# net/netlink/af_netlink.c, security/security.c, security/smack/smack_access.c).
ASKING = {
    "capable": (), "ns_capable": (), "ns_capable_noaudit": (), "ns_capable_setid": (), "file_ns_capable": (),
    "has_capability": (), "has_capability_noaudit": (), "has_ns_capability": (), "has_ns_capability_noaudit": (),
    "capable_wrt_inode_uidgid": (), "security_capable": (), "security_capable_noaudit": (), "cap_capable": (),
    "sk_capable": (), "sk_ns_capable": (), "sk_net_capable": (), "sockopt_capable": (), "sockopt_ns_capable": (),
    "netlink_capable": (), "netlink_ns_capable": (), "netlink_net_capable": (), "__netlink_ns_capable": (),
    "bpf_token_capable": ("cap_sys_admin",), "bpf_ns_capable": ("cap_sys_admin",), "smack_privileged": (), "smack_privileged_cred": (),
    "perfmon_capable": ("cap_perfmon", "cap_sys_admin"), "bpf_capable": ("cap_bpf", "cap_sys_admin"),
    "ptracer_capable": ("cap_sys_ptrace",), "ptrace_has_cap": ("cap_sys_ptrace",),
    "checkpoint_restore_ns_capable": ("cap_checkpoint_restore", "cap_sys_admin"),
    "checkpoint_restore_ns_capable_noaudit": ("cap_checkpoint_restore", "cap_sys_admin"),
}  # fmt: skip

# Folders whose code does not run in the kernel.
OUTSIDE = ("Documentation/", "samples/", "scripts/", "tools/", "usr/", "debian/")

CALL = re.compile(r"(?<!->)(?<!\.)\b(" + "|".join(sorted(ASKING, key=len, reverse=True)) + r")\s*\(")
CAPABILITY = re.compile(r"\bCAP_(?!TO_|OPT_|FULL|EMPTY|FOR_EACH|LAST_CAP\b|VALID)[A-Z_]+\b")
COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)")
SYSTEM_CALL = re.compile(r"\b(?:COMPAT_)?SYSCALL(?:32|64)?_DEFINE\d?\w*\s*\(\s*(\w+)")
NAMED_GROUP = re.compile(r"\b(\w+)\s*\(")
# What stands before a function's name in the form of a call.
ATTRIBUTES = {
    "__attribute__", "__printf", "__acquires", "__releases", "__must_hold", "__aligned", "__alloc_size", "__section",
    "__no_sanitize", "__diag_ignore_all", "__cond_acquires", "__context__", "__nonnull", "__malloc", "__scanf",
}  # fmt: skip


class Caller(NamedTuple):
    """One function that asks for one capability. `capability` is "?" where the function's own caller names it."""

    file: str
    function: str
    capability: str


def without_comments(text: str) -> str:
    """Blanks comments and strings, and keeps the lines where they are."""
    return COMMENT_OR_STRING.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def arguments(text: str, opened: int) -> str:
    """Returns what stands between the parenthesis at `opened` and the one that closes it."""
    depth = 0
    for place in range(opened, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return text[opened + 1 : place]
    return text[opened + 1 :]


def name_of(header: str) -> str:
    """Returns the function's name in what stands before its body."""
    system_call = SYSTEM_CALL.search(header)
    if system_call:
        return system_call.group(1)
    return next((name for name in NAMED_GROUP.findall(header) if name not in ATTRIBUTES), "")


def functions(text: str) -> Iterator[tuple[int, int, str]]:
    """Yields begin, end and name of each function and macro. The kernel's style puts a function's closing brace, and
    nothing else, at the beginning of a line (Documentation/process/coding-style.rst)."""
    place, header, begin, name = 0, "", None, ""
    continues = False
    for line in text.splitlines(keepends=True):
        after = place + len(line)
        macro = MACRO.match(line)
        if macro or continues:
            if macro and not continues:
                macro_begin, macro_name = place, macro.group(1)
            continues = line.rstrip().endswith("\\")
            if not continues:
                yield macro_begin, after, macro_name
        elif line.lstrip().startswith("#"):
            pass
        elif begin is not None:
            if line.startswith("}"):
                yield begin, after, name
                begin, header = None, ""
        else:
            head, brace, rest = line.partition("{")
            header += head
            if brace and "=" not in re.sub(r"\([^()]*\)", "", header) and name_of(header):
                begin, name, header = place, name_of(header), ""
                if rest.count("}") == rest.count("{") + 1:
                    yield begin, after, name
                    begin = None
            elif brace or head.rstrip().endswith((";", "}")):
                header = ""
        place = after


def of_text(file: str, text: str) -> set[Caller]:
    """Returns the callers in one file."""
    if not CALL.search(text):
        return set()
    text = without_comments(text)
    places = sorted(functions(text))
    found = set()
    for call in CALL.finditer(text):
        inside = [name for begin, end, name in places if begin <= call.start() < end]
        if not inside:
            # A prototype, or a reference in a table.
            continue
        function, asking = inside[-1], call.group(1)
        # A function that asks by another of its kind is no caller: those who call it are.
        if function in ASKING:
            continue
        named = [name.lower() for name in CAPABILITY.findall(arguments(text, call.end() - 1))]
        for capability in [*named, *ASKING[asking]] or ["?"]:
            found.add(Caller(file, function, capability))
    return found


def is_of_the_kernel(file: str) -> bool:
    return file.endswith((".c", ".h")) and not file.startswith(OUTSIDE)


def of_directory(source: Path) -> set[Caller]:
    """Returns the callers in an unpacked source."""
    found = set()
    for path in sorted(source.rglob("*.[ch]")):
        file = path.relative_to(source).as_posix()
        if is_of_the_kernel(file) and path.is_file():
            found |= of_text(file, path.read_text(errors="replace"))
    return found


def of_archive(archive: Path) -> set[Caller]:
    """Returns the callers in a source that is packed as Debian packs it: linux-source-6.12.tar.xz with one folder in it."""
    found = set()
    with lzma.open(archive) as packed, tarfile.open(fileobj=packed, mode="r|") as files:
        for entry in files:
            file = entry.name.partition("/")[2]
            if entry.isfile() and is_of_the_kernel(file):
                found |= of_text(file, files.extractfile(entry).read().decode(errors="replace"))
    return found
