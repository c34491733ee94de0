//! The probe for kernels that have neither a working fexit nor the tracepoint of `cap_capable`. A
//! kprobe sees the question, and a kretprobe sees the answer. It collects the same facts as the
//! probe for BTF, and leaves them in the same maps.
//!
//! Every program that needs the kernel's types has two variants. `types` uses BTF and shares code
//! with the probe for BTF; it does not need tracefs. `plain` needs no types, and no helper or
//! verifier feature that Linux 4.18 lacks: no bounded loops (5.3), no read-only data (5.2). User
//! space loads one of the two.
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
mod plain;
#[path = "../shared/process.rs"]
mod process;
#[path = "../shared/relation.rs"]
mod relation;
mod site;
#[path = "../shared/user_stack.rs"]
mod user_stack;

use aya_ebpf::macros::{kprobe, kretprobe, raw_tracepoint, tracepoint};
use aya_ebpf::programs::{ProbeContext, RawTracePointContext, RetProbeContext, TracePointContext};

#[kretprobe]
fn cap_capable_return(context: RetProbeContext) -> u32 {
    check::answered(&context);
    0
}

#[kprobe]
fn cap_capable_types(context: ProbeContext) -> u32 {
    check::asked::<true>(&context);
    0
}

// (struct task_struct *parent, struct task_struct *child), in the parent
#[raw_tracepoint(tracepoint = "sched_process_fork")]
fn process_fork_types(context: RawTracePointContext) -> i32 {
    process::forked(context.arg(1));
    0
}

// (struct task_struct *, pid_t old_pid, struct linux_binprm *), in the process that executes
#[raw_tracepoint(tracepoint = "sched_process_exec")]
fn process_exec_types(context: RawTracePointContext) -> i32 {
    process::executed(context.arg(0));
    0
}

// (struct task_struct *), in each thread that ends
#[raw_tracepoint(tracepoint = "sched_process_exit")]
fn process_exit_types(context: RawTracePointContext) -> i32 {
    process::ended(context.arg(0));
    check::forget();
    0
}

// (struct task_struct *), when nothing can run in it any more
#[raw_tracepoint(tracepoint = "sched_process_free")]
fn process_free_types(context: RawTracePointContext) -> i32 {
    process::freed(context.arg(0));
    0
}

#[kprobe]
fn cap_capable_plain(context: ProbeContext) -> u32 {
    check::asked::<false>(&context);
    0
}

// task:task_newtask, in the parent. Unlike sched:sched_process_fork, it distinguishes a thread from
// a process.
#[tracepoint]
fn process_fork_plain(context: TracePointContext) -> u32 {
    plain::forked(&context);
    0
}

// sched:sched_process_exec, in the process that executes
#[tracepoint]
fn process_exec_plain(context: TracePointContext) -> u32 {
    plain::executed(&context);
    0
}

// sched:sched_process_exit, in each thread that ends
#[tracepoint]
fn process_exit_plain(_: TracePointContext) -> u32 {
    plain::ended();
    check::forget();
    0
}

// sched:sched_process_free, when nothing can run in it any more
#[tracepoint]
fn process_free_plain(context: TracePointContext) -> u32 {
    plain::freed(&context);
    0
}

// (struct pt_regs *, long number), at the beginning of each system call
#[raw_tracepoint(tracepoint = "sys_enter")]
fn system_call_enter(context: RawTracePointContext) -> i32 {
    own_sets::used(context.arg(0), context.arg::<u64>(1) as u32);
    0
}

// (struct pt_regs *, long returned), at the end of each system call
#[raw_tracepoint(tracepoint = "sys_exit")]
fn system_call_exit(context: RawTracePointContext) -> i32 {
    if let Some(mut outcome) = outcome::ended(context.arg(0), context.arg(1)) {
        check::output(&context, &mut outcome);
    }
    0
}

#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// The kernel allows bpf_probe_read, bpf_get_stack and bpf_perf_event_output only in programs under
/// the GPL.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
