//! Recognises what other tools print that says nothing that is read here, so that the error can say what to use.

use crate::output::error::hinted;
use anyhow::Result;
use serde_json::Value;

/// Refuses a text of another tool.
///
/// # Errors
/// The text is of a tool that is known here, and none of the readers can read it.
pub fn text(text: &str) -> Result<()> {
    let any = |is: &dyn Fn(&str) -> bool| text.lines().any(|line| is(line.trim()));
    if any(&|line| line.starts_with("CAPABILITY ANALYSIS FOR")) {
        return Err(hinted("this is the report of cap-audit for people", "cap-audit --json prints one that is read"));
    }
    if any(&is_of_capable) {
        return Err(hinted("these are rows of capable without their heading", "keep the line with COMM and NAME"));
    }
    if any(&is_of_captree) {
        return Err(hinted("this is the output of captree, which is not read", "getpcaps PID prints the same sets"));
    }
    if any(&|line| ["Current IAB:", "Bounding set =", "Securebits:"].iter().any(|start| line.starts_with(start))) {
        let what = "this is a part of the output of capsh --print, without the line Current:";
        return Err(hinted(what, "compare the whole output"));
    }
    Ok(())
}

/// Recognises a row of capable, such as `12:00:53  0  1  sshd  21  CAP_SYS_ADMIN  0`.
fn is_of_capable(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_time = words.first().is_some_and(|word| word.len() == 8 && word.matches(':').count() == 2);
    is_time && words.len() >= 5 && words.iter().any(|word| word.starts_with("CAP_"))
}

/// Recognises `--bash(1234)` and `:>-init(1) "=ep"`.
fn is_of_captree(line: &str) -> bool {
    let rest = line.trim_start_matches(['|', ' ']);
    let rest = rest.strip_prefix("--").or_else(|| rest.strip_prefix(":>-")).or_else(|| rest.strip_prefix("+-"));
    let id = rest.and_then(|rest| rest.split_once('(')).and_then(|(_, rest)| rest.split_once(')'));
    id.is_some_and(|(id, _)| !id.is_empty() && id.bytes().all(|digit| digit.is_ascii_digit()))
}

/// Refuses a document of another tool.
///
/// # Errors
/// As those of [`text`].
pub fn document(document: &Value) -> Result<()> {
    let has = |key: &str| document.get(key).is_some();
    let first = document.get(0).unwrap_or(document);
    if has("defaultAction") && (has("syscalls") || has("architectures")) {
        let what = "this is a seccomp profile, which limits system calls and gives no process a capability";
        return Err(hinted(what, "compare the container itself, as docker inspect or podman inspect prints it"));
    }
    if first.get("RepoTags").is_some() || first.get("RootFS").is_some() && first.get("HostConfig").is_none() {
        return Err(hinted("this is about an image, which has no capabilities of its own", "inspect a container"));
    }
    if has("status") && has("info") {
        let what = "this is the output of crictl inspect without the specification of the runtime";
        return Err(hinted(what, "crictl inspect ID, as root and without a template"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_says_nothing_here_is_named() {
        for known in [
            "==\nCAPABILITY ANALYSIS FOR: ping (PID 1)\n",
            "--bash(1234)\n  :>-ping(5) \"=ep\"\n",
            "Ambient set =\nSecurebits: 00/0x0/1'b0\n",
            "12:00:53  0  1  sshd  21  CAP_SYS_ADMIN  0\n",
        ] {
            assert!(text(known).is_err(), "{known}");
        }
        assert!(text("x\n-- y\n--x(y)\n").is_ok());
        for known in [
            json!({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": []}),
            json!([{"Id": "x", "RepoTags": [], "RootFS": {}}]),
            json!({"status": {}, "info": {}}),
        ] {
            assert!(document(&known).is_err(), "{known}");
        }
        assert!(document(&json!({"x": 1})).is_ok());
    }
}
