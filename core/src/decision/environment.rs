//! Builds the tool's environment. It is built new from a list of what may reach the tool. It is
//! never the caller's environment without a list of what may not.

use crate::decision::accounts::Account;
use crate::decision::code_variables;
use crate::policy::EnvironmentRules;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// The only PATH that a tool gets, unless its policy sets another.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The caller's variables that are passed if their value is harmless. Locale variables are passed
/// too: [`LOCALE`], and all that begin with `LC_`.
const PLAIN: [&str; 3] = ["TERM", "COLORTERM", "NO_COLOR"];

/// Variables whose value names a locale. glibc reads a value with a `/` as a path.
const LOCALE: [&str; 2] = ["LANG", "LANGUAGE"];

/// The variables that say who the user is and where the user's own files are.
pub const ACCOUNT: [&str; 4] = ["HOME", "USER", "LOGNAME", "SHELL"];

/// Builds the environment of the tool. The sources follow in this order, and a later one replaces
/// an earlier one: the caller's harmless variables, those of the account, those that the policy
/// keeps (except those of [`code_variables`]), and those that it sets.
pub fn build(
    caller: &[(OsString, OsString)],
    account: Option<&Account<'_>>,
    rules: &EnvironmentRules,
) -> Vec<(OsString, OsString)> {
    let mut tool: Vec<(OsString, OsString)> = Vec::new();
    let mut put = |name: &OsStr, value: &OsStr| match tool.iter_mut().find(|(known, _)| known == name) {
        Some((_, old)) => *old = value.to_owned(),
        None => tool.push((name.to_owned(), value.to_owned())),
    };
    for (name, value) in caller.iter().filter(|(name, value)| passes(name, value)) {
        put(name, value);
    }
    put(OsStr::new("PATH"), OsStr::new(PATH));
    if let Some(account) = account {
        for (name, value) in ACCOUNT.into_iter().zip([account.home, account.name, account.name, account.shell]) {
            if !value.is_empty() {
                put(OsStr::new(name), OsStr::new(value));
            }
        }
    }
    for (name, value) in caller {
        if rules.keep.iter().any(|kept| name == kept.as_str() && code_variables::heeded_by(kept).is_none()) {
            put(name, value);
        }
    }
    for (name, value) in &rules.set {
        put(OsStr::new(name), OsStr::new(value));
    }
    tool
}

fn passes(name: &OsStr, value: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    let value = value.as_bytes();
    if PLAIN.contains(&name) {
        is_word(value)
    } else if name == "TZ" {
        is_zone(value)
    } else {
        let is_locale = LOCALE.contains(&name)
            || name
                .strip_prefix("LC_")
                .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_uppercase()));
        is_locale && is_word(value)
    }
}

/// Returns whether a value contains only the characters that names of terminals and locales have.
/// Such a value is no path, shell function or format.
fn is_word(value: &[u8]) -> bool {
    value.len() <= 128 && value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._@:+,-".contains(byte))
}

/// Returns whether a value is a time zone such as `Europe/Berlin` or `CET-1CEST,M3.5.0,M10.5.0/3`:
/// a name below the system's zones, never a path to another file (tzset(3); a leading `:` would
/// make it a path).
fn is_zone(value: &[u8]) -> bool {
    value.len() <= 128
        && value.split(|byte| *byte == b'/').all(|part| !part.is_empty() && part != b"." && part != b"..")
        && value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._+,/<>-".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(caller: &[(&str, &str)], rules: &EnvironmentRules) -> Vec<String> {
        let caller: Vec<_> = caller.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect();
        build(&caller, None, rules)
            .into_iter()
            .map(|(name, value)| format!("{}={}", name.display(), value.display()))
            .filter(|line| !line.starts_with("PATH="))
            .collect()
    }

    #[test]
    fn variables_that_make_a_program_run_other_code_do_not_pass() {
        let caller: Vec<(&str, &str)> = [
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "LD_AUDIT",
            "GLIBC_TUNABLES",
            "MALLOC_CHECK_",
            "GCONV_PATH",
            "LOCPATH",
            "NLSPATH",
            "PYTHONPATH",
            "PYTHONSTARTUP",
            "PERL5LIB",
            "PERL5OPT",
            "RUBYOPT",
            "BASH_ENV",
            "ENV",
            "NODE_OPTIONS",
            "JAVA_TOOL_OPTIONS",
            "TERMINFO",
            "TERMINFO_DIRS",
            "TERMCAP",
            "TZDIR",
            "IFS",
            "CDPATH",
            "PS4",
            "PAGER",
            "EDITOR",
            "HOSTALIASES",
            "RES_OPTIONS",
            "RESOLV_HOST_CONF",
            "TMPDIR",
            "XDG_CONFIG_HOME",
            "OPENSSL_CONF",
            "SSLKEYLOGFILE",
            "DISPLAY",
            "SUDO_USER",
            "CAPWRAP_ADD",
            "LC_",
            "LC_all",
            "lang",
            "BASH_FUNC_ls%%",
            "",
        ]
        .into_iter()
        .map(|name| (name, "x"))
        .collect();
        assert_eq!(names(&caller, &EnvironmentRules::default()), Vec::<String>::new());
    }

    #[test]
    fn a_locale_that_is_a_path_or_a_function_does_not_pass() {
        let caller = [
            ("LANG", "en_US.UTF-8"),
            ("LC_ALL", "/tmp/evil"),
            ("LC_CTYPE", "() { :;}"),
            ("LC_TIME", "de_DE@euro"),
            ("LC_NUMERIC", "%n"),
            ("TERM", "../../tmp/x"),
            ("COLORTERM", "truecolor"),
            ("LANGUAGE", "de:en"),
            ("LC_NAME", "a b"),
        ];
        let passed = names(&caller, &EnvironmentRules::default());
        assert_eq!(passed, ["LANG=en_US.UTF-8", "LC_TIME=de_DE@euro", "COLORTERM=truecolor", "LANGUAGE=de:en"]);
    }

    #[test]
    fn a_zone_passes_by_name_and_never_as_a_path() {
        for (zone, passes) in [
            ("Europe/Berlin", true),
            ("UTC", true),
            ("CET-1CEST,M3.5.0,M10.5.0/3", true),
            ("<+03>-3", true),
            ("/etc/shadow", false),
            (":/etc/shadow", false),
            (":UTC", false),
            ("../../etc/shadow", false),
            ("Europe/../../x", false),
            ("Europe//x", false),
            ("()", false),
            ("", false),
            ("a\nb", false),
        ] {
            assert_eq!(!names(&[("TZ", zone)], &EnvironmentRules::default()).is_empty(), passes, "{zone:?}");
        }
    }

    #[test]
    fn the_policy_may_keep_and_set_and_what_it_sets_wins() {
        let rules = EnvironmentRules {
            keep: vec!["SSLKEYLOGFILE".into(), "HOME".into(), "LANG".into()],
            set: vec![("LANG".into(), "C".into()), ("HOME".into(), "/nonexistent".into())],
        };
        let caller = [("SSLKEYLOGFILE", "/tmp/keys"), ("LANG", "de_DE"), ("HOME", "/home/x"), ("LD_PRELOAD", "x")];
        let mut passed = names(&caller, &rules);
        passed.sort();
        assert_eq!(passed, ["HOME=/nonexistent", "LANG=C", "SSLKEYLOGFILE=/tmp/keys"]);
    }

    #[test]
    fn what_loads_code_does_not_pass_even_where_the_policy_keeps_it_and_passes_where_the_policy_sets_it() {
        let names_of_code = ["LD_PRELOAD", "TMPDIR", "PYTHONPATH", "BASH_ENV"];
        let rules = EnvironmentRules {
            keep: names_of_code.map(str::to_owned).into(),
            set: vec![("LD_LIBRARY_PATH".into(), "/opt/lib".into())],
        };
        let caller = names_of_code.map(|name| (name, "x"));
        assert_eq!(names(&caller, &rules), ["LD_LIBRARY_PATH=/opt/lib"]);
    }

    #[test]
    fn a_variable_given_twice_reaches_the_tool_once() {
        let passed = names(&[("LANG", "C"), ("LANG", "POSIX")], &EnvironmentRules::default());
        assert_eq!(passed, ["LANG=POSIX"]);
    }

    #[test]
    fn home_and_names_come_from_the_account_and_not_from_the_caller() {
        let caller: Vec<_> = [("HOME", "/evil"), ("USER", "root"), ("PATH", "/evil")]
            .map(|(name, value)| (OsString::from(name), OsString::from(value)))
            .into();
        let account = Account { name: "alice", uid: 1000, gid: 1000, home: "/home/alice", shell: "" };
        let mut tool = build(&caller, Some(&account), &EnvironmentRules::default());
        tool.sort();
        let expected = [("HOME", "/home/alice"), ("LOGNAME", "alice"), ("PATH", PATH), ("USER", "alice")];
        assert_eq!(tool, expected.map(|(name, value)| (OsString::from(name), OsString::from(value))));
    }
}
