//! Handles one check. The question is kept until the kernel answers it.

use crate::counting::{count, lose};
use crate::kernel::{Address, current, given, load, offset, place, setting};
use crate::maps::{ASKED, CGROUPS, EVENTS, LISTED, TRACKED};
use crate::{argument, executable, ids, outcome, plain, process, relation, site, user_stack};
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
/// Keeps the question if it is one that user space asked for. `TYPES` says whether the kernel's
/// types are known.
#[inline(always)]
pub fn asked<const TYPES: bool>(context: &ProbeContext) {
    let ids = bpf_get_current_pid_tgid();
    let process = (ids >> 32) as u32;
    let tracked = TRACKED.get_ptr(process);
    // SAFETY: the pointer is not null, and only an exec of this very process writes to the value.
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
            // Other credentials show nothing about the process: access(2) and overlayfs override
            // its own.
            ids::compare(&ids::of(credentials), &tracked.ids);
        }
    }
    let (system_call, argument) = system_call(context);
    let check = Check {
        site: site::of(context),
        executable: match tracked {
            Some(tracked) if !TYPES || setting!(events) == 0 => tracked.executable,
            _ if TYPES => executable::current(),
            _ => plain::UNKNOWN,
        },
        process,
        target_namespace: if TYPES { load(target, offset!(user_namespace_inum)) } else { 0 },
        system_call,
        argument,
        capability: given::<u32>(context, place!(capability)) as u8,
        denied: 0,
        options: options(given(context, place!(options))),
        relation: if TYPES { relation::of(credentials, target) } else { RELATION_UNKNOWN },
        credentials: whose,
        zero: [0; 3],
    };
    if ASKED.insert(ids, check, BPF_NOEXIST.into()).is_err() {
        // Either the kretprobe missed the answer to this thread's previous question, or there is no
        // space.
        lose(lost::CHECKS);
        let _ = ASKED.insert(ids, check, 0);
    }
}

/// Adds the answer to the question.
#[inline(always)]
pub fn answered(context: &RetProbeContext) {
    let ids = bpf_get_current_pid_tgid();
    let Some(kept) = ASKED.get_ptr(ids) else {
        if setting!(events) == 0 && TRACKED.get_ptr((ids >> 32) as u32).is_some() {
            // The kprobe missed the question.
            lose(lost::CHECKS);
        }
        return;
    };
    // SAFETY: the pointer is not null, and the value is this thread's alone.
    let mut check = unsafe { *kept };
    let _ = ASKED.remove(ids);
    check.denied = u8::from(given::<i32>(context, place!(answer)) != 0);
    if setting!(events) == 0 {
        count(&check);
    } else if setting!(denied_only) == 0 || check.denied != 0 {
        // Without the system call's number, a thread of the kernel may wait in vain.
        if setting!(outcomes) != 0 && (setting!(registers_bytes) == 0 || check.system_call >= 0) {
            outcome::expect(ids);
        }
        emit(context, check, ids as u32);
    }
}

/// Handles the end of a thread: it no longer waits for an answer.
#[inline(always)]
pub fn forget() {
    outcome::forget();
    let ids = bpf_get_current_pid_tgid();
    if ASKED.get_ptr(ids).is_some() {
        lose(lost::CHECKS);
        let _ = ASKED.remove(ids);
    }
}

#[inline(always)]
fn is_asked_for<const TYPES: bool>(tracked: bool, process: u32) -> bool {
    // Without types, user space is in the initial pid namespace; otherwise it does not load this
    // program.
    let own_id = || if TYPES { process::own_id() } else { process };
    match setting!(scope) {
        scope::ALL => own_id() != setting!(observer),
        scope::TRACKED => tracked,
        scope::LISTED => tracked || LISTED.get_ptr(own_id()).is_some(),
        scope::CGROUP => CGROUPS.current_task_under_cgroup(0) == Ok(true) && own_id() != setting!(observer),
        _ => false,
    }
}

/// Returns the number of the system call that the task is in, with its argument, or -1 if it is in none, or in one of a
/// 32-bit program. The task's registers are at the top of the stack. The call site usually names the system call too, but
/// not if the system call's entry function ends with a jump.
#[inline(always)]
fn system_call(context: &ProbeContext) -> (i32, u32) {
    if setting!(registers_bytes) == 0 {
        return (-1, 0);
    }
    let size = u64::from(setting!(stack_bytes));
    let top = (given::<u64>(context, place!(stack)) & size.wrapping_neg()).wrapping_add(size);
    let mut registers = top.wrapping_sub(setting!(registers_bytes).into());
    // The registers are there only if they say that a program entered the kernel. Interrupts have stacks of their own.
    if !is_entry(registers) {
        registers = registers.wrapping_sub(place!(padding).into());
        if !is_entry(registers) {
            return (-1, 0);
        }
    }
    let number = load::<u32>(registers as Address, setting!(call_register)) as i32;
    (number, argument::of(number, registers as Address))
}

/// Whether these are registers with which a program entered the kernel.
#[inline(always)]
fn is_entry(registers: u64) -> bool {
    u32::from(load::<u16>(registers as Address, setting!(mode_register))) & setting!(mode_mask) == setting!(mode_native)
}

/// Returns the options as Linux has them since 5.1. Before 5.1 the argument is `audit`, 0 or 1.
#[inline(always)]
fn options(argument: u32) -> u8 {
    match (place!(audit), argument) {
        (0, _) | (2, 2..) => argument as u8,
        (1, 0) => OPTION_NO_AUDIT,
        // This value means audited in one version and not audited in the other.
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
    // SAFETY: the helper has no precondition.
    let time = unsafe { bpf_ktime_get_ns() };
    if setting!(user_stack) != 0
        && let Some(stack) = user_stack::of(context, time, thread)
    {
        output(context, stack);
    }
    let mut event = Event {
        time,
        check,
        thread,
        user: bpf_get_current_uid_gid() as u32,
        name: bpf_get_current_comm().unwrap_or([0; 16]),
    };
    output(context, &mut event);
}

/// Passes a record on to user space.
#[inline(always)]
pub fn output<T>(context: &impl EbpfContext, record: &mut T) {
    // SAFETY: the record has this many bytes. PerfEventArray::output does not report whether it
    // failed.
    let failed = unsafe {
        generated::bpf_perf_event_output(
            context.as_ptr(),
            (&raw const EVENTS).cast_mut().cast(),
            BPF_F_CURRENT_CPU,
            core::ptr::from_mut(record).cast(),
            size_of::<T>() as u64,
        )
    };
    if failed != 0 {
        lose(lost::EVENTS);
    }
}
