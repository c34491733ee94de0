//! Programs that run code out of their caller's home or working directory, and what keeps them from it.
//!
//! capwrap sets HOME to the home of the caller's account, and a caller can write there what they like. A policy that
//! sets HOME to a directory of root's keeps a program from it, where the program asks HOME and not the account.

use crate::analysis::code_warning::{ForeignCode, HOME_CODE};
use crate::analysis::policy_places::Step;
use capwrap_core::policy::Policy;

/// A program, by the name of its file without the version behind it.
#[derive(Debug)]
pub struct HomeCode {
    /// The names.
    pub names: &'static [&'static str],
    /// What it runs.
    pub reads: &'static str,
    /// When it does.
    pub when: When,
    /// Options of a script's first line that keep it from that.
    pub options: &'static [&'static str],
    /// Variables that keep it from that where the policy sets one of them.
    pub variables: &'static [&'static str],
    /// The value that a hint gives the first of them.
    pub value: &'static str,
    /// Where this is documented.
    pub source: &'static str,
}

/// When a program runs such code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Whenever it starts.
    Always,
    /// When one of these options is on a script's first line: a login shell, an interactive one.
    With(&'static [&'static str]),
}

/// A home in which nothing lies and nothing can: a tool with cap_dac_override would make one that does not exist.
pub const NOWHERE: &str = "/dev/null";

/// In the order of their first names.
pub const TABLE: &[HomeCode] = &[
    HomeCode {
        names: &["bash", "dash", "sh"],
        reads: "~/.profile, ~/.bash_profile or ~/.bashrc, as a login shell or an interactive one",
        when: When::With(&["-l", "--login", "-i"]),
        options: &[],
        variables: &["HOME"],
        value: NOWHERE,
        source: "bash(1), INVOCATION",
    },
    HomeCode {
        names: &["csh", "tcsh"],
        reads: "~/.cshrc and ~/.tcshrc",
        when: When::Always,
        options: &["-f"],
        variables: &["HOME"],
        value: NOWHERE,
        source: "tcsh(1), Startup and shutdown",
    },
    HomeCode {
        names: &["expect"],
        reads: "~/.expect.rc",
        when: When::Always,
        options: &["-n"],
        variables: &["HOME", "DOTDIR"],
        value: NOWHERE,
        source: "expect(1), USAGE",
    },
    HomeCode {
        names: &["fish"],
        reads: "~/.config/fish/config.fish",
        when: When::Always,
        options: &["-N", "--no-config"],
        variables: &["HOME", "XDG_CONFIG_HOME"],
        value: NOWHERE,
        source: "fish(1), --no-config; tried with 3.6",
    },
    HomeCode {
        names: &["gdb"],
        reads: "~/.gdbinit and ~/.config/gdb/gdbinit",
        when: When::Always,
        options: &["-n", "-nx", "-nh"],
        variables: &["HOME"],
        value: NOWHERE,
        source: "Debugging with GDB, Initialization Files",
    },
    HomeCode {
        names: &["lldb"],
        reads: "~/.lldbinit",
        when: When::Always,
        options: &["-x", "--no-lldbinit"],
        variables: &["HOME"],
        value: NOWHERE,
        source: "lldb(1), CONFIGURATION FILES",
    },
    HomeCode {
        names: &["lua", "luajit"],
        reads: "./?.lua and ./?.so, modules of the caller's working directory",
        when: When::Always,
        options: &[],
        variables: &["LUA_PATH"],
        value: "/usr/share/lua/5.4/?.lua\", LUA_CPATH = \"/usr/lib/lua/5.4/?.so",
        source: "luaconf.h, LUA_PATH_DEFAULT and LUA_CPATH_DEFAULT",
    },
    HomeCode {
        names: &["nmap"],
        reads: "~/.nmap, scripts and libraries of the NSE, by the account's home",
        when: When::Always,
        options: &[],
        variables: &["NMAPDIR"],
        value: "/usr/share/nmap",
        source: "nmap(1), --datadir: the order of the folders",
    },
    HomeCode {
        names: &["node", "nodejs"],
        reads: "~/.node_modules and ~/.node_libraries, for a module that is nowhere else",
        when: When::Always,
        options: &[],
        variables: &["HOME"],
        value: NOWHERE,
        source: "Node.js, Modules: CommonJS modules, Loading from the global folders; tried with 18",
    },
    HomeCode {
        names: &["octave", "octave-cli"],
        reads: "~/.octaverc",
        when: When::Always,
        options: &["-f", "--norc", "--no-init-file"],
        variables: &["HOME"],
        value: NOWHERE,
        source: "GNU Octave, Startup Files",
    },
    HomeCode {
        names: &["julia"],
        reads: "~/.julia/config/startup.jl",
        when: When::Always,
        options: &["--startup-file=no"],
        variables: &["HOME", "JULIA_DEPOT_PATH"],
        value: NOWHERE,
        source: "Julia, Command-line Interface, Startup file",
    },
    HomeCode {
        names: &["psql"],
        reads: "~/.psqlrc, with \\! COMMAND",
        when: When::Always,
        options: &["-X", "--no-psqlrc"],
        variables: &["PSQLRC"],
        value: "/dev/null",
        source: "psql(1), Files",
    },
    HomeCode {
        names: &["pwsh"],
        reads: "~/.config/powershell/profile.ps1",
        when: When::Always,
        options: &["-NoProfile", "-nop"],
        variables: &["HOME", "XDG_CONFIG_HOME"],
        value: NOWHERE,
        source: "about_Profiles",
    },
    HomeCode {
        names: &["pypy", "python"],
        reads: "~/.local/lib/pythonX.Y/site-packages: usercustomize and .pth files",
        when: When::Always,
        options: &["-I", "-s", "-S"],
        variables: &["PYTHONNOUSERSITE", "HOME"],
        value: "1",
        source: "Python, site, and Command line and environment, -s; tried with 3.11",
    },
    HomeCode {
        names: &["r", "rscript"],
        reads: "~/.Rprofile and .Rprofile of the working directory",
        when: When::Always,
        options: &["--vanilla", "--no-init-file"],
        variables: &["R_PROFILE_USER"],
        value: "/dev/null",
        source: "R, ?Startup",
    },
    HomeCode {
        names: &["ruby"],
        reads: "the gems of ~/.local/share/gem and ~/.gem, before those of the system",
        when: When::Always,
        options: &["--disable=gems", "--disable-gems"],
        variables: &["GEM_PATH", "HOME"],
        value: "/var/lib/gems",
        source: "RubyGems, Gem.default_path and Gem.user_dir; ruby(1), --disable",
    },
    HomeCode {
        names: &["scapy"],
        reads: "~/.config/scapy/prestart.py",
        when: When::Always,
        options: &[],
        variables: &["HOME", "XDG_CONFIG_HOME"],
        value: NOWHERE,
        source: "Scapy, Usage, Customizing Scapy",
    },
    HomeCode {
        names: &["screen", "tmux"],
        reads: "~/.screenrc or ~/.tmux.conf, which start programs",
        when: When::Always,
        options: &[],
        variables: &["HOME"],
        value: NOWHERE,
        source: "screen(1), tmux(1)",
    },
    HomeCode {
        names: &["sqlite"],
        reads: "~/.sqliterc, with .shell and .load",
        when: When::Always,
        options: &[],
        variables: &["HOME"],
        value: NOWHERE,
        source: "sqlite3(1), INIT FILE",
    },
    HomeCode {
        names: &["tshark", "wireshark", "wireshark-gtk"],
        reads: "~/.local/lib/wireshark/plugins: Lua and libraries",
        when: When::Always,
        options: &[],
        variables: &["HOME"],
        value: NOWHERE,
        source: "Wireshark User's Guide, Plugin folders",
    },
    HomeCode {
        names: &["vi", "vim", "nvim"],
        reads: "~/.vimrc, ~/.vim and ~/.config/nvim",
        when: When::Always,
        options: &[],
        variables: &["HOME"],
        value: NOWHERE,
        source: "vim, :help initialization",
    },
    HomeCode {
        names: &["zsh"],
        reads: "~/.zshenv, for scripts too",
        when: When::Always,
        options: &["-f", "--no-rcs"],
        variables: &["HOME", "ZDOTDIR"],
        value: NOWHERE,
        source: "zsh(1), STARTUP/SHUTDOWN FILES; tried with 5.9",
    },
];

/// The row of a program, by the name of its file: `python3.11` is `python`.
pub fn of(program: &str) -> Option<&'static HomeCode> {
    let bare = program.trim_end_matches(|c: char| c.is_ascii_digit() || ".-".contains(c)).to_ascii_lowercase();
    TABLE.iter().find(|row| row.names.contains(&bare.as_str()))
}

/// The warning where this policy lets a program run such code. `options` are those of a script's first line; `shown` is
/// what the program is called.
pub fn found(policy: &Policy, program: &str, options: &[String], shown: &str) -> Option<ForeignCode> {
    let row = of(program)?;
    let grants_any = !policy.grantable().union(policy.optional()).is_empty();
    if !grants_any || !row.applies(options) || row.is_prevented(policy, options) {
        return None;
    }
    let first = row.variables[0];
    let mut hint = format!("env = {{ set = {{ {first} = \"{}\" }} }}", row.value);
    if let Some(option) = row.options.first().filter(|_| !options.is_empty() || shown != program) {
        hint = format!("{hint} in [exec], or {option} on the script's first line");
    }
    Some(ForeignCode {
        code: HOME_CODE,
        at: vec![Step::Key("tool"), Step::Key("path")],
        message: format!(
            "{shown} runs the caller's code, with the capabilities: it reads {} ({})",
            row.reads, row.source
        ),
        hint,
    })
}

impl HomeCode {
    fn applies(&self, options: &[String]) -> bool {
        match self.when {
            When::Always => true,
            When::With(these) => has_any(these, options),
        }
    }

    fn is_prevented(&self, policy: &Policy, options: &[String]) -> bool {
        // Python's -E ignores PYTHONNOUSERSITE, too; -I brings its own.
        let is_deaf = self.names.contains(&"python") && has_any(&["-E"], options);
        let counts = |name: &str| !(is_deaf && name.starts_with("PYTHON"));
        let is_set = |name: &str| {
            counts(name) && policy.exec.env.set.iter().any(|(set, value)| set == name && !value.is_empty())
        };
        has_any(self.options, options) || self.variables.iter().any(|name| is_set(name))
    }
}

/// Whether one of these is among the options. Those of one letter may stand together: `-Es` has `-s`.
fn has_any(these: &[&str], options: &[String]) -> bool {
    options.iter().any(|given| {
        let letters = given.strip_prefix('-').filter(|rest| rest.bytes().all(|byte| byte.is_ascii_alphabetic()));
        these.iter().any(|one| {
            let letter = one.strip_prefix('-').filter(|letter| letter.len() == 1);
            given == one || letters.zip(letter).is_some_and(|(letters, letter)| letters.contains(letter))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(env: &str) -> Policy {
        let text = format!(
            "schema = 1\ntool = {{ path = \"/t\" }}\nallow = {{ users = [\"root\"] }}\n\
             grant = [{{ caps = \"kill\" }}]\n[exec]\nenv = {{ {env} }}\n"
        );
        Policy::read(&text).unwrap()
    }

    fn warns(env: &str, program: &str, options: &str) -> bool {
        let options: Vec<String> = options.split_whitespace().map(str::to_owned).collect();
        found(&policy(env), program, &options, "a script").is_some()
    }

    #[test]
    fn each_interpreter_is_pointed_at_until_an_option_or_a_variable_keeps_it_from_the_home() {
        for (program, options, env, expected) in [
            ("python3.11", "", "", true),
            ("python3", "-u", "", true),
            ("python3", "-I", "", false),
            ("python3", "-Es", "", false),
            ("python3", "", "set = { PYTHONNOUSERSITE = \"1\" }", false),
            ("python3", "", "set = { HOME = \"/nonexistent\" }", false),
            ("python3", "", "set = { PYTHONNOUSERSITE = \"\" }", true),
            ("python3", "-E", "set = { PYTHONNOUSERSITE = \"1\" }", true),
            ("python3", "-E", "set = { HOME = \"/nonexistent\" }", false),
            ("bash", "", "", false),
            ("bash", "-eu", "", false),
            ("bash", "-l", "", true),
            ("bash", "--login", "set = { HOME = \"/nonexistent\" }", false),
            ("zsh", "", "", true),
            ("zsh", "-ef", "", false),
            ("lua5.4", "", "", true),
            ("lua5.4", "", "set = { HOME = \"/nonexistent\" }", true),
            ("nmap", "", "set = { HOME = \"/nonexistent\" }", true),
            ("nmap", "", "set = { NMAPDIR = \"/usr/share/nmap\" }", false),
            ("Rscript", "--vanilla", "", false),
            ("perl", "", "", false),
            ("tclsh8.6", "", "", false),
            ("tcpdump", "", "", false),
        ] {
            assert_eq!(warns(env, program, options), expected, "{program} {options} {env}");
        }
    }

    #[test]
    fn what_gets_no_capability_may_run_what_it_likes() {
        let text = "schema = 1\ntool = { path = \"/t\" }\nallow = { users = [\"root\"] }\n";
        assert_eq!(found(&Policy::read(text).unwrap(), "zsh", &[], "zsh"), None);
    }

    #[test]
    fn no_name_stands_twice_and_each_row_says_where_it_is_from_and_what_helps() {
        let mut names: Vec<&str> = TABLE.iter().flat_map(|row| row.names).copied().collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
        for row in TABLE {
            assert!(!row.source.is_empty() && !row.reads.is_empty() && !row.variables.is_empty(), "{row:?}");
        }
    }
}
