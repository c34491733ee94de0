//! Many callers at once. `callers COUNT PARALLEL POLICY…` launches the tools of the policies in turn, COUNT times in
//! all. For each policy it prints how often the tool ran, `NAME ran TIMES`, and how often it was refused, `NAME refused
//! TIMES: WORDS`; then `not run:` with the numbers of all launches that were refused. The number of a launch is the last
//! argument of its tool. It exits with 1 if a launch was neither: if a tool got parts of two versions of its policy, or if a
//! launcher died or took longer than a minute.

use capwrap_tests::{CAPWRAP, Run};
use std::collections::BTreeMap;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Nothing that a launch waits for takes as long as this.
const HANGS: Duration = Duration::from_secs(60);
/// The number of launches that have ended.
static ENDED: AtomicUsize = AtomicUsize::new(0);

#[derive(Default)]
struct Outcome {
    /// The number of runs of each policy's tool.
    ran: BTreeMap<String, usize>,
    /// The number of refusals by policy and words.
    refused: BTreeMap<(String, String), usize>,
    /// The numbers of the launches that were refused.
    not_run: Vec<usize>,
    faults: Vec<String>,
    longest: Duration,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (count, parallel): (usize, usize) = (words[0].parse().unwrap(), words[1].parse().unwrap());
    let policies = &words[2..];
    let (next, outcome) = (AtomicUsize::new(0), Mutex::new(Outcome::default()));
    let start = Instant::now();
    std::thread::spawn(end_if_one_hangs);
    std::thread::scope(|scope| {
        for _ in 0..parallel {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    launch(number, &policies[number % policies.len()], &outcome);
                }
            });
        }
    });
    let outcome = outcome.into_inner().unwrap();
    for (policy, times) in &outcome.ran {
        println!("{policy} ran {times}");
    }
    for ((policy, words), times) in &outcome.refused {
        println!("{policy} refused {times}: {words}");
    }
    let not_run: Vec<String> = outcome.not_run.iter().map(usize::to_string).collect();
    println!("not run: {}", not_run.join(" "));
    println!("{:.0} s, the longest launch {:.3} s", start.elapsed().as_secs_f64(), outcome.longest.as_secs_f64());
    for fault in outcome.faults.iter().take(20) {
        println!("FAULT {fault}");
    }
    u8::from(!outcome.faults.is_empty()).into()
}

/// Ends this program if a launch hangs. Once all other launches have ended, the number of ended ones stays the same.
fn end_if_one_hangs() {
    loop {
        let before = ENDED.load(Ordering::Relaxed);
        std::thread::sleep(HANGS);
        if ENDED.load(Ordering::Relaxed) == before {
            println!("FAULT a launch hangs: {before} ended, and none for {HANGS:?}");
            std::process::exit(1);
        }
    }
}

fn launch(number: usize, policy: &str, outcome: &Mutex<Outcome>) {
    let start = Instant::now();
    let mut command = Command::new(CAPWRAP);
    command.args([policy, "version", policy, &number.to_string()]).stdin(Stdio::null()).stdout(Stdio::null());
    let run = Run::of(&command.output().unwrap());
    let took = start.elapsed();
    ENDED.fetch_add(1, Ordering::Relaxed);
    let mut outcome = outcome.lock().unwrap();
    outcome.longest = outcome.longest.max(took);
    if took > HANGS {
        outcome.faults.push(format!("{policy} took {took:?}"));
    } else if run.ok() && run.stderr.is_empty() {
        *outcome.ran.entry(policy.to_owned()).or_default() += 1;
    } else if run.code == 125 && run.stderr.starts_with("capwrap: ") && run.stderr.lines().count() <= 2 {
        let words = run.stderr.lines().next().unwrap_or_default().to_owned();
        *outcome.refused.entry((policy.to_owned(), words)).or_default() += 1;
        outcome.not_run.push(number);
    } else {
        outcome.faults.push(format!("{policy}: {run:?}"));
    }
}
