//! The probe for kernels with BTF. It sees every capability check through fexit on `cap_capable` or
//! through its tracepoint, and it follows processes. It collects facts; user space decides what
//! they mean.
#![no_std]
#![no_main]
// Inline assembly for BPF is not stable yet. ./rebuild shows how a stable compiler builds it
// nevertheless.
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]

#[path = "../shared/argument.rs"]
mod argument;
mod check;
#[path = "../shared/climbing.rs"]
mod climbing;
#[path = "../shared/counting.rs"]
mod counting;
#[path = "../shared/executable.rs"]
mod executable;
#[path = "../shared/ids.rs"]
mod ids;
mod kernel;
mod maps;
#[path = "../shared/outcome.rs"]
mod outcome;
#[path = "../shared/own_sets.rs"]
mod own_sets;
#[path = "../shared/process.rs"]
mod process;
#[path = "../shared/relation.rs"]
mod relation;
mod site;
#[path = "../shared/user_stack.rs"]
mod user_stack;

use aya_ebpf::macros::{btf_tracepoint, fexit};
use aya_ebpf::programs::{BtfTracePointContext, FExitContext};
use capwrap_ebpf::OPTIONS_UNKNOWN;
use check::Asked;

// int cap_capable(const struct cred *, struct user_namespace *, int cap, unsigned int opts)
#[fexit(function = "cap_capable")]
fn cap_capable_exit(context: FExitContext) -> i32 {
    let asked = Asked {
        credentials: context.arg(0),
        target: context.arg(1),
        capability: context.arg(2),
        options: context.arg::<u32>(3) as u8,
        // The returned value follows the arguments.
        denied: context.arg::<i32>(4) != 0,
    };
    check::take(&context, &asked);
    0
}

// TRACE_EVENT(cap_capable, cred, target_ns, capable_ns, cap, ret), since Linux 6.13
#[btf_tracepoint(function = "cap_capable")]
fn cap_capable_tracepoint(context: BtfTracePointContext) -> i32 {
    let asked = Asked {
        credentials: context.arg(0),
        target: context.arg(1),
        capability: context.arg(3),
        options: OPTIONS_UNKNOWN,
        denied: context.arg::<i32>(4) != 0,
    };
    check::take(&context, &asked);
    0
}

// (struct task_struct *parent, struct task_struct *child), in the parent
#[btf_tracepoint(function = "sched_process_fork")]
fn process_fork(context: BtfTracePointContext) -> i32 {
    process::forked(context.arg(1));
    0
}

// (struct task_struct *, pid_t old_pid, struct linux_binprm *), in the process that executes
#[btf_tracepoint(function = "sched_process_exec")]
fn process_exec(context: BtfTracePointContext) -> i32 {
    process::executed(context.arg(0));
    0
}

// (struct task_struct *), in each thread that ends
#[btf_tracepoint(function = "sched_process_exit")]
fn process_exit(context: BtfTracePointContext) -> i32 {
    process::ended(context.arg(0));
    outcome::forget();
    0
}

// (struct pt_regs *, long number), at the beginning of each system call
#[btf_tracepoint(function = "sys_enter")]
fn system_call_enter(context: BtfTracePointContext) -> i32 {
    own_sets::used(context.arg(0), context.arg::<u64>(1) as u32);
    0
}

// (struct pt_regs *, long returned), at the end of each system call
#[btf_tracepoint(function = "sys_exit")]
fn system_call_exit(context: BtfTracePointContext) -> i32 {
    if let Some(outcome) = outcome::ended(context.arg(0), context.arg(1)) {
        check::output(&outcome);
    }
    0
}

// (struct task_struct *), when nothing can run in it any more
#[btf_tracepoint(function = "sched_process_free")]
fn process_free(context: BtfTracePointContext) -> i32 {
    process::freed(context.arg(0));
    0
}

#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// The kernel allows bpf_snprintf, bpf_get_stack and bpf_probe_read_kernel only in programs under
/// the GPL.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
