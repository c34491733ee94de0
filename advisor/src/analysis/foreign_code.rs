//! Code that a tool would take from its caller: what the text of a policy shows of it.
//!
//! Whoever chooses the code chooses what it does with the capabilities. `lint` warns of it, and `enable` and
//! `learn --write` print the same warnings.

use crate::analysis::code_warning::{ForeignCode, NEVER_PASSED};
use crate::analysis::home_code;
use crate::analysis::policy_places::Step;
use capwrap_core::decision::code_variables;
use capwrap_core::policy::Policy;

/// All that the text alone shows.
pub fn of_text(policy: &Policy) -> Vec<ForeignCode> {
    kept(policy).into_iter().chain(of_tool_names(policy)).collect()
}

fn kept(policy: &Policy) -> Vec<ForeignCode> {
    let found = policy.exec.env.keep.iter().enumerate().filter_map(|(number, name)| {
        let by = code_variables::heeded_by(name)?;
        Some(ForeignCode {
            code: NEVER_PASSED,
            at: vec![Step::Key("exec"), Step::Key("env"), Step::Key("keep"), Step::At(number)],
            message: format!(
                "capwrap never passes the caller's {name}: it is a variable of {by}, by which a caller can choose code or files"
            ),
            hint: format!("take it out, or set it: env = {{ set = {{ {name} = \"…\" }} }}"),
        })
    });
    found.collect()
}

/// By the names of the policy's tools. Whether one is a script shows on the machine.
fn of_tool_names(policy: &Policy) -> Option<ForeignCode> {
    let names = policy.tool.paths.iter().filter_map(|path| path.file_name()?.to_str());
    names.filter_map(|name| home_code::found(policy, name, &[], name)).next()
}
