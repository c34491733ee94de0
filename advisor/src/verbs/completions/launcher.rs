//! The definition of the whole command line: the launcher's own options, and the verbs.

use clap::{Arg, ArgAction, Command};

/// The launcher's options that take a value: the option's name, its value's name, and its help. The launcher's
/// definition cannot be linked from here; a test compares these with what the launcher prints.
const VALUED: [(&str, &str, &str); 4] = [
    ("mode", "MODE", "Choose a mode of the policy by name"),
    ("drop", "CAPS", "Pass fewer capabilities to the tool, as in cap_net_admin,cap_bpf"),
    ("add", "CAPS", "Pass more capabilities, out of the policy's optional ones"),
    ("reason", "TEXT", "The reason, for the record"),
];

/// The launcher's options that take no value.
const FLAGS: [(&str, &str); 3] = [
    ("explain", "Print what a launch would grant and why; run nothing"),
    ("bypass", "Root only: keep everything, with a warning and a record"),
    ("learn", "Find out which capabilities a command needs"),
];

/// The definition of `capwrap`: the launcher's options, a tool, and every verb.
pub fn with_verbs(verbs: Command) -> Command {
    let valued = VALUED.map(|(name, value, help)| Arg::new(name).long(name).value_name(value).help(help));
    let flags = FLAGS.map(|(name, help)| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help));
    let tool = Arg::new("tool").value_name("TOOL").num_args(0..).trailing_var_arg(true);
    let mut whole = verbs.version(env!("CARGO_PKG_VERSION")).args(valued).args(flags).arg(tool);
    whole.build();
    whole
}
