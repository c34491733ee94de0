//! Quotes one word, so that its reader takes it for exactly one word with the same characters.

use capwrap_core::text::hidden::is_hidden;

/// Quotes a word for a POSIX shell.
pub use capwrap_core::text::shell::word as shell;

/// Quotes a word for a systemd setting that splits and unquotes its value (systemd.syntax(7), "Quoting") and expands
/// specifiers.
pub fn systemd(word: &str) -> String {
    let mut quoted = String::from("\"");
    for c in word.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '%' => quoted.push_str("%%"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if is_hidden(c) => {
                quoted.extend(c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("\\x{byte:02x}")));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// Quotes a word as a Nix string.
pub fn nix(word: &str) -> String {
    let escaped = word
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace("${", "\\${")
        .replace('\n', "\\n")
        .replace('\r', "\\r")
        .replace('\t', "\\t");
    format!("\"{escaped}\"")
}

/// Doubles each dollar sign, for Compose, which replaces `$NAME` in every value, and for the commands and variables of
/// Kubernetes, which replaces `$(NAME)`. Both read `$$` as a dollar sign.
pub fn dollars(word: &str) -> String {
    word.replace('$', "$$")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Words that have a special meaning for some reader.
    pub const NASTY: [&str; 12] = [
        "",
        "a b",
        "it's",
        "\"quoted\"",
        "back\\slash",
        "$(touch /tmp/x) `id` ${HOME} $HOME $$",
        "two\nlines",
        "tab\tand\rreturn",
        "50% %n %%",
        "# no comment",
        "a: [b, {c}] & *d !e",
        "ü ✗ -- ; | > <",
    ];

    #[test]
    fn a_shell_takes_every_word_for_itself() {
        for word in NASTY {
            let script = format!("printf %s {}", shell(word));
            let output = Command::new("/bin/sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
    }

    #[test]
    fn systemd_sees_no_specifier_and_no_end_of_the_line() {
        assert_eq!(systemd("50% \"a\" \\ \n\t\u{1}"), r#""50%% \"a\" \\ \n\t\x01""#);
    }

    #[test]
    fn nix_sees_no_interpolation() {
        assert_eq!(nix("${x} $x \"a\" \\ \n"), r#""\${x} $x \"a\" \\ \n""#);
        // `$${` is no interpolation in Nix, so the second dollar sign must be escaped by itself.
        assert_eq!(nix("$${x}"), r#""$\${x}""#);
    }

    #[test]
    fn variables_of_compose_and_kubernetes_stay_words() {
        assert_eq!(dollars("$A ${B} $(C) $$"), "$$A $${B} $$(C) $$$$");
    }
}
