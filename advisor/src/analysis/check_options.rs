//! Derives the options of a check from its call site, as far as possible, for back ends that do not carry the options.

use crate::analysis::observation::Options;

const AUDITED: Options = Options { audited: true, inset_id: false };
const NOT_AUDITED: Options = Options { audited: false, inset_id: false };
const IN_SET_ID: Options = Options { audited: true, inset_id: true };

/// Functions that ask in one way only (kernel/capability.c, security/commoncap.c, the same from 5.1 to 7.3).
/// `ns_capable_common`, `security_capable` and other functions that pass options on are not listed.
const ASKERS: &[(&str, Options)] = &[
    ("has_capability_noaudit", NOT_AUDITED),
    ("has_ns_capability_noaudit", NOT_AUDITED),
    ("ns_capable_noaudit", NOT_AUDITED),
    ("ptracer_capable", NOT_AUDITED),
    ("cap_vm_enough_memory", NOT_AUDITED),
    ("ns_capable_setid", IN_SET_ID),
    ("capable", AUDITED),
    ("ns_capable", AUDITED),
    ("has_capability", AUDITED),
    ("has_ns_capability", AUDITED),
    ("file_ns_capable", AUDITED),
    ("cap_capset", AUDITED),
    ("cap_mmap_addr", AUDITED),
];

/// Returns how the innermost of these functions asks. It returns `None` if the call site contains none of them:
/// compilers inline them, and turn their last call into a jump that leaves no frame.
pub fn told_by(call_site: &[String]) -> Option<Options> {
    call_site
        .iter()
        .find_map(|function| ASKERS.iter().find(|(asker, _)| asker == function).map(|(_, options)| *options))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(functions: &[&str]) -> Vec<String> {
        functions.iter().map(|&function| function.to_owned()).collect()
    }

    #[test]
    fn the_innermost_function_that_asks_in_one_way_shows_the_options() {
        assert_eq!(told_by(&site(&["security_capable", "capable", "ns_capable_noaudit"])), Some(AUDITED));
        assert_eq!(told_by(&site(&["ns_capable_setid", "__sys_setuid"])), Some(IN_SET_ID));
        assert_eq!(told_by(&site(&["cap_vm_enough_memory", "mmap_region"])), Some(NOT_AUDITED));
    }

    #[test]
    fn a_call_site_without_such_a_function_shows_nothing() {
        assert_eq!(told_by(&site(&["security_capable", "ns_capable_common", "generic_permission"])), None);
        assert_eq!(told_by(&[]), None);
    }
}
