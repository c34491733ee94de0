//! A warning about code that a tool would take from its caller or from others who are not root.

use crate::analysis::policy_places::Step;

/// A way in which the caller, or somebody else who is not root, chooses the code that the tool runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignCode {
    /// The code of the warning: one of [`CODES`].
    pub code: &'static str,
    /// The place in the policy that it is about.
    pub at: Vec<Step<'static>>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

/// `keep` of a variable that capwrap never passes.
pub const NEVER_PASSED: &str = "never-passed";
/// A tool or an interpreter that runs code out of the caller's home or working directory.
pub const HOME_CODE: &str = "home-code";
/// A program whose file leads the dynamic loader to where others can put a library.
pub const LIBRARY_PATH: &str = "library-path";

/// The code of each warning, and what it finds.
pub const CODES: [(&str, &str); 3] = [
    (NEVER_PASSED, "a kept variable by which the caller would choose code, and that capwrap never passes"),
    (HOME_CODE, "a tool or interpreter that runs code out of its caller's home or working directory"),
    (LIBRARY_PATH, "a program that loads libraries from where others can put them"),
];
