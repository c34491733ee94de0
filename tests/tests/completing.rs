//! `capwrap completions`, tested in the shells themselves.

use capwrap_tests::*;

const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

fn script(folder: &Folder, shell: &str) -> String {
    let run = root(&[CAPWRAP, "completions", shell]).run();
    assert!(run.ok(), "{run:?}");
    let path = folder.path(shell);
    std::fs::write(&path, run.stdout).unwrap();
    path
}

/// The completions that are offered for the last of these words, one in a line.
fn offered(shell: &str, words: &str) -> Vec<String> {
    let folder = Folder::new();
    let path = script(&folder, shell);
    let program = match shell {
        "bash" => format!(
            ". /usr/share/bash-completion/bash_completion; . {path}; COMP_LINE='{words}'; COMP_POINT=${{#COMP_LINE}}
             IFS=' ' read -ra COMP_WORDS <<< '{words}'; [[ '{words}' != *' ' ]] || COMP_WORDS+=('')
             COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _capwrap 2>/dev/null; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        ),
        "fish" => format!("source {path}; complete -C '{words}'"),
        // compadd is where every kind of completion ends, so the script replaces it to catch the words. zsh makes one
        // file when it is ready, and another when it has completed: how long each takes depends on the load of the
        // machine.
        _ => format!(
            "zmodload zsh/zpty; zpty z zsh -f -i
             await() {{ repeat 600; do while zpty -rt z line; do :; done; [[ ! -e $1 ]] || return 0; sleep 0.1; done; exit 1 }}
             zpty -w z 'PS1=; autoload -Uz compinit; compinit -u -D; . {path}
               compadd() {{ local -a found; builtin compadd -O found \"$@\"; print -rl -- ${{found/#/OFFERED:}} >> {path}.out; builtin compadd \"$@\" }}
               complete() {{ zle complete-word; : > {path}.completed }}; zle -N complete; bindkey \"^I\" complete
               unsetopt beep; : > {path}.ready'
             await {path}.ready; zpty -w -n z '{words}'$'\\t'; await {path}.completed
             zpty -d z; sed -n 's/^OFFERED://p' {path}.out"
        ),
    };
    let run = root(&[shell, "-c", &program]).env("HOME", folder.0.as_os_str()).env("TERM", "dumb").run();
    assert!(run.ok(), "{run:?}");
    run.stdout.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn each_script_is_accepted_by_its_shell() {
    let folder = Folder::new();
    for shell in SHELLS {
        let path = script(&folder, shell);
        let run = root(&[shell, "-n", &path]).run();
        assert!(run.ok() && run.stderr.is_empty(), "{run:?}");
    }
    let run = root(&["shellcheck", &folder.path("bash")]).run();
    assert!(run.ok(), "{run:?}");
}

#[test]
fn verbs_options_policies_and_capabilities_are_offered() {
    let policy = Policy::witness("cap_net_raw", "");
    let beginning = format!("capwrap {}", &policy.name[..policy.name.len() - 1]);
    for shell in SHELLS {
        for (words, wanted) in [
            ("capwrap dis", "disable"),
            (beginning.as_str(), policy.name.as_str()),
            ("capwrap enable tcpd", "tcpdump"),
            ("capwrap doctor --js", "--json"),
            ("capwrap learn --user capwrap-m", MEMBER),
            ("capwrap completions z", "zsh"),
            ("capwrap caps encode cap_sysl", "cap_syslog"),
            ("capwrap grant tcpd", "tcpdump"),
            ("capwrap grant tcpdump --unt", "--until"),
            ("capwrap revoke tcpdump --user capwrap-m", MEMBER),
            ("capwrap revoke tcpdump --ki", "--kill"),
            ("capwrap edit tcpdump --fr", "--from"),
            ("capwrap history tcpd", "tcpdump"),
            ("capwrap history --ver", "--verify"),
            ("capwrap report --ht", "--html"),
            ("capwrap ps --js", "--json"),
            ("capwrap adopt --sudo", "--sudoers"),
        ] {
            let offered = offered(shell, words);
            assert!(offered.iter().any(|one| one.trim() == wanted), "{shell}: {words}: {offered:?}");
        }
        let after_a_comma = offered(shell, "capwrap --drop cap_bpf,cap_sysl");
        assert!(after_a_comma.iter().any(|one| one.ends_with("cap_syslog")), "{shell}: {after_a_comma:?}");
    }
}

#[test]
fn after_the_tool_its_own_completion_goes_on() {
    for shell in SHELLS {
        let offered = offered(shell, "capwrap ls --colo");
        assert!(offered.iter().any(|one| one.starts_with("--color")), "{shell}: {offered:?}");
        assert!(!offered.iter().any(|one| one == "--mode"), "{shell}: {offered:?}");
    }
}

#[test]
fn every_option_of_the_launcher_is_offered() {
    let help = root(&[CAPWRAP, "--help"]).run().stdout;
    let mut of_help: Vec<&str> = help
        .split("\nOptions:")
        .nth(1)
        .unwrap()
        .split("\n\n")
        .next()
        .unwrap()
        .split_whitespace()
        .filter(|word| word.starts_with("--"))
        .collect();
    // `--learn` is no option of a launch. It begins a verb.
    of_help.push("--learn");
    of_help.sort_unstable();
    of_help.dedup();
    let mut of_script = offered("bash", "capwrap --");
    of_script.sort();
    assert_eq!(of_script, of_help);
}
