//! The report of a run for people: what was asked, what is needed, and how the policy would change.

use crate::analysis::classify::Class;
use crate::analysis::minimize::named;
use crate::analysis::needs::{Inconclusive, Needs};
use crate::analysis::observation::Verdict;
use crate::analysis::observation::count;
use crate::analysis::own_sets;
use crate::analysis::profile::{Check, Exit, Proven};
use crate::analysis::scopes::Scopes;
use crate::output::error::hinted;
use crate::output::terminal::Style;
use capwrap_core::text::printable;
use capwrap_core::{Capability, CapabilitySet};
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};
use std::collections::{BTreeMap, BTreeSet};

/// How the report is shown.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// The number of columns of the terminal, or the number that a file should have.
    pub width: u16,
    /// Whether colours and bold type may be used. If not, the report has no escape sequence at all.
    pub styled: bool,
    /// Whether every check is shown, including those that have no effect on the result.
    pub verbose: bool,
}

/// The content of the report.
#[derive(Debug)]
pub struct Report<'r> {
    /// The checks that were asked.
    pub checks: &'r [Check],
    /// The needed capabilities, or why nothing can be concluded.
    pub needs: Result<&'r Needs, &'r Inconclusive>,
    /// The number of runs that the result rests on.
    pub runs: usize,
    /// The result of further runs, if there were any.
    pub proof: Option<&'r Proven>,
    /// Whether the further runs only confirmed what was needed.
    pub confirmed: bool,
    /// How the run failed, if it did.
    pub failed: Option<Exit>,
    /// Whether `--confirm` could run it once more.
    pub can_confirm: bool,
    /// What the needed capabilities are for, if the policy gets that.
    pub scopes: Option<&'r Scopes>,
    /// In how many runs they were proven, if they were.
    pub scope_runs: Option<u64>,
    /// The same, if it is only known.
    pub possible_scopes: Option<&'r Scopes>,
}

/// Below this width a program is named by its file name alone, and the reason for a check stands in a line of its own.
const WIDE: u16 = 100;

/// The table, and below it the conclusions, one in a line.
pub fn report(report: &Report, look: Look) -> String {
    let mut text = table(report.checks, look);
    if !text.is_empty() {
        text.push('\n');
    }
    let mut line = |label: &str, words: &str| {
        text += &format!("{} {words}\n", Style::Bold.paint(&format!("{label:<10}"), look.styled));
    };
    if !look.verbose {
        for (at, words) in left_out(report.checks).iter().enumerate() {
            line(if at == 0 { "not shown" } else { "" }, words);
        }
    }
    if let Some(exit) = report.failed {
        line("failed", &format!("{exit}: what it did not come to is not learned"));
        let refused = |check: &Check| check.class.counts() && check.verdict == Verdict::Denied;
        // The check shows that the program held the capability.
        let by_itself = report.checks.iter().find_map(|check| {
            let refused = own_sets::refused_by(&check.executable)?;
            let held = check.verdict == Verdict::Granted && refused.capabilities.contains(check.capability);
            held.then_some((&check.executable, refused.why))
        });
        if let Some((program, why)) = by_itself {
            line("", &format!("{program} refuses to run with what it was passed: {why}"));
            line("", "--minimize and --confirm run it without that");
        } else if !report.checks.iter().any(refused) {
            line("", "no capability that it asked for was refused: it may want uid 0, or something that is not here");
        }
    }
    match report.needs {
        Ok(needs) => {
            line("needed", &needs.set().to_string());
            let narrower = needs.needed.iter().filter_map(|need| Some((need.capability, need.in_place_of?)));
            for (capability, broad) in narrower {
                line("", &format!("{capability} in place of {broad}, which was asked for"));
            }
            if let Some(proof) = report.proof {
                let without =
                    if proof.removed.is_empty() { String::new() } else { format!(", and not {}", proof.removed) };
                let (label, verb) = if report.confirmed { ("confirmed", "works with") } else { ("proven", "takes") };
                line(label, &format!("in {} runs: it {verb} {}{without}", proof.runs, named(proof.kept)));
                for other in &proof.alternatives {
                    line("", &format!("it also works with {}", named(*other)));
                }
                if proof.fails_with_everything {
                    line("", "it fails when it holds every capability");
                }
            } else if !needs.possible.is_empty() {
                let confirm = if report.can_confirm { "; --confirm finds out in a second run" } else { "" };
                line("possible", &format!("{}: the answer seldom matters{confirm}", needs.possible));
            }
            for (label, words) in of_scopes(report) {
                line(label, &words);
            }
            let (set, read) = (&needs.set_own, &needs.read_own);
            let used = [("set and read", set & read), ("set", set - read), ("read", read - set)];
            let used: Vec<String> = used.iter().filter_map(|(verb, who)| by(verb, who)).collect();
            if report.proof.is_none() && !used.is_empty() {
                line("own sets", &format!("{}: the kernel makes no check where", used.join(", ")));
                let how = if report.can_confirm { "--minimize finds out" } else { "try it with what is needed" };
                line("", &format!("a program looks for a capability in them; {how}"));
            }
            if !needs.denied().is_empty() {
                line("refused", &format!("{}: needed, and was not there to be granted", needs.denied()));
            }
            if !needs.unattainable.is_empty() {
                line("not here", &format!("{}: refused, and this machine cannot give it", needs.unattainable));
            }
            if !needs.removable.is_empty() {
                let runs = if report.runs == 1 { "one run".to_owned() } else { format!("{} runs", report.runs) };
                line("removable", &format!("{}: granted, and not needed in {runs}", needs.removable));
            }
        }
        Err(refusal) => {
            line("needed", &format!("not known: {refusal}"));
            if let Some(advice) = refusal.advice() {
                line("", advice);
            }
        }
    }
    text
}

/// Returns the error for a policy that is not written, because nothing can be concluded.
pub fn inconclusive(refusal: &Inconclusive) -> anyhow::Error {
    match refusal.advice() {
        Some(advice) => hinted(refusal.to_string(), advice),
        None => refusal.clone().into(),
    }
}

/// What is said of scopes: what the policy gets, and what it could get.
fn of_scopes(report: &Report) -> Vec<(&'static str, String)> {
    let named = |scopes: &Scopes| -> Vec<String> {
        scopes.proposed.iter().map(|(capability, scope)| format!("{capability} {scope}")).collect()
    };
    let Some(scopes) = report.scopes else {
        let possible = report.possible_scopes.map(named).unwrap_or_default();
        let hint = format!("possible: {}; --scope calls writes it", possible.join("; "));
        return if possible.is_empty() { Vec::new() } else { vec![("scope", hint)] };
    };
    let mut lines: Vec<(&'static str, String)> = Vec::new();
    for words in named(scopes) {
        lines.push((if lines.is_empty() { "scope" } else { "" }, words));
    }
    for (what, paths) in [("readable", &scopes.readable), ("writable", &scopes.writable)] {
        let paths: Vec<String> = paths.iter().map(printable::text).collect();
        lines.extend((!paths.is_empty()).then(|| ("", format!("{what} besides: {}", paths.join(", ")))));
    }
    if let (Some(runs), false) = (report.scope_runs, scopes.proposed.is_empty()) {
        lines.push(("", format!("it works so, in {runs} more {}", if runs == 1 { "run" } else { "runs" })));
    }
    for (at, (capability, why)) in scopes.left_out.iter().enumerate() {
        lines.push((if at == 0 { "no scope" } else { "" }, format!("{capability}: {why}")));
    }
    lines
}

/// Who did something, if anybody did.
fn by(verb: &str, who: &BTreeSet<String>) -> Option<String> {
    let who: Vec<String> = who.iter().map(printable::text).collect();
    (!who.is_empty()).then(|| format!("{verb} by {}", who.join(", ")))
}

/// A line of the table: everything that people are shown of a check, except for the count.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Row<'c> {
    class: Class,
    capability: Capability,
    verdict: Verdict,
    executable: &'c str,
    system_call: Option<&'c str>,
    why: &'c str,
}

/// The table of checks below the names of their classes, with what is needed first. Checks that look the same are
/// counted together.
fn table(checks: &[Check], look: Look) -> String {
    let mut rows: BTreeMap<Row, u64> = BTreeMap::new();
    for check in checks.iter().filter(|check| look.verbose || check.class.counts()) {
        count(rows.entry(row(check)).or_default(), check.times);
    }
    if rows.is_empty() {
        return String::new();
    }
    let wide = look.width >= WIDE;
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(look.width.saturating_add(2));
    let columns = ["capability", "times", "verdict", "executable", "system call", "why"];
    table.set_header(columns.iter().take(if wide { 6 } else { 5 }));
    let (mut heading, mut whys) = (None, Vec::new());
    for (row, times) in &rows {
        if heading != Some(row.class) {
            heading = Some(row.class);
            table.add_row([format!("{}:", row.class.name())]);
        }
        table.add_row(cells(row, *times, wide));
        whys.push(printable::text(row.why));
    }
    for (at, column) in table.column_iter_mut().enumerate() {
        // There is padding between the columns only, so that a line begins and ends where its text does.
        column.set_padding((0, 2));
        if at == 1 {
            column.set_cell_alignment(CellAlignment::Right);
        }
        if at == 3 {
            column.set_delimiter('/');
        }
        if at < 3 {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    let rendered = table.trim_fmt();
    let mut lines: Vec<(Style, String)> = Vec::new();
    let mut whys = whys.into_iter().map(|why| (Style::Plain, format!("      {why}")));
    let mut below: Option<(Style, String)> = None;
    for (at, line) in rendered.lines().map(str::trim_end).enumerate() {
        let is_heading = at == 0 || !line.starts_with(' ');
        // The text for which a cell has no room continues in a line that begins with more spaces.
        if is_heading || !line.starts_with("   ") {
            lines.extend(below.take());
        }
        if !wide && !is_heading && !line.starts_with("   ") {
            below = whys.next();
        }
        lines.push((if is_heading { Style::Bold } else { Style::Plain }, line.to_owned()));
    }
    lines.extend(below);
    lines.iter().map(|(style, line)| style.paint(line, look.styled) + "\n").collect()
}

fn row(check: &Check) -> Row<'_> {
    Row {
        class: check.class,
        capability: check.capability,
        verdict: check.verdict,
        executable: &check.executable,
        system_call: check.system_call.as_deref(),
        why: &check.why,
    }
}

fn cells(row: &Row, times: u64, wide: bool) -> Vec<String> {
    let executable = match row.executable.rsplit_once('/') {
        Some((_, name)) if !wide && !name.is_empty() => name,
        _ => row.executable,
    };
    let verdict = match row.verdict {
        Verdict::Granted => "granted",
        Verdict::Denied => "denied",
    };
    let mut cells = vec![
        format!("  {}", row.capability),
        times.to_string(),
        verdict.to_owned(),
        printable::text(executable),
        row.system_call.map_or("–".to_owned(), printable::text),
    ];
    if wide {
        cells.push(printable::text(row.why));
    }
    cells
}

/// The checks that the table leaves out because they have no effect on the result.
fn left_out(checks: &[Check]) -> Vec<String> {
    let of = |class: Class| {
        let (mut times, mut asked) = (0, CapabilitySet::EMPTY);
        for check in checks.iter().filter(|check| check.class == class) {
            count(&mut times, check.times);
            asked.insert(check.capability);
        }
        (times > 0).then(|| format!("{times} {} ({asked})", class.name()))
    };
    let mut lines: Vec<String> =
        [Class::Speculative, Class::Foreign, Class::SetUp].into_iter().filter_map(of).collect();
    if let Some(last) = lines.last_mut() {
        *last += ": -v shows them";
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::classify::class;
    use crate::analysis::classify::tests::{denied, granted, with_everything, with_nothing};
    use crate::analysis::needs::decide;
    use crate::analysis::observation::{Observation, Target};
    use crate::analysis::profile::checks;

    const NARROW: Look = Look { width: 80, styled: false, verbose: false };
    const WIDE: Look = Look { width: 120, ..NARROW };

    fn seen() -> Vec<Observation> {
        let socket = granted("net_raw", "socket", &["ns_capable", "packet_create"]);
        let shadow = granted("dac_read_search", "openat", &["ns_capable", "generic_permission", "may_open"]);
        vec![
            socket.clone(),
            Observation { process: 101, times: 2, ..socket },
            Observation { executable: "/usr/lib/x86_64-linux-gnu/tool/helper".to_owned(), times: 12345, ..shadow },
            granted("sys_admin", "ioprio_set", &["capable", "ioprio_check_cap"]),
            denied("checkpoint_restore", "", &["checkpoint_restore_ns_capable", "proc_map_files_lookup"]),
            Observation { times: 22, ..granted("sys_admin", "clone", &["cap_vm_enough_memory"]) },
            Observation { target: Target::Inner, ..granted("sys_admin", "mount", &["may_mount"]) },
        ]
    }

    fn printed(look: Look) -> String {
        let mut run = with_everything();
        run.held = run.held.without(CapabilitySet::parse("checkpoint_restore").unwrap());
        let classed = class(&seen(), &run);
        let granted = CapabilitySet::parse("net_raw,net_admin").unwrap();
        let needs = decide(&classed, granted, 1, &BTreeMap::new()).unwrap();
        report(
            &Report {
                checks: &checks(&classed),
                needs: Ok(&needs),
                runs: 3,
                proof: None,
                confirmed: false,
                failed: None,
                can_confirm: true,
                scopes: None,
                possible_scopes: None,
                scope_runs: None,
            },
            look,
        )
    }

    /// `cargo test -- --nocapture` prints the text to paste here.
    #[track_caller]
    fn looks_like(shown: &str, expected: &str, width: usize) {
        print!("{shown}");
        assert_eq!(shown, expected);
        let table = shown.lines().take_while(|line| !line.is_empty());
        assert!(table.into_iter().all(|line| line.chars().count() <= width), "wider than {width}");
    }

    #[test]
    fn a_terminal_of_80_columns_holds_it() {
        looks_like(
            &printed(NARROW),
            "\
capability                times  verdict  executable  system call
needed:
  cap_dac_read_search     12345  granted  helper      openat
      asked by generic_permission
  cap_net_raw                 3  granted  tool        socket
      asked by packet_create
  cap_sys_admin               1  granted  tool        ioprio_set
      a real-time I/O priority: cap_sys_nice would do
denied:
  cap_checkpoint_restore      1  denied   tool        –
      asked by proc_map_files_lookup

not shown  22 speculative (cap_sys_admin)
           1 foreign (cap_sys_admin): -v shows them
needed     cap_dac_read_search,cap_net_raw,cap_sys_nice,cap_checkpoint_restore
           cap_sys_nice in place of cap_sys_admin, which was asked for
refused    cap_checkpoint_restore: needed, and was not there to be granted
removable  cap_net_admin: granted, and not needed in 3 runs
",
            80,
        );
    }

    #[test]
    fn a_terminal_of_120_columns_shows_whole_paths() {
        looks_like(
            &printed(WIDE),
            "\
capability                times  verdict  executable                        system call  why
needed:
  cap_dac_read_search     12345  granted  usr/lib/x86_64-linux-gnu/tool     openat       asked by generic_permission
                                          helper
  cap_net_raw                 3  granted  /usr/bin/tool                     socket       asked by packet_create
  cap_sys_admin               1  granted  /usr/bin/tool                     ioprio_set   a real-time I/O priority:
                                                                                         cap_sys_nice would do
denied:
  cap_checkpoint_restore      1  denied   /usr/bin/tool                     –            asked by proc_map_files_lookup

not shown  22 speculative (cap_sys_admin)
           1 foreign (cap_sys_admin): -v shows them
needed     cap_dac_read_search,cap_net_raw,cap_sys_nice,cap_checkpoint_restore
           cap_sys_nice in place of cap_sys_admin, which was asked for
refused    cap_checkpoint_restore: needed, and was not there to be granted
removable  cap_net_admin: granted, and not needed in 3 runs
",
            120,
        );
    }

    #[test]
    fn a_run_that_failed_is_called_one_with_what_may_be_the_cause() {
        let needs = Needs::default();
        let shown = |checks: &[Check]| {
            let failed = Some(Exit::Code(3));
            report(
                &Report {
                    checks,
                    needs: Ok(&needs),
                    runs: 1,
                    proof: None,
                    confirmed: false,
                    failed,
                    can_confirm: true,
                    scopes: None,
                    possible_scopes: None,
                    scope_runs: None,
                },
                NARROW,
            )
        };
        let none = shown(&[]);
        assert!(none.starts_with("failed     it ended with status 3: what it did not come to"), "{none}");
        assert!(none.contains("\n           no capability that it asked for was refused"), "{none}");
        let classed = class(&[denied("chown", "fchown", &["chown_ok"])], &with_nothing());
        let refused = shown(&checks(&classed));
        assert!(refused.contains("\nfailed ") && !refused.contains("it may want uid 0"), "{refused}");
        let mount =
            Observation { executable: "/usr/bin/mount".into(), ..granted("setuid", "setuid", &["__sys_setuid"]) };
        let by_itself = shown(&checks(&class(&[mount], &with_everything())));
        assert!(by_itself.contains("/usr/bin/mount refuses to run with what it was passed"), "{by_itself}");
    }

    #[test]
    fn all_checks_are_shown_when_asked_for() {
        looks_like(
            &printed(Look { verbose: true, ..NARROW }),
            "\
capability                times  verdict  executable  system call
needed:
  cap_dac_read_search     12345  granted  helper      openat
      asked by generic_permission
  cap_net_raw                 3  granted  tool        socket
      asked by packet_create
  cap_sys_admin               1  granted  tool        ioprio_set
      a real-time I/O priority: cap_sys_nice would do
denied:
  cap_checkpoint_restore      1  denied   tool        –
      asked by proc_map_files_lookup
speculative:
  cap_sys_admin              22  granted  tool        clone
      memory overcommit: only the last reserve depends on it
foreign:
  cap_sys_admin               1  granted  tool        mount
      in a user namespace made below the command's own

needed     cap_dac_read_search,cap_net_raw,cap_sys_nice,cap_checkpoint_restore
           cap_sys_nice in place of cap_sys_admin, which was asked for
refused    cap_checkpoint_restore: needed, and was not there to be granted
removable  cap_net_admin: granted, and not needed in 3 runs
",
            80,
        );
    }

    #[test]
    fn a_refusal_stands_where_the_needs_would() {
        let lost = BTreeMap::from([("missed_runs".to_owned(), 3)]);
        let refusal = decide(&[], CapabilitySet::EMPTY, 1, &lost).unwrap_err();
        let shown = report(
            &Report {
                checks: &[],
                needs: Err(&refusal),
                runs: 1,
                proof: None,
                confirmed: false,
                failed: None,
                can_confirm: true,
                scopes: None,
                possible_scopes: None,
                scope_runs: None,
            },
            NARROW,
        );
        let expected = "\
needed     not known: 3 times a run of the probe was skipped; the counts are not whole, so nothing is concluded
           the kernel skips it where it interrupted it for another process, and does not say for which; learn once more, or with --minimize, which proves what it finds
";
        assert_eq!(shown, expected);
    }

    #[test]
    fn styles_only_colour_what_is_there_without_them() {
        let styled = printed(Look { styled: true, ..NARROW });
        assert!(styled.contains("\x1b[1mneeded"), "{styled:?}");
        let plain: String = styled
            .split('\x1b')
            .enumerate()
            .map(|(at, part)| if at == 0 { part } else { part.split_once('m').unwrap().1 })
            .collect();
        assert_eq!(plain, printed(NARROW));
    }

    #[test]
    fn nothing_that_moves_a_cursor_reaches_the_terminal() {
        let evil = Observation { executable: "/tmp/\x1b[2J\n".to_owned(), ..granted("kill", "kill", &["x"]) };
        let classed = class(&[evil], &with_everything());
        let needs = decide(&classed, CapabilitySet::EMPTY, 1, &BTreeMap::new()).unwrap();
        let checks = checks(&classed);
        let shown = report(
            &Report {
                checks: &checks,
                needs: Ok(&needs),
                runs: 1,
                proof: None,
                confirmed: false,
                failed: None,
                can_confirm: true,
                scopes: None,
                possible_scopes: None,
                scope_runs: None,
            },
            NARROW,
        );
        assert!(!shown.contains('\x1b') && shown.contains("\\u{1b}[2J\\u{a}"), "{shown}");
    }
}
