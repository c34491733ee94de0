//! Reads the securebits of any process or thread. The kernel shows them in no file, so a BPF program reads them, run
//! once for each thread (launcher-ebpf/src/securebits).

use crate::observe::probe::btf::KernelTypes;
use crate::observe::probe::offsets::VMLINUX;
use crate::observe::probe::rights;
use anyhow::{Context, Result};
use aya::programs::RawTracePoint;
use aya::{Ebpf, EbpfLoader, RawTracePointRunOptions, TestRun};
use capwrap_ebpf::SECUREBITS_KNOWN;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

static OBJECT: &[u8] = aya::include_bytes_aligned!("../../../../launcher-ebpf/securebits.o");

/// The loaded program, and the offsets of the members that it follows.
pub struct Securebits {
    ebpf: Ebpf,
    offsets: [u64; 9],
}

impl Securebits {
    /// Loads the program.
    ///
    /// # Errors
    /// A right is missing, or the kernel has no BTF or is older than 5.10.
    pub fn load() -> Result<Self> {
        rights::check()?;
        let btf = std::fs::read(VMLINUX).with_context(|| format!("cannot read {VMLINUX}"))?;
        let offsets = offsets(&KernelTypes::read(&btf)?)?;
        let mut ebpf = EbpfLoader::new().btf(None).load(OBJECT)?;
        program(&mut ebpf)?.load()?;
        Ok(Self { ebpf, offsets })
    }

    /// Returns the securebits of a process or thread, by its folder under `/proc`. It returns `None` if the process has
    /// ended, or if the kernel does not run such programs.
    pub fn of(&mut self, folder: &Path) -> Option<u32> {
        let folder = File::open(folder).ok()?;
        let mut options = RawTracePointRunOptions::new();
        options.args[0] = u64::try_from(folder.as_raw_fd()).ok()?;
        options.args[1..10].copy_from_slice(&self.offsets);
        let answer = program(&mut self.ebpf).ok()?.test_run(options).ok()?.return_value;
        (answer & SECUREBITS_KNOWN != 0).then_some(answer & !SECUREBITS_KNOWN)
    }
}

fn program(ebpf: &mut Ebpf) -> Result<&mut RawTracePoint> {
    Ok(ebpf.program_mut("securebits").context("the object has no program securebits")?.try_into()?)
}

/// Returns the offsets in the order in which the program follows them.
fn offsets(types: &KernelTypes) -> Result<[u64; 9]> {
    let member = |name: &'static str, member: &'static str| types.structure(name)?.offset(&[member]).map(u64::from);
    let inode = member("proc_inode", "vfs_inode")?;
    Ok([
        member("task_struct", "files")?,
        member("files_struct", "fdt")?,
        member("fdtable", "fd")?,
        member("file", "f_inode")?,
        member("proc_inode", "pid")?.wrapping_sub(inode),
        member("pid", "tasks")?,
        member("task_struct", "pid_links")?,
        member("task_struct", "real_cred")?,
        member("cred", "securebits")?,
    ])
}
