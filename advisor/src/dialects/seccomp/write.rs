//! Writes the scopes of a policy as a seccomp profile.

use crate::dialects::export_request::Launch;
use anyhow::{Context, Result};
use capwrap_core::scope::calls::Architecture;
use capwrap_core::scope::filter::Refusal;
use capwrap_core::scope::profile::{Answer, Profile};
use capwrap_core::scope::uses::{Bits, Uses};
use serde_json::{Value, json};
use std::fmt::Write;

const EPERM: u32 = 1;
const ENOSYS: u32 = 38;

/// Returns the text of the profile, or nothing if the policy has no scopes.
///
/// # Errors
/// The profile itself causes no error.
pub fn text(launch: &Launch<'_>) -> Result<Option<String>> {
    let Some(profile) = launch.profile_of_a_container() else { return Ok(None) };
    let mut text = crate::output::json::pretty(&value(&profile)).context("cannot write JSON")?;
    text.push('\n');
    Ok(Some(text))
}

/// Returns the profile as the value of an OCI configuration's `linux.seccomp`.
///
/// It names this architecture alone. runc answers ENOSYS to calls that are younger than all of these, for the architectures
/// that are named (libcontainer/seccomp/patchbpf), and what calls by the numbers of another is ended. An argument is compared under a mask, because the kernel reads most of them as 32 bits and libseccomp compares 64.
pub fn value(profile: &Profile) -> Value {
    let named = |wanted: Answer| -> Vec<&str> {
        profile.iter().filter(|(_, answer)| **answer == wanted).map(|(call, _)| *call).collect()
    };
    let allowed = named(Answer::Allowed);
    let mut rules = vec![json!({ "names": allowed, "action": "SCMP_ACT_ALLOW" })];
    let absent = named(Answer::Refused(Refusal::NotThere));
    if !absent.is_empty() {
        rules.push(json!({ "names": absent, "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS }));
    }
    for (call, answer) in profile {
        let Answer::AllowedFor(uses) = answer else { continue };
        rules.extend(
            uses.iter().map(|one| json!({ "names": [call], "action": "SCMP_ACT_ALLOW", "args": arguments(*one) })),
        );
    }
    let mut profile = json!({ "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": EPERM, "syscalls": rules });
    if let Some(name) = Architecture::HERE.map(name) {
        profile["architectures"] = json!([name]);
    }
    profile
}

/// Returns the name that libseccomp has for an architecture.
const fn name(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "SCMP_ARCH_X86_64",
        Architecture::Aarch64 => "SCMP_ARCH_AARCH64",
        Architecture::Riscv64 => "SCMP_ARCH_RISCV64",
    }
}

fn arguments(uses: Uses) -> Vec<Value> {
    let compared = uses.0.iter().enumerate().filter(|(_, bits)| bits.mask != 0);
    let comparison = |(index, Bits { mask, value }): (usize, &Bits)| json!({ "index": index, "value": mask, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ" });
    compared.map(comparison).collect()
}

/// Returns the calls that a profile lets through in part, as the end of a sentence.
pub fn in_part(profile: &Profile) -> String {
    let mut calls = String::new();
    for (call, _) in profile.iter().filter(|(_, answer)| matches!(answer, Answer::AllowedFor(_))) {
        let separator = if calls.is_empty() { "" } else { ", " };
        let _ = write!(calls, "{separator}{call}");
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::export_request::tests::{facts, source};

    #[test]
    fn calls_are_named_by_what_is_answered_and_arguments_are_compared_under_a_mask() {
        let policy = "schema = 1\n[tool]\npath = \"/t\"\n[allow]\nusers = [\"root\"]\n[[grant]]\ncaps = \"net_raw\"\n\
                      through = \"socket:raw-icmp\"\n";
        let (source, facts) = (source("t", policy), facts());
        let launch = Launch::of(&source, &facts, None).unwrap();
        let read: Value = serde_json::from_str(&text(&launch).unwrap().unwrap()).unwrap();
        let rules = read["syscalls"].as_array().unwrap();
        assert!(rules[0]["names"].as_array().unwrap().contains(&json!("read")));
        assert!(!rules[0]["names"].as_array().unwrap().contains(&json!("io_uring_setup")));
        assert_eq!(rules[1], json!({ "names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS }));
        let icmp = json!([
            { "index": 0, "value": u32::MAX, "valueTwo": 2, "op": "SCMP_CMP_MASKED_EQ" },
            { "index": 1, "value": 0xf, "valueTwo": 3, "op": "SCMP_CMP_MASKED_EQ" },
            { "index": 2, "value": u32::MAX, "valueTwo": 1, "op": "SCMP_CMP_MASKED_EQ" },
        ]);
        assert!(rules.iter().any(|rule| rule["names"] == json!(["socket"]) && rule["args"] == icmp));
        // runc takes several comparisons of one argument as alternatives (libcontainer/seccomp).
        for rule in rules {
            let places: Vec<&Value> = rule["args"].as_array().into_iter().flatten().map(|one| &one["index"]).collect();
            assert!((1..places.len()).all(|at| !places[..at].contains(&places[at])), "{rule}");
        }
    }

    #[test]
    fn without_a_scope_there_is_no_profile() {
        let (source, facts) = (crate::dialects::export_request::tests::policy(""), facts());
        assert_eq!(text(&Launch::of(&source, &facts, None).unwrap()).unwrap(), None);
    }
}
