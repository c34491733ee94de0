//! What a command asks a program for, by its options, as data: a check counts or does not by what the user asked for, which the
//! call site does not show.

use crate::analysis::call_sites::{is_one_of, is_program};
use crate::analysis::observation::Observation;
use capwrap_core::Capability;

/// A check that means more or less by what the user asked the program for: the options show it, and the call site does not.
#[derive(Debug)]
pub struct Asked {
    /// The names of the program's file and of links to it. The row applies only if the command has one of them, so that its
    /// options are known.
    pub programs: &'static [&'static str],
    /// The interpreters that execute it, if it is a script.
    pub run_by: &'static [&'static str],
    /// The functions of which the call site must contain one.
    pub functions: &'static [&'static str],
    /// The capabilities that are asked for.
    pub capabilities: &'static [Capability],
    /// What the check counts with, and without which it does not.
    pub options: Options,
    /// Why it does not count without these options, as a phrase of at most 64 characters for people.
    pub why: &'static str,
}

/// Options by which a command asks for something.
#[derive(Debug)]
pub enum Options {
    /// Any of these.
    Words(&'static [&'static str]),
    /// This letter in a word without a dash, as BSD's tools have their options.
    Letter(char, &'static Letters),
}

/// What a tool takes that has both kinds of options: with a dash, and without one.
#[derive(Debug)]
pub struct Letters {
    /// The letters without a dash that take no value.
    plain: &'static str,
    /// The letters without a dash that take a value: the rest of the word, or the next word.
    valued: &'static str,
    /// The letters after a dash that take one.
    dashed: &'static str,
    /// The long options that take one.
    long: &'static [&'static str],
}

/// procps, ps(1) and src/ps/parser.c.
const PS: Letters = Letters {
    plain: "HLSTVXZacefghjlmnrsuvwx",
    valued: "NOUkopqt",
    dashed: "CDGOUgkopqstu",
    long: &[
        "--Group",
        "--User",
        "--cols",
        "--columns",
        "--date-format",
        "--delimiter",
        "--format",
        "--group",
        "--lines",
        "--pid",
        "--ppid",
        "--quick-pid",
        "--rows",
        "--sid",
        "--signames",
        "--sort",
        "--tty",
        "--user",
        "--width",
    ],
};

/// All rows. A check that fits none keeps its meaning.
pub const ASKED: &[Asked] = &[
    // tools/perf/util/evsel.c, evsel__fallback: perf leaves the kernel out of what it counts if it may not include it. Of
    // another's process it then may not count anything, and who asks for the kernel alone gets an error. Counting on whole
    // processors and tracepoints asks at other places.
    Asked {
        programs: &["perf"],
        run_by: &[],
        functions: &["perf_allow_kernel"],
        capabilities: &[Capability::PERFMON, Capability::SYS_ADMIN],
        options: Options::Words(&["-p", "--pid", "-t", "--tid", "-u", "--uid", ":k"]),
        why: "what the kernel did for a command; perf counts without it",
    },
    // tools/perf/util/perf_api_probe.c, perf_probe_api: perf finds out on one processor what the kernel knows, or else on itself.
    // These options and commands count on whole processors.
    Asked {
        programs: &["perf"],
        run_by: &[],
        functions: &["find_get_context", "perf_allow_cpu"],
        capabilities: &[Capability::PERFMON, Capability::SYS_ADMIN],
        options: Options::Words(&[
            "-a",
            "--all-cpus",
            "-C",
            "--cpu",
            "-G",
            "--cgroup",
            "--for-each-cgroup",
            "c2c",
            "daemon",
            "ftrace",
            "kmem",
            "kvm",
            "kwork",
            "lock",
            "sched",
            "timechart",
            "top",
            "trace",
        ]),
        why: "what the kernel can count; perf asks of itself otherwise",
    },
    // Pure Data, src/s_inter.c, sys_set_priority: it tries real time unasked, and plays without it.
    Asked {
        programs: &["pd", "puredata"],
        run_by: &[],
        functions: &["__sched_setscheduler", "sys_sched_setscheduler"],
        capabilities: &[Capability::SYS_NICE],
        options: Options::Words(&["-rt", "-realtime"]),
        why: "real time for sound, which plays without it",
    },
    // dpkg, utils/start-stop-daemon.c, pid_is_exec: it looks whether the program runs already, and takes a refusal for no. Who
    // wants to end it or to know about it wants the answer.
    Asked {
        programs: &["start-stop-daemon"],
        run_by: &[],
        functions: &["proc_pid_readlink", "proc_pid_get_link"],
        capabilities: &[Capability::SYS_PTRACE],
        options: Options::Words(&["-K", "--stop", "-T", "--status"]),
        why: "whether it runs already: a refusal is taken for no",
    },
    // procps, ps: the environment of processes is what is asked for.
    Asked {
        programs: &["ps"],
        run_by: &[],
        functions: &["environ_open", "proc_mem_open", "may_open"],
        capabilities: &[Capability::SYS_PTRACE, Capability::DAC_READ_SEARCH],
        options: Options::Letter('e', &PS),
        why: "others' /proc/PID; the list is shown without them",
    },
    // util-linux, login-utils/lslogins.c: passwords and failed logins are in files of root. Without them it shows the rest.
    Asked {
        programs: &["lslogins"],
        run_by: &[],
        functions: &["generic_permission", "inode_permission", "may_open"],
        capabilities: &[Capability::DAC_READ_SEARCH, Capability::DAC_OVERRIDE],
        options: Options::Words(&["-a", "-f", "-o", "-p", "--acc-expiration", "--failed", "--output", "--pwd"]),
        why: "passwords and failed logins; lslogins shows the rest without",
    },
    // borg, src/borg/helpers/fs.py, os_open: what may not be opened with O_NOATIME is opened without it.
    Asked {
        programs: &["borg"],
        run_by: &["python"],
        functions: &["may_open"],
        capabilities: &[Capability::FOWNER],
        options: Options::Words(&[]),
        why: "O_NOATIME, without which borg opens the file again",
    },
];

impl Asked {
    /// Whether the row is about this check.
    pub fn fits(&self, observation: &Observation) -> bool {
        self.capabilities.contains(&observation.capability)
            && [self.programs, self.run_by].iter().any(|names| is_program(&observation.executable, names))
            && observation.call_site.iter().any(|function| is_one_of(function, self.functions))
    }

    /// Whether the command asks for it by one of the options, or `None` if the command does not name the program. Words may be
    /// within a word, as those of `sh -c`.
    pub fn is_asked(&self, command: &[String]) -> Option<bool> {
        match self.options {
            Options::Words(options) => is_asked(command, self.programs, options),
            Options::Letter(letter, letters) => Some(letters.have(letter, words_after(command, self.programs)?)),
        }
    }
}

impl Letters {
    /// Whether one of these words of a command is options without a dash, and has this one among them. What follows in a
    /// shell's pipe is another command.
    fn have<'w>(&self, wanted: char, words: impl Iterator<Item = &'w str>) -> bool {
        let mut is_value = false;
        for word in words.take_while(|word| !["|", "||", "&", "&&", ";"].contains(word)) {
            if std::mem::take(&mut is_value) {
                continue;
            }
            let ends_with_one_of = |options: &str, valued: &str| {
                options.find(|letter| valued.contains(letter)).is_some_and(|at| at + 1 == options.len())
            };
            if word.starts_with("--") {
                is_value = self.long.contains(&word);
            } else if let Some(options) = word.strip_prefix('-') {
                is_value = ends_with_one_of(options, self.dashed);
            } else {
                let options = word.trim_end_matches(';');
                let plain = options.split(|letter| self.valued.contains(letter)).next().unwrap_or_default();
                if plain.chars().all(|letter| self.plain.contains(letter)) && plain.contains(wanted) {
                    return true;
                }
                is_value = ends_with_one_of(options, self.valued);
            }
            if word.ends_with(';') {
                break;
            }
        }
        false
    }
}

/// Whether a command asks one of these programs for something by one of the options, or `None` if it does not name the program.
pub fn is_asked(command: &[String], programs: &[&str], options: &[&str]) -> Option<bool> {
    let mut words = words_after(command, programs)?;
    Some(words.any(|word| options.iter().any(|option| is_option(word, option))))
}

/// The words of a command that follow one of these programs, or `None` if it names none.
fn words_after<'c>(command: &'c [String], programs: &[&str]) -> Option<impl Iterator<Item = &'c str> + use<'c>> {
    let mut words = command.iter().flat_map(|word| word.split_whitespace());
    words.find(|word| is_program(word, programs))?;
    Some(words)
}

/// Whether a check is for a niceness below 0 that the command names. Who names one wants it, whatever the program is.
pub fn is_wanted_priority(observation: &Observation, command: &[String]) -> bool {
    observation.capability == Capability::SYS_NICE
        && observation.call_site.iter().any(|function| is_one_of(function, &["set_one_prio", "can_nice"]))
        && names_better_priority(command, &observation.executable)
}

/// Whether a command names a niceness below 0 after the program that asks for it, as `nice -n -5` and `--nice=-5` do.
fn names_better_priority(command: &[String], executable: &str) -> bool {
    let name = executable.rsplit('/').next().unwrap_or(executable);
    let is_negative = |text: &str| text.strip_prefix('-').is_some_and(number);
    let mut words = command.iter().flat_map(|word| word.split_whitespace());
    if !words.any(|word| word.rsplit('/').next() == Some(name)) {
        return false;
    }
    let mut after_option = false;
    words.any(|word| {
        let value = word.strip_prefix("--").map_or_else(
            // The value of an option of one letter may follow at once.
            || word.strip_prefix('-').and_then(|rest| rest.get(1..)),
            |option| option.split_once('=').map(|(_, value)| value),
        );
        let found = value.is_some_and(is_negative) || (after_option && is_negative(word));
        after_option = word.starts_with('-') && !is_negative(word);
        found
    })
}

/// Whether a word of a command is this option, with its value or without. What begins with a colon stands at the end of a value.
fn is_option(word: &str, option: &str) -> bool {
    let attached =
        |rest: &str| rest.is_empty() || if option.starts_with("--") { rest.starts_with('=') } else { number(rest) };
    if option.starts_with(':') { word.ends_with(option) } else { word.strip_prefix(option).is_some_and(attached) }
}

fn number(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::call_sites::entered_call;

    #[test]
    fn what_a_command_asks_for_shows_in_the_options_of_the_program_that_it_names() {
        let row = |program: &str| ASKED.iter().find(|row| row.programs.contains(&program)).unwrap();
        let asked = |program: &str, command: &str| {
            row(program).is_asked(&command.split('|').map(str::to_owned).collect::<Vec<_>>())
        };
        for (program, command, expected) in [
            ("perf", "perf|stat|true", Some(false)),
            ("perf", "/usr/bin/perf|stat|-p|7", Some(true)),
            ("perf", "perf|stat|-p7", Some(true)),
            ("perf", "perf|record|--pid=7", Some(true)),
            ("perf", "perf|record|--period|true", Some(false)),
            ("perf", "perf|stat|-e|cycles:k|true", Some(true)),
            ("perf", "perf|stat|-e|cycles:u|true", Some(false)),
            ("perf", "sh|-c|sleep 9 & perf stat -p $!", Some(true)),
            ("perf", "mkdir|-p|/tmp/x", None),
            ("perf", "sh|/srv/script", None),
            ("puredata", "pd|-rt|x.pd", Some(true)),
            ("pd", "pd|-nogui|x.pd", Some(false)),
            ("lslogins", "lslogins|root", Some(false)),
            ("lslogins", "lslogins|--failed", Some(true)),
            ("borg", "env|borg|create|/srv/repo::1|/srv", Some(false)),
            ("borg", "python3|/srv/script", None),
            ("ps", "ps|axeww", Some(true)),
            ("ps", "ps|-e|-o|user", Some(false)),
            ("ps", "ps|auxe", Some(true)),
            ("ps", "ps|-A|e", Some(true)),
            ("ps", "ps|eo|pid", Some(true)),
            ("ps", "ps|axo|user", Some(false)),
            ("ps", "ps|axoe", Some(false)),
            ("ps", "ps|axk|-etime", Some(false)),
            ("ps", "ps|aux", Some(false)),
            ("ps", "ps|--sort|rsse|ax", Some(false)),
            ("ps", "ps|-opid|axe", Some(true)),
            ("ps", "ps|--format=user|axe", Some(true)),
            ("ps", "sh|-c|ps ax; echo", Some(false)),
            ("ps", "sh|-c|ps axe; true", Some(true)),
            ("ps", "sh|-c|ps ax && grep e", Some(false)),
            ("start-stop-daemon", "start-stop-daemon|--start|--exec|/usr/bin/id", Some(false)),
            ("start-stop-daemon", "start-stop-daemon|--stop|--exec|/usr/bin/id", Some(true)),
        ] {
            assert_eq!(asked(program, command), expected, "{command}");
        }
    }

    #[test]
    fn a_niceness_below_0_is_the_value_of_an_option() {
        for (command, expected) in [
            ("tool|-n|-5|true", true),
            ("tool|-n-5|true", true),
            ("tool|--nice=-10", true),
            ("sh|-c|exec tool --nice -10", true),
            ("tool|-n|5", false),
            ("tool|-5|file", false),
            ("tool|-p|80", false),
            ("nice|-n|-5|other", false),
        ] {
            let words: Vec<String> = command.split('|').map(str::to_owned).collect();
            assert_eq!(names_better_priority(&words, "/usr/bin/tool"), expected, "{command}");
        }
    }

    #[test]
    fn every_row_says_where_and_why_in_a_phrase_that_fits_a_table() {
        for row in ASKED {
            assert!(!row.functions.is_empty() && !row.capabilities.is_empty(), "{row:?}");
            match row.options {
                Options::Words(options) => assert!(!options.is_empty() || !row.run_by.is_empty(), "{row:?}"),
                Options::Letter(letter, letters) => {
                    assert!(
                        letters.plain.contains(letter)
                            && !letters.plain.chars().any(|one| letters.valued.contains(one))
                    );
                }
            }
            assert!((10..=64).contains(&row.why.len()), "{:?} has {} characters", row.why, row.why.len());
        }
    }

    #[test]
    fn no_function_is_of_one_architecture_alone() {
        for name in ASKED.iter().flat_map(|row| row.functions) {
            assert_eq!(entered_call(name), None, "{name}");
        }
    }
}
