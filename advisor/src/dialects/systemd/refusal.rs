//! The values that systemd does not take: it refuses to load a unit file with one, and leaves out the rest of a drop-in.

use crate::dialects::boolean::systemd as boolean;
use crate::dialects::systemd::syntax::{Assignment, Settings};
use crate::dialects::systemd::unit_name;
use crate::dialects::systemd::values::is_user;
use capwrap_core::text::printable;

/// Whether systemd does not take an assignment of this unit. It ignores most values that it cannot read, but not these
/// (systemd, `config_parse_user_group_compat`, and `config_parse_bool` of `DynamicUser=`).
pub fn is_refused((key, value): &Assignment, unit: &str) -> bool {
    match key.as_str() {
        "User" => !value.is_empty() && !is_user(&unit_name::expanded(value, unit).0),
        "DynamicUser" => boolean(value).is_none(),
        _ => false,
    }
}

/// Returns the settings of a drop-in up to the first that systemd does not take (systemd, `unit_load_dropin`).
pub fn of_drop_in(mut settings: Settings) -> Settings {
    if let Some(at) = settings.assignments.iter().position(|one| is_refused(one, &settings.unit)) {
        let (key, value) = &settings.assignments[at];
        let note = format!("systemd leaves out the rest of a drop-in from {key}={} on", printable::text(value));
        settings.notes.push(note);
        settings.assignments.truncate(at);
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::systemd::syntax::of_unit;

    #[test]
    fn a_drop_in_counts_up_to_what_systemd_does_not_take() {
        let text = "[Service]\nUser=a\nDynamicUser=maybe\nUser=b\n";
        let settings = of_drop_in(of_unit(text, "x.service.d/y.conf").unwrap());
        assert_eq!(settings.assignments, [("User".to_owned(), "a".to_owned())]);
        assert_eq!(settings.notes, ["systemd leaves out the rest of a drop-in from DynamicUser=maybe on"]);
    }
}
