//! One check: what is asked is kept until it is answered.

use crate::counting::{count, lose};
use crate::kernel::{Address, current, given, load, offset, place, setting};
use crate::maps::{ASKED, CGROUPS, EVENTS, LISTED, TRACKED};
use crate::{executable, ids, plain, process, relation, site};
use aya_ebpf::EbpfContext;
use aya_ebpf::bindings::{BPF_F_CURRENT_CPU, BPF_NOEXIST};
use aya_ebpf::helpers::{
    bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_get_current_uid_gid, bpf_ktime_get_ns, generated,
};
use aya_ebpf::programs::{ProbeContext, RetProbeContext};
use capwrap_ebpf::{
    CREDENTIALS_OTHER, CREDENTIALS_OVERRIDDEN, CREDENTIALS_OWN, CREDENTIALS_UNKNOWN, Check, Event, OPTION_NO_AUDIT,
    OPTIONS_UNKNOWN, RELATION_UNKNOWN, lost, scope,
};

// int cap_capable(const struct cred *, struct user_namespace *, int cap, unsigned int opts)
/// Keeps what is asked, if it is one of those asked for. `TYPES`: the kernel's types are known.
#[inline(always)]
pub fn asked<const TYPES: bool>(context: &ProbeContext) {
    let ids = bpf_get_current_pid_tgid();
    let process = (ids >> 32) as u32;
    let tracked = TRACKED.get_ptr(process);
    // SAFETY: checked not to be null. Whoever writes it is an exec of this very process.
    let tracked = tracked.map(|tracked| unsafe { &*tracked });
    let wanted = match setting!(events) {
        0 => tracked.is_some(),
        _ => is_asked_for::<TYPES>(tracked.is_some(), process),
    };
    if !wanted {
        return;
    }
    let credentials = given::<u64>(context, place!(credentials)) as Address;
    let target = given::<u64>(context, place!(target)) as Address;
    let whose = if TYPES { whose(credentials) } else { CREDENTIALS_UNKNOWN };
    if setting!(events) == 0
        && let Some(tracked) = tracked
    {
        if !TYPES {
            ids::compare(&plain::ids(), &tracked.ids);
        } else if whose == CREDENTIALS_OWN {
            // Those of others say nothing of the process: access(2) and overlayfs override its own.
            ids::compare(&ids::of(credentials), &tracked.ids);
        }
    }
    let check = Check {
        site: site::of(context),
        executable: match tracked {
            Some(tracked) if !TYPES || setting!(events) == 0 => tracked.executable,
            _ if TYPES => executable::current(),
            _ => plain::UNKNOWN,
        },
        process,
        target_namespace: if TYPES { load(target, offset!(user_namespace_inum)) } else { 0 },
        system_call: system_call(context),
        capability: given::<u32>(context, place!(capability)) as u8,
        denied: 0,
        options: options(given(context, place!(options))),
        relation: if TYPES { relation::of(credentials, target) } else { RELATION_UNKNOWN },
        credentials: whose,
        zero: [0; 7],
    };
    if ASKED.insert(ids, check, BPF_NOEXIST.into()).is_err() {
        // The answer to this thread's last one was missed, or there is no room.
        lose(lost::CHECKS);
        let _ = ASKED.insert(ids, check, 0);
    }
}

/// Adds the answer.
#[inline(always)]
pub fn answered(context: &RetProbeContext) {
    let ids = bpf_get_current_pid_tgid();
    let Some(kept) = ASKED.get_ptr(ids) else {
        if setting!(events) == 0 && TRACKED.get_ptr((ids >> 32) as u32).is_some() {
            // The question was missed.
            lose(lost::CHECKS);
        }
        return;
    };
    // SAFETY: checked not to be null, and this thread's alone.
    let mut check = unsafe { *kept };
    let _ = ASKED.remove(ids);
    check.denied = u8::from(given::<i32>(context, place!(answer)) != 0);
    if setting!(events) == 0 {
        count(&check);
    } else if setting!(denied_only) == 0 || check.denied != 0 {
        emit(context, check, ids as u32);
    }
}

/// A thread ends: it has no answer to wait for.
#[inline(always)]
pub fn forget() {
    let ids = bpf_get_current_pid_tgid();
    if ASKED.get_ptr(ids).is_some() {
        lose(lost::CHECKS);
        let _ = ASKED.remove(ids);
    }
}

#[inline(always)]
fn is_asked_for<const TYPES: bool>(tracked: bool, process: u32) -> bool {
    // Without types user space is in the initial pid namespace: else this one is not loaded.
    let own_id = || if TYPES { process::own_id() } else { process };
    match setting!(scope) {
        scope::ALL => own_id() != setting!(observer),
        scope::TRACKED => tracked,
        scope::LISTED => tracked || LISTED.get_ptr(own_id()).is_some(),
        scope::CGROUP => CGROUPS.current_task_under_cgroup(0) == Ok(true) && own_id() != setting!(observer),
        _ => false,
    }
}

// struct pt_regs of x86-64 (arch/x86/include/asm/ptrace.h), and __USER_CS.
const REGISTERS_BYTES: u64 = 168;
const ORIG_AX: u64 = 120;
const CS: u64 = 136;
const USER_CS: u64 = 0x33;
/// TOP_OF_KERNEL_STACK_PADDING: none, or 16 bytes (CONFIG_X86_FRED, Linux 6.9).
const PADDING: u64 = 16;

/// The number of the system call that the task is in, -1 for none: its registers are at the top of
/// the stack. Mostly the call site names it, too; not where its entry ends with a jump.
#[inline(always)]
fn system_call(context: &ProbeContext) -> i32 {
    let size = u64::from(place!(stack_bytes));
    if size == 0 {
        return -1;
    }
    let top = (given::<u64>(context, place!(caller)) & size.wrapping_neg()).wrapping_add(size);
    let mut registers = top.wrapping_sub(REGISTERS_BYTES);
    // Whatever lies there is that only with this in its place: interrupts have stacks of their own.
    if load::<u64>((registers + CS) as Address, 0) != USER_CS {
        registers -= PADDING;
        if load::<u64>((registers + CS) as Address, 0) != USER_CS {
            return -1;
        }
    }
    load::<u64>((registers + ORIG_AX) as Address, 0) as i32
}

/// The options as Linux knows them since 5.1. Before, the argument is `audit`, 0 or 1.
#[inline(always)]
fn options(argument: u32) -> u8 {
    match (place!(audit), argument) {
        (0, _) | (2, 2..) => argument as u8,
        (1, 0) => OPTION_NO_AUDIT,
        // Audited in the one, not audited in the other.
        (2, 0) => OPTIONS_UNKNOWN,
        _ => 0,
    }
}

#[inline(always)]
fn whose(asked: Address) -> u8 {
    let task = current();
    if asked == load::<usize>(task, offset!(task_real_cred)) as Address {
        CREDENTIALS_OWN
    } else if asked == load::<usize>(task, offset!(task_cred)) as Address {
        CREDENTIALS_OVERRIDDEN
    } else {
        CREDENTIALS_OTHER
    }
}

#[inline(always)]
fn emit(context: &impl EbpfContext, check: Check, thread: u32) {
    let mut event = Event {
        // SAFETY: the helper has no precondition.
        time: unsafe { bpf_ktime_get_ns() },
        check,
        thread,
        user: bpf_get_current_uid_gid() as u32,
        name: bpf_get_current_comm().unwrap_or([0; 16]),
    };
    // SAFETY: as many bytes as the event has. PerfEventArray::output does not say whether it failed.
    let failed = unsafe {
        generated::bpf_perf_event_output(
            context.as_ptr(),
            (&raw const EVENTS).cast_mut().cast(),
            BPF_F_CURRENT_CPU,
            (&raw mut event).cast(),
            size_of::<Event>() as u64,
        )
    };
    if failed != 0 {
        lose(lost::EVENTS);
    }
}
