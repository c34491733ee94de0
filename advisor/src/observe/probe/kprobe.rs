//! The back end for kernels on which no other back end sees a check: kprobe and kretprobe on `cap_capable`. It uses the
//! kernel's types if the kernel has BTF.

use crate::observe::probe::arguments;
use crate::observe::probe::btf::KernelTypes;
use crate::observe::probe::object::program;
use crate::observe::probe::offsets::VMLINUX;
use anyhow::{Context, Result, bail, ensure};
use aya::maps::{Array, CgroupArray};
use aya::programs::{KProbe, RawTracePoint, TracePoint};
use aya::{Ebpf, EbpfLoader};
use capwrap_ebpf::{KprobeConfig, Offsets, Places, Settings, scope};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

static OBJECT: &[u8] = aya::include_bytes_aligned!("../../../../launcher-ebpf/kprobe.o");

/// Since Linux 4.17 kprobes are created through this PMU.
const KPROBES: &str = "/sys/bus/event_source/devices/kprobe";
/// Before Linux 4.17 kprobes are created through a file in one of these directories.
const TRACEFS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
/// `PROC_PID_INIT_INO` in include/linux/proc_ns.h.
const INITIAL_PID_NAMESPACE: u64 = 0xeffffffc;

/// The programs that follow processes, by the names of their kernel tracepoints.
const PROCESSES: [(&str, &str, &str); 4] = [
    ("process_fork", "task", "task_newtask"),
    ("process_exec", "sched", "sched_process_exec"),
    ("process_exit", "sched", "sched_process_exit"),
    ("process_free", "sched", "sched_process_free"),
];

/// Loads the kprobes. It loads them with types if `offsets` is given and the kernel accepts those programs.
pub fn load(settings: &Settings, offsets: Option<&Offsets>) -> Result<Ebpf> {
    ensure!(
        Path::new(KPROBES).exists() || TRACEFS.iter().any(|path| Path::new(path).join("kprobe_events").exists()),
        "this kernel is built without kprobes"
    );
    let Some(offsets) = offsets else { return plain(settings) };
    with_types(settings, offsets).or_else(|error| plain(settings).map_err(|_| error))
}

fn with_types(settings: &Settings, offsets: &Offsets) -> Result<Ebpf> {
    let places = Places { audit: audit()?, ..registers()? };
    let mut ebpf = prepare(&KprobeConfig { settings: *settings, offsets: *offsets, places })?;
    load_programs(&mut ebpf, "cap_capable_types")?;
    // These programs read the arguments of raw tracepoints: they need no tracefs, and they identify a task by its
    // address.
    for (name, _, tracepoint) in PROCESSES {
        let tracepoint = if name == "process_fork" { "sched_process_fork" } else { tracepoint };
        let program: &mut RawTracePoint = program(&mut ebpf, &format!("{name}_types"))?.try_into()?;
        program.load()?;
        program.attach(tracepoint)?;
    }
    observe_system_calls(&mut ebpf, settings)?;
    attach_programs(&mut ebpf, "cap_capable_types")?;
    Ok(ebpf)
}

fn plain(settings: &Settings) -> Result<Ebpf> {
    ensure!(
        settings.pid_namespace_inode == INITIAL_PID_NAMESPACE,
        "without BTF it takes the initial pid namespace: this one is another"
    );
    let formats = Formats::find()?;
    let places = Places {
        audit: audit()?,
        fork_process: formats.place("task/task_newtask", "pid")?,
        fork_flags: formats.place("task/task_newtask", "clone_flags")?,
        exec_name: formats.place("sched/sched_process_exec", "filename")?,
        free_process: formats.place("sched/sched_process_free", "pid")?,
        ..registers()?
    };
    let mut ebpf = prepare(&KprobeConfig { settings: *settings, offsets: Offsets::default(), places })?;
    load_programs(&mut ebpf, "cap_capable_plain")?;
    for (name, category, tracepoint) in PROCESSES {
        let program: &mut TracePoint = program(&mut ebpf, &format!("{name}_plain"))?.try_into()?;
        program.load()?;
        program.attach(category, tracepoint)?;
    }
    observe_system_calls(&mut ebpf, settings)?;
    attach_programs(&mut ebpf, "cap_capable_plain")?;
    Ok(ebpf)
}

/// Observes how system calls begin and end, as far as user space asks for that.
fn observe_system_calls(ebpf: &mut Ebpf, settings: &Settings) -> Result<()> {
    for (asked, name, tracepoint) in
        [(settings.outcomes, "system_call_exit", "sys_exit"), (settings.own_sets, "system_call_enter", "sys_enter")]
    {
        if asked != 0 {
            let program: &mut RawTracePoint = program(ebpf, name)?.try_into()?;
            program.load()?;
            program.attach(tracepoint)?;
        }
    }
    Ok(())
}

fn prepare(config: &KprobeConfig) -> Result<Ebpf> {
    let mut ebpf = EbpfLoader::new().btf(None).load(OBJECT)?;
    let map = ebpf.map_mut("CONFIG").context("the probe has no map CONFIG")?;
    let mut map: Array<_, KprobeConfig> = Array::try_from(map)?;
    map.set(0, config, 0)?;
    arguments::ask(&mut ebpf)?;
    if config.settings.scope == scope::CGROUP {
        let map = ebpf.map_mut("CGROUPS").context("the probe has no map CGROUPS")?;
        CgroupArray::try_from(map)?.set(0, cgroup(config.settings.cgroup)?, 0)?;
    }
    Ok(ebpf)
}

/// Opens the directory of the cgroup with this number.
fn cgroup(number: u64) -> Result<File> {
    let mut below: Vec<PathBuf> = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].map(PathBuf::from).into();
    while let Some(directory) = below.pop() {
        // A directory that has disappeared is not the one.
        let Ok(found) = std::fs::symlink_metadata(&directory) else { continue };
        if found.ino() == number {
            return File::open(&directory).with_context(|| format!("cannot open {}", directory.display()));
        }
        let entries = std::fs::read_dir(&directory).into_iter().flatten().flatten();
        below.extend(
            entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()),
        );
    }
    bail!("no cgroup has the number {number}")
}

/// Loads the programs that the kernel may refuse. They are loaded first and attached last, because a child must be
/// known before any of its checks arrives.
fn load_programs(ebpf: &mut Ebpf, entry: &str) -> Result<()> {
    for name in ["cap_capable_return", entry] {
        let program: &mut KProbe = program(ebpf, name)?.try_into()?;
        program.load()?;
    }
    Ok(())
}

/// Attaches the kretprobe first. The kprobe then runs before it, and sees the caller's address where the kretprobe puts
/// its own. This order also ensures that every question which the probe records gets an answer.
fn attach_programs(ebpf: &mut Ebpf, entry: &str) -> Result<()> {
    for name in ["cap_capable_return", entry] {
        let program: &mut KProbe = program(ebpf, name)?.try_into()?;
        program.attach("cap_capable", 0)?;
    }
    Ok(())
}

/// Returns where a function finds its arguments: the registers of the machine's calling convention, as offsets in
/// `struct pt_regs` (arch/*/include/…/asm/ptrace.h), which is the same in every kernel.
fn registers() -> Result<Places> {
    Ok(match std::env::consts::ARCH {
        // The arguments are in di, si, dx and cx, the result is in ax, and the stack pointer is sp.
        "x86_64" => Places {
            credentials: 14 * 8,
            target: 13 * 8,
            capability: 12 * 8,
            options: 11 * 8,
            answer: 10 * 8,
            caller: 19 * 8,
            caller_on_stack: 1,
            stack: 19 * 8,
            // TOP_OF_KERNEL_STACK_PADDING is 0, or 16 bytes (CONFIG_X86_FRED, Linux 6.9).
            padding: 16,
            ..Places::default()
        },
        // The arguments are in x0 to x3, the result is in x0, the return address is in x30, and the stack pointer is sp.
        "aarch64" => Places {
            credentials: 0,
            target: 8,
            capability: 2 * 8,
            options: 3 * 8,
            answer: 0,
            caller: 30 * 8,
            stack: 31 * 8,
            ..Places::default()
        },
        other => bail!("the registers of {other} are not known"),
    })
}

/// Returns the meaning of `cap_capable`'s fourth argument, as `Places::audit` defines it.
fn audit() -> Result<u32> {
    let named = std::fs::read(VMLINUX).ok().and_then(|bytes| {
        let types = KernelTypes::read(&bytes).ok()?;
        types.parameter("cap_capable", 3).ok().map(|name| u32::from(name == "audit"))
    });
    if let Some(named) = named {
        return Ok(named);
    }
    let path = "/proc/sys/kernel/osrelease";
    let release = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    Ok(audit_of(&release))
}

/// Returns the meaning by the kernel's release.
fn audit_of(release: &str) -> u32 {
    let mut numbers = release.split(|other: char| !other.is_ascii_digit()).map_while(|number| number.parse().ok());
    let release: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    match release {
        (5, 1..) | (6.., _) => 0,
        // Stable kernels backported the change at some time.
        (4, 19..) | (5, 0) => 2,
        _ => 1,
    }
}

/// The formats of the tracepoints' fields in tracefs. The fields move between kernels.
struct Formats(PathBuf);

impl Formats {
    fn find() -> Result<Self> {
        for place in TRACEFS {
            let events = Path::new(place).join("events");
            // The directory may exist and be readable only by root.
            if events.try_exists().with_context(|| format!("cannot read {}", events.display()))? {
                return Ok(Self(events));
            }
        }
        bail!("no tracefs at {0}: mount -t tracefs tracefs {0}", TRACEFS[0])
    }

    fn place(&self, tracepoint: &str, field: &str) -> Result<u32> {
        let path = self.0.join(tracepoint).join("format");
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        place(&text, field).with_context(|| format!("{} has no {field}", path.display()))
    }
}

/// Reads a field's offset from the line that declares it. The line has the type and name, then the offset, size and
/// sign.
fn place(format: &str, field: &str) -> Option<u32> {
    format.lines().find_map(|line| {
        let mut parts = line.trim().split(';').map(str::trim);
        let declared = parts.next()?.strip_prefix("field:")?;
        let name = declared.split(' ').next_back()?;
        (name == field).then(|| parts.find_map(|part| part.strip_prefix("offset:")?.parse().ok()))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_in_a_tracepoints_format() {
        let format = "name: sched_process_exec\nID: 365\nformat:\n\
            \tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n\
            \tfield:__data_loc char[] filename;\toffset:8;\tsize:4;\tsigned:0;\n\
            \tfield:pid_t pid;\toffset:12;\tsize:4;\tsigned:1;\n\
            \tfield:pid_t old_pid;\toffset:16;\tsize:4;\tsigned:1;\n\n\
            print fmt: \"filename=%s pid=%d old_pid=%d\", __get_str(filename), REC->pid, REC->old_pid\n";
        assert_eq!(place(format, "filename"), Some(8));
        assert_eq!(place(format, "pid"), Some(12));
        assert_eq!(place(format, "old_pid"), Some(16));
        assert_eq!(place(format, "comm"), None);
    }

    #[test]
    fn what_the_fourth_argument_is_follows_from_the_release() {
        assert_eq!(audit_of("3.10.0-1160.el7.x86_64\n"), 1);
        assert_eq!(audit_of("4.18.0-553.el8_10.x86_64\n"), 1);
        assert_eq!(audit_of("4.19.0-27-amd64\n"), 2);
        assert_eq!(audit_of("5.0.21\n"), 2);
        assert_eq!(audit_of("5.1.0\n"), 0);
        assert_eq!(audit_of("5.10.0-32-cloud-amd64\n"), 0);
        assert_eq!(audit_of("6.18.44-fc-v595\n"), 0);
    }
}
