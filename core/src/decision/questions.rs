//! The questions about the machine that must be answered before a policy can be decided.

use crate::decision::condition::Condition;
use crate::decision::probe::Probe;
use crate::policy::Policy;

/// The questions that a policy's conditions ask. capwrap reads these facts and no others.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Questions {
    /// The dotted names of settings, each once.
    pub sysctls: Vec<String>,
    /// The probes, each once.
    pub probes: Vec<Probe>,
}

impl Questions {
    /// Returns the questions of all conditions of the policy.
    pub fn of(policy: &Policy) -> Self {
        let mut questions = Self::default();
        for condition in policy.conditions() {
            match condition.inner() {
                Condition::Sysctl { name, .. } if !questions.sysctls.contains(name) => {
                    questions.sysctls.push(name.clone());
                }
                Condition::Probe(probes) => {
                    for probe in probes {
                        if !questions.probes.contains(probe) {
                            questions.probes.push(*probe);
                        }
                    }
                }
                _ => {}
            }
        }
        questions
    }
}
