//! The capabilities of a file in words, and what changed in them.

use capwrap_core::policy::FileCapabilities;

/// Describes the change from the file capabilities before to those now.
pub fn change(before: Option<&FileCapabilities>, now: &FileCapabilities) -> String {
    let (was, is) = (describe(before), describe(Some(now)));
    let has = is.as_deref().unwrap_or("no capabilities");
    if was == is {
        format!("still has {has}")
    } else {
        format!("now has {has} (before: {})", was.as_deref().unwrap_or("none"))
    }
}

/// The file capabilities in setcap's notation; `None` if there are none.
pub fn describe(capabilities: Option<&FileCapabilities>) -> Option<String> {
    capabilities.filter(|file| !file.permitted.union(file.inheritable).is_empty()).map(FileCapabilities::to_string)
}
