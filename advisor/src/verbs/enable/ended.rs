//! Which enabled policies allow somebody for a time, and whose time has ended.

use crate::host::clock;
use crate::store::{enabled, trusted_file};
use anyhow::Result;
use capwrap_core::policy::Policy;
use capwrap_core::text::printable;

/// Prints a note for each temporary grant that has ended and is still in a policy.
pub fn report() -> Result<()> {
    let now = clock::now();
    for (name, _, policy) in with_temporary()? {
        for entry in policy.allow.temporary.iter().filter(|entry| entry.left(now).is_none()) {
            say!("note: {name}: {}; hint: capwrap revoke --ended", printable::text(entry.in_words(None)));
        }
    }
    Ok(())
}

/// The enabled policies with temporary grants: the name, the text and the policy of each. One that the launcher would
/// refuse is left out, which `capwrap verify` reports.
pub fn with_temporary() -> Result<Vec<(String, String, Policy)>> {
    let mut found = Vec::new();
    for name in enabled::names()? {
        let Ok(text) = trusted_file::text(&enabled::path(&name)) else { continue };
        let policy = Policy::read(&text);
        found
            .extend(policy.ok().filter(|policy| !policy.allow.temporary.is_empty()).map(|policy| (name, text, policy)));
    }
    Ok(found)
}
