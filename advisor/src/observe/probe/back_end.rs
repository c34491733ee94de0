//! The ways to see a capability check. The advisor tries them to find out which of them work.

use crate::observe::probe::loaded::{BackEnd, ORDER, Probe};
use crate::observe::probe::object::{ProbeConfig, Types, program};
use crate::observe::probe::{arguments, kprobe, rights};
use crate::output::error;
use anyhow::{Result, anyhow};
use aya::programs::{BtfTracePoint, FExit};
use aya::{Btf, Ebpf, EbpfLoader};
use capwrap_ebpf::Settings;
use nix::unistd::geteuid;
use std::fmt;

static OBJECT: &[u8] = aya::include_bytes_aligned!("../../../../launcher-ebpf/probe.o");

/// A back end that was tried and does not work here.
#[derive(Debug)]
pub struct Attempt {
    /// The back end that was tried.
    pub back_end: BackEnd,
    /// The reason, in one line.
    pub why: String,
}

/// The error if no back end works here.
#[derive(Debug)]
pub struct Unavailable(pub Vec<Attempt>);

impl fmt::Display for Unavailable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("no way to see capability checks works here: ")?;
        for (at, attempt) in self.0.iter().enumerate() {
            write!(out, "{}{}: {}", if at == 0 { "" } else { "; " }, attempt.back_end, attempt.why)?;
        }
        Ok(())
    }
}

impl Unavailable {
    fn with_hint(&self) -> anyhow::Error {
        if !geteuid().is_root() {
            error::hinted(self.to_string(), "run it as root")
        } else if locked_down() {
            error::hinted(
                "the kernel is locked down (lockdown=confidentiality): nobody may read its memory, nor see capability checks",
                "boot it with lockdown=integrity, or with none",
            )
        } else {
            error::hinted(self.to_string(), "capwrap doctor shows what this system lacks")
        }
    }
}

impl std::error::Error for Unavailable {}

/// Whether the kernel protects its memory even from root (kernel_lockdown(7)).
fn locked_down() -> bool {
    std::fs::read_to_string("/sys/kernel/security/lockdown").is_ok_and(|mode| mode.contains("[confidentiality]"))
}

/// Loads the probe with the first back end that works, or with the requested one.
pub fn open(asked: &Settings, ring_bytes: u32, only: Option<BackEnd>) -> Result<Probe> {
    rights::check()?;
    let config = ProbeConfig::find(asked);
    let mut loading = Loading::new(&config, ring_bytes);
    let mut before = Vec::new();
    for back_end in ORDER.into_iter().filter(|one| only.is_none_or(|only| only == *one)) {
        match loading.load(back_end) {
            Ok(ebpf) => return Ok(Probe { ebpf, back_end, command: None }),
            Err(error) => before.push(Attempt { back_end, why: in_one_line(&error) }),
        }
    }
    Err(Unavailable(before).with_hint())
}

/// Tries every back end and returns the result of each.
pub fn attempts() -> Vec<(BackEnd, Result<(), String>)> {
    let config = ProbeConfig::find(&Settings::default());
    let mut loading = Loading::new(&config, 4096);
    let mut tried = |back_end| loading.load(back_end).map(drop).map_err(|error| in_one_line(&error));
    ORDER.into_iter().map(|back_end| (back_end, tried(back_end))).collect()
}

/// What the back ends share while they are tried.
struct Loading<'c> {
    config: &'c ProbeConfig,
    ring_bytes: u32,
    /// Every new loader of aya reads all of the kernel's types, so all objects have the same.
    loader: Option<EbpfLoader<'c>>,
    /// An object with the later helpers whose maps exist, but none of whose programs is loaded.
    unused: Option<Ebpf>,
}

impl<'c> Loading<'c> {
    const fn new(config: &'c ProbeConfig, ring_bytes: u32) -> Self {
        Self { config, ring_bytes, loader: None, unused: None }
    }

    fn load(&mut self, back_end: BackEnd) -> Result<Ebpf> {
        let config = self.config;
        if back_end == BackEnd::Kprobe {
            self.unused = None;
            return kprobe::load(&config.settings, config.types.as_ref().ok().map(|types| &types.offsets));
        }
        let types = config.types.as_ref().map_err(|error| anyhow!("{error:#}"))?;
        // Kernels before 5.17 lack a helper that the events need to name the call site. Distributions backport helpers, so
        // only trying shows whether this kernel has it.
        let mut ebpf = match self.unused.take() {
            Some(ebpf) => ebpf,
            None => self.object(&config.recent, types)?,
        };
        let Err(error) = load_check(back_end, &mut ebpf, &types.btf) else {
            return attach(back_end, ebpf, &config.recent, &types.btf);
        };
        self.unused = Some(ebpf);
        if is_forbidden(&error) {
            return Err(error);
        }
        let mut ebpf = self.object(&config.settings, types)?;
        load_check(back_end, &mut ebpf, &types.btf)?;
        attach(back_end, ebpf, &config.settings, &types.btf)
    }

    /// Creates the maps of an object.
    fn object(&mut self, settings: &'c Settings, types: &'c Types) -> Result<Ebpf> {
        let loader = self.loader.get_or_insert_with(EbpfLoader::new);
        let mut ebpf = loader
            .btf(Some(&types.btf))
            .override_global("SETTINGS", settings, true)
            .override_global("OFFSETS", &types.offsets, true)
            .map_max_entries("EVENTS", self.ring_bytes)
            .load(OBJECT)?;
        arguments::ask(&mut ebpf)?;
        Ok(ebpf)
    }
}

/// Whether the kernel refuses the program for any content. An unknown helper is a different error.
fn is_forbidden(error: &anyhow::Error) -> bool {
    let forbidden = |error: &std::io::Error| error.kind() == std::io::ErrorKind::PermissionDenied;
    error
        .chain()
        .any(|cause| cause.downcast_ref().is_some_and(|error| forbidden(error) && error.raw_os_error() == Some(1)))
}

/// Loads the program that sees the checks. The kernel may refuse this one, so it is loaded first.
fn load_check(back_end: BackEnd, ebpf: &mut Ebpf, btf: &Btf) -> Result<()> {
    match back_end {
        BackEnd::Fexit => {
            let program: &mut FExit = program(ebpf, "cap_capable_exit")?.try_into()?;
            program.load("cap_capable", btf)?;
        }
        BackEnd::TracepointBtf => {
            let program: &mut BtfTracePoint = program(ebpf, "cap_capable_tracepoint")?.try_into()?;
            program.load("cap_capable", btf)?;
        }
        BackEnd::Kprobe => {}
    }
    Ok(())
}

/// Loads and attaches the other programs, and attaches the one that sees the checks last: a child must be known before any
/// of its checks arrives.
fn attach(back_end: BackEnd, mut ebpf: Ebpf, settings: &Settings, btf: &Btf) -> Result<Ebpf> {
    let processes = [
        ("process_fork", "sched_process_fork"),
        ("process_exec", "sched_process_exec"),
        ("process_exit", "sched_process_exit"),
        ("process_free", "sched_process_free"),
    ];
    let outcomes = (settings.outcomes != 0).then_some(("system_call_exit", "sys_exit"));
    let own_sets = (settings.own_sets != 0).then_some(("system_call_enter", "sys_enter"));
    for (name, tracepoint) in processes.into_iter().chain(outcomes).chain(own_sets) {
        let program: &mut BtfTracePoint = program(&mut ebpf, name)?.try_into()?;
        program.load(tracepoint, btf)?;
        program.attach()?;
    }
    match back_end {
        BackEnd::Fexit => {
            let program: &mut FExit = program(&mut ebpf, "cap_capable_exit")?.try_into()?;
            program.attach()?;
        }
        BackEnd::TracepointBtf => {
            let program: &mut BtfTracePoint = program(&mut ebpf, "cap_capable_tracepoint")?.try_into()?;
            program.attach()?;
        }
        BackEnd::Kprobe => {}
    }
    Ok(ebpf)
}

/// Joins the chain of causes in one line. From the verifier's log it takes only the line that states the reason.
fn in_one_line(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        let line = without_log(&cause);
        if !text.contains(&line) {
            text = if text.is_empty() { line } else { format!("{text}: {line}") };
        }
    }
    // The verifier calls a loop a back-edge (kernel/bpf/verifier.c before 2589726d12a1, Linux 5.3).
    if text.contains("back-edge from insn") {
        text.push_str(": this kernel allows no loops, as Linux 5.3 does");
    }
    text
}

/// The beginnings of the lines that follow the verifier's reason in its log.
const FIGURES: [&str; 3] = ["verification time ", "stack depth ", "processed "];

fn without_log(cause: &str) -> String {
    let Some((said, log)) = cause.split_once(" Verifier output: ") else {
        return cause.lines().next().unwrap_or_default().to_owned();
    };
    let why = log
        .lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty() && !FIGURES.iter().any(|figure| line.starts_with(figure)));
    format!("{said} {}", why.unwrap_or_default()).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_verifiers_log_the_reason_is_kept() {
        let cause = "the BPF_PROG_LOAD syscall returned Invalid argument (os error 22). Verifier output: 0: (bf) r7 = r1\n\
            96: (85) call bpf_get_current_ancestor_cgroup_id#123\nunknown func bpf_get_current_ancestor_cgroup_id#123\n\
            verification time 987134 usec\nstack depth 192+56+0\nprocessed 10341 insns (limit 1000000)\n";
        let expected = "the BPF_PROG_LOAD syscall returned Invalid argument (os error 22). \
            unknown func bpf_get_current_ancestor_cgroup_id#123";
        assert_eq!(without_log(cause), expected);
        assert_eq!(without_log("it returned EPERM. Verifier output: \n"), "it returned EPERM.");
        assert_eq!(without_log("one\ntwo"), "one");
    }

    #[test]
    fn of_a_kernel_without_loops_it_is_said_which_has_them() {
        let cause = "it returned EINVAL. Verifier output: 286: (a7) r1 = 1\nback-edge from insn 286 to 282\n";
        let said = in_one_line(&anyhow::anyhow!(cause));
        assert!(
            said.ends_with("back-edge from insn 286 to 282: this kernel allows no loops, as Linux 5.3 does"),
            "{said}"
        );
    }
}
