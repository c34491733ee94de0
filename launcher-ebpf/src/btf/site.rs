//! Finds the call site of a check: the kernel stack above it.
//!
//! Walking the stack at every check would cost more than everything else. But the probe recognises
//! a path through the kernel that it has walked once. The return addresses of the path are at the
//! same distance from the program's arguments, which are on the same stack. Each walk therefore
//! notes where it found them. At the next check of the same system call and capability, the probe
//! compares every word at those places. Only if a word differs does it walk the stack.

use crate::counting::lose;
use crate::kernel::{setting, volatile};
use crate::maps::{
    COMPARED, FIRST_WITHIN, Finding, KNOWN, KNOWN_SETS, Known, OWN_FRAMES, SCRATCH, SEARCHED, SITES, Scratch, WALKED,
    WAYS, WORDS,
};
use aya_ebpf::EbpfContext;
use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::helpers::generated::{bpf_get_stack, bpf_probe_read_kernel, bpf_snprintf};
use capwrap_ebpf::{FRAMES, FRAMES_A_TEXT, Site, TEXT_BYTES, lost};
use core::ffi::c_void;

/// The number of bytes that there is space for, a power of two for the verifier.
const STACK_WINDOW: u64 = (WORDS * 8) as u64;

/// Returns the key of `SITES` for the running check, or 0 if the stack could not be read.
#[inline(always)]
pub fn of(context: &impl EbpfContext, system_call: i32, capability: u32) -> u64 {
    let tag = (u64::from(system_call as u32) << 8 | u64::from(capability & 0xff)) + 1;
    let set = (system_call as u32).wrapping_mul(5).wrapping_add(capability) & (KNOWN_SETS - 1);
    let (Some(known), Some(scratch)) = (KNOWN.get_ptr_mut(set), SCRATCH.get_ptr_mut(0)) else { return 0 };
    // SAFETY: the pointer is not null, and the value is this CPU's alone while the program runs.
    let site = recall(context.as_ptr(), unsafe { &*known }, unsafe { &mut *scratch }, tag);
    if site != 0 { site } else { walk(context.as_ptr(), known, tag) }
}

/// Returns the site whose words are on the stack now, or 0 if there is none.
#[inline(always)]
fn recall(context: *const c_void, known: &Known, scratch: &mut Scratch, tag: u64) -> u64 {
    read_stack(context, known.span, scratch);
    for way in &known.ways {
        // The loop has no branch for each word, because the verifier would follow every one.
        let mut differs = way.tag ^ tag;
        for at in 0..COMPARED {
            differs |= scratch.words[usize::from(way.places[at])] ^ way.frames[at];
        }
        if differs == 0 {
            return way.site;
        }
    }
    0
}

/// Reads this many bytes of the stack, from the program's arguments outwards.
#[inline(always)]
fn read_stack(context: *const c_void, bytes: u64, scratch: &mut Scratch) {
    // SAFETY: the array has at least this many bytes. For a bad address the helper returns an error
    // and leaves zeroes.
    unsafe {
        let bytes = (bytes & (STACK_WINDOW - 1)) as u32;
        bpf_probe_read_kernel((&raw mut scratch.words).cast(), bytes, context);
    }
}

/// Walks the stack, keeps the site, and notes how to recognise it.
#[inline(never)]
fn walk(context: *mut c_void, known: *mut Known, tag: u64) -> u64 {
    let Some(scratch) = SCRATCH.get_ptr_mut(0) else { return 0 };
    // SAFETY: the pointer is not null, and the value is this CPU's alone while the program runs.
    let scratch = unsafe { &mut *scratch };
    for at in 0..WALKED {
        // SAFETY: this is a reference to plain memory. The write is volatile, because otherwise the
        // compiler makes it a call for each byte.
        unsafe { (&raw mut scratch.walked[at]).write_volatile(0) };
    }
    // The read must end with the stack, because the page after it cannot be read. The verifier
    // allows no arithmetic on the context itself, but it does on its value as a number.
    scratch.context = context as u64;
    let size = u64::from(setting!(stack_bytes));
    let left = size - (volatile(&scratch.context) & (size - 1));
    scratch.window = if left < SEARCHED as u64 * 8 { left } else { SEARCHED as u64 * 8 };
    read_stack(context, volatile(&scratch.window), scratch);
    // SAFETY: the array has this many bytes. On a failure the helper returns an error.
    let bytes =
        unsafe { bpf_get_stack(context, (&raw mut scratch.walked).cast(), size_of_val(&scratch.walked) as u32, 0) };
    // The outermost frame is the entry from user space. Its place differs in each system call
    // (randomize_kstack_offset), and it shows nothing about the check.
    let inner = if bytes > 8 { bytes as u64 / 8 - 1 } else { 0 };
    scratch.finding = Finding { first: 0, found: 0, wanted: 0, ambiguous: 0, place: 0, inner };
    if inner > 0 {
        find_frames(scratch);
    }
    if scratch.finding.found == 0 {
        lose(lost::SITES);
        return 0;
    }
    let site = keep_frames(scratch, tag);
    let Finding { found, wanted, ambiguous, .. } = volatile(&scratch.finding);
    // Only a path of which every frame was found can be recognised later.
    if site != 0 && found == wanted && ambiguous == 0 {
        // SAFETY: the caller checked that the pointer is not null, and the value is this CPU's
        // alone.
        remember(unsafe { &mut *known }, scratch, tag, site);
    }
    site
}

/// Finds the return addresses among the words of the stack, one after the other. The probe's own
/// frames are before the program's arguments, so the first frame found is the first outside the
/// probe.
///
/// The results are kept in memory and not in variables. The verifier follows every path, and this
/// makes each round of the loop the same to it.
#[inline(always)]
fn find_frames(scratch: &mut Scratch) {
    // The search starts at the far end, so that the nearest match remains.
    for place in (0..FIRST_WITHIN).rev() {
        for own in OWN_FRAMES {
            if scratch.words[place] == scratch.walked[own] {
                scratch.finding.first = own as u64;
                scratch.finding.place = place as u64;
            }
        }
    }
    let Finding { first, place, inner, .. } = volatile(&scratch.finding);
    if first == 0 || first >= inner {
        return;
    }
    scratch.places[0] = place as u8;
    scratch.finding.found = 1;
    scratch.finding.wanted = if inner - first < COMPARED as u64 { inner - first } else { COMPARED as u64 };
    for _ in 0..SEARCHED {
        let Finding { first, found, wanted, place, .. } = volatile(&scratch.finding);
        let place = place + 1;
        if found >= wanted || place * 8 >= volatile(&scratch.window) {
            break;
        }
        scratch.finding.place = place;
        let word = scratch.words[place as usize & (WORDS - 1)];
        let next = (first + found) as usize;
        if word == scratch.walked[next & (WALKED - 1)] {
            scratch.places[found as usize & 15] = place as u8;
            scratch.finding.found = found + 1;
        } else if word == scratch.walked[next.wrapping_sub(1) & (WALKED - 1)] {
            // A word that an earlier call left behind looks the same. Then only a walk is certain.
            scratch.finding.ambiguous = 1;
        }
    }
    // The last word compared is the last one found, or else the span does not matter.
    scratch.span = (volatile(&scratch.finding.place) + 1) * 8;
}

/// Keeps the frames from the first found one on as a site. Returns its key, or 0.
#[inline(always)]
fn keep_frames(scratch: &mut Scratch, tag: u64) -> u64 {
    let mut digest = 0xcbf2_9ce4_8422_2325_u64 ^ tag;
    let first = volatile(&scratch.finding.first);
    for at in 0..FRAMES {
        let address = scratch.walked[((first + at as u64) & (WALKED as u64 - 1)) as usize];
        scratch.site.frames[at] = address;
        digest = (digest ^ address).wrapping_mul(0x0000_0100_0000_01b3);
        digest ^= digest >> 29;
    }
    let key = digest | 1;
    if SITES.get_ptr(key).is_some() || name_and_insert(&mut scratch.site, key) { key } else { 0 }
}

/// Notes where the frames are.
#[inline(always)]
fn remember(known: &mut Known, scratch: &Scratch, tag: u64, site: u64) {
    let way = &mut known.ways[(known.next as usize) & (WAYS - 1)];
    known.next = known.next.wrapping_add(1);
    for at in 0..COMPARED {
        // After the last frame found, the first one is compared again.
        let there = (at as u64) < volatile(&scratch.finding.found);
        way.places[at] = if there { scratch.places[at] } else { scratch.places[0] };
        way.frames[at] = if there { scratch.site.frames[at] } else { scratch.site.frames[0] };
    }
    if known.span < scratch.span {
        known.span = scratch.span;
    }
    way.site = site;
    way.tag = tag;
}

static NAMES: [u8; FRAMES_A_TEXT * 4] = *b"%ps\n%ps\n%ps\n%ps\n%ps\n%ps\n%ps\n%ps\n%ps\n%ps\0";

/// Names the frames, if the kernel can, and keeps the site.
#[inline(always)]
fn name_and_insert(site: &mut Site, key: u64) -> bool {
    site.names[0][0] = 0;
    site.names[1][0] = 0;
    if setting!(recent) != 0 {
        for half in 0..2 {
            // SAFETY: the arrays have this many bytes and values, and the format is frozen data.
            unsafe {
                bpf_snprintf(
                    (&raw mut site.names[half]).cast(),
                    TEXT_BYTES as u32,
                    (&raw const NAMES).cast(),
                    (&raw mut site.frames[half * FRAMES_A_TEXT]).cast(),
                    (FRAMES_A_TEXT * 8) as u32,
                );
            }
        }
    }
    if SITES.insert(key, &*site, BPF_NOEXIST.into()).is_err() && SITES.get_ptr(key).is_none() {
        lose(lost::SITES);
        return false;
    }
    true
}
