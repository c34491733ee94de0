//! Many callers at once: `callers COUNT PARALLEL POLICY…` launches the tool of the policies, one after
//! the other, COUNT times in all, and says of each policy how often its tool ran, `NAME ran TIMES`, and how
//! often it was refused, `NAME refused TIMES: WORDS`. Ends with 1 where a launch was neither: a tool that was
//! given parts of two versions of its policy, a launcher that died, or one that takes longer than a minute.

use capwrap_tests::{CAPWRAP, Run};
use std::collections::BTreeMap;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Nothing that a launch waits for takes so long.
const HANGS: Duration = Duration::from_secs(60);
/// Of how many launches the end was seen.
static ENDED: AtomicUsize = AtomicUsize::new(0);

#[derive(Default)]
struct Outcome {
    /// By policy.
    ran: BTreeMap<String, usize>,
    /// By policy and words.
    refused: BTreeMap<(String, String), usize>,
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
                    launch(&policies[number % policies.len()], &outcome);
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
    println!("{:.0} s, the longest launch {:.3} s", start.elapsed().as_secs_f64(), outcome.longest.as_secs_f64());
    for fault in outcome.faults.iter().take(20) {
        println!("FAULT {fault}");
    }
    u8::from(!outcome.faults.is_empty()).into()
}

/// A launch that never ends is waited for by its caller alone: when the others are done, no more end.
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

fn launch(policy: &str, outcome: &Mutex<Outcome>) {
    let start = Instant::now();
    let mut command = Command::new(CAPWRAP);
    command.args([policy, "version", policy]).stdin(Stdio::null()).stdout(Stdio::null());
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
    } else {
        outcome.faults.push(format!("{policy}: {run:?}"));
    }
}
