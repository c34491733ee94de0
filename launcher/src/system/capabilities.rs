//! The capability sets of the process, in the types of `capwrap_core`.

use super::prctl;
use crate::refusal::{OrRefuse, Refusal};
use caps::{CapSet, CapsHashSet};
use capwrap_core::{Capability, CapabilitySet};
use nix::errno::Errno;

/// The three sets that capget(2) returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    pub permitted: CapabilitySet,
    pub effective: CapabilitySet,
    pub inheritable: CapabilitySet,
}

/// `struct __user_cap_header_struct`, include/uapi/linux/capability.h.
#[repr(C)]
struct Header {
    version: u32,
    process: libc::c_int,
}

/// `_LINUX_CAPABILITY_VERSION_3`, with which each set has two words.
const VERSION: u32 = 0x2008_0522;

/// One word of each set, `struct __user_cap_data_struct`.
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Words {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Reads the three sets with one call. The crate would make one for each, and a table of hashes for each of them.
pub fn held() -> Result<Held, Refusal> {
    let mut header = Header { version: VERSION, process: 0 };
    let mut words = [Words::default(); 2];
    // SAFETY: the kernel reads and may write the header, and writes two of the structures; both outlive the call.
    let answer = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, words.as_mut_ptr()) };
    Errno::result(answer).or_refuse(|| "read the capability sets")?;
    let set = |word: fn(Words) -> u32| {
        let [low, high] = words.map(|words| u64::from(word(words)));
        CapabilitySet::from_mask(low | high << 32)
    };
    Ok(Held {
        permitted: set(|words| words.permitted),
        effective: set(|words| words.effective),
        inheritable: set(|words| words.inheritable),
    })
}

/// Clears the effective set. From here on a capability is effective only inside [`with_effective`].
pub fn clear_effective() -> Result<(), Refusal> {
    caps::clear(None, CapSet::Effective).or_refuse(|| "clear the effective set")
}

/// Makes `needed` effective while `act` runs, and neither before nor after it.
pub fn with_effective<T>(needed: CapabilitySet, act: impl FnOnce() -> T) -> Result<T, Refusal> {
    if needed.is_empty() {
        return Ok(act());
    }
    caps::set(None, CapSet::Effective, &theirs(needed)?).or_refuse(|| format!("make {needed} effective"))?;
    let outcome = act();
    clear_effective()?;
    Ok(outcome)
}

/// Returns the number of the last capability that the kernel knows.
pub fn last() -> Result<u8, Refusal> {
    // No kernel with fewer than 37 capabilities (3.16, 2014) is in use any more. Counting upwards
    // from there takes five calls.
    let is_known = |number| prctl::in_bounding_set(number).or_refuse(|| "ask which capabilities the kernel knows");
    let mut last = if is_known(36)?.is_some() { 36 } else { 0 };
    while last < 63 && is_known(last + 1)?.is_some() {
        last += 1;
    }
    Ok(last)
}

/// Returns the bounding set, including capabilities of a newer kernel that capwrap does not know.
pub fn bounding(last: u8) -> Result<CapabilitySet, Refusal> {
    let mut mask = 0;
    for number in 0..=last {
        if prctl::in_bounding_set(number).or_refuse(|| "read the bounding set")? == Some(true) {
            mask |= 1 << number;
        }
    }
    Ok(CapabilitySet::from_mask(mask))
}

/// Returns the ambient set, which has nothing that is not permitted (capabilities(7)): only what is permitted is asked for.
fn ambient(permitted: CapabilitySet) -> Result<CapabilitySet, Refusal> {
    let mut set = CapabilitySet::EMPTY;
    for capability in permitted.iter() {
        if caps::has_cap(None, CapSet::Ambient, their(capability)?).or_refuse(|| "read the ambient set")? {
            set.insert(capability);
        }
    }
    Ok(set)
}

/// Sets all sets to what is passed to the tool: permitted and inheritable are equal to `passed`,
/// ambient is equal to it or empty, and effective is empty. Then it reads every set back.
///
/// # Errors
/// The kernel reports a set that differs from the one that was set. Before 5.8 capset(2) accepts
/// unknown bits and ignores them.
pub fn raise_exactly(passed: CapabilitySet, in_ambient: bool) -> Result<(), Refusal> {
    let set = theirs(passed)?;
    caps::clear(None, CapSet::Ambient).or_refuse(|| "clear the ambient set")?;
    caps::set(None, CapSet::Inheritable, &set).or_refuse(|| format!("make {passed} inheritable"))?;
    caps::set(None, CapSet::Permitted, &set).or_refuse(|| format!("give up all but {passed}"))?;
    if in_ambient {
        for capability in passed.iter() {
            caps::raise(None, CapSet::Ambient, their(capability)?)
                .or_refuse(|| format!("raise {capability} in the ambient set"))?;
        }
    }
    let wanted = Held { permitted: passed, effective: CapabilitySet::EMPTY, inheritable: passed };
    let wanted_ambient = if in_ambient { passed } else { CapabilitySet::EMPTY };
    let held = held()?;
    if held != wanted || ambient(held.permitted)? != wanted_ambient {
        return Err(Refusal::new(format!("the kernel did not set the capabilities to {passed}, though it said so")));
    }
    Ok(())
}

/// Gives up every capability. The launcher does this before it starts the advisor.
pub fn give_up_all() -> Result<(), Refusal> {
    raise_exactly(CapabilitySet::EMPTY, true)
}

fn theirs(set: CapabilitySet) -> Result<CapsHashSet, Refusal> {
    set.iter().map(their).collect()
}

fn their(capability: Capability) -> Result<caps::Capability, Refusal> {
    capability.name().to_ascii_uppercase().parse::<caps::Capability>().or_refuse(|| format!("name {capability}"))
}
