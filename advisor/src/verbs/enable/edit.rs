//! `capwrap edit`: changes an enabled policy as visudo(8) changes sudoers. Root edits a copy; what it says is checked,
//! shown and confirmed; then it is enabled in one step, by the code of `capwrap enable`. Until then nothing changes.

use super::edited::Edited;
use super::{Enable, Plan, root_alone, update, what_it_grants};
use crate::observe::command::editor::{self, Editor};
use crate::observe::other_verb;
use crate::output::error::{self, hinted};
use crate::output::{diff, terminal};
use crate::store::{enabled, policy_edit, policy_lookup, trusted_file};
use anyhow::{Context, Result};
use capwrap_core::policy::{MAX_BYTES, Policy};
use capwrap_core::text::printable;
use clap::Args;
use std::io::{IsTerminal, Write, stdin, stdout};
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct Edit {
    /// The policy
    name: String,
    /// Take the policy from this file, in place of an editor; what
    /// was granted for a time stays
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    from: Option<PathBuf>,
}

/// What to do with a text that was edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Enable,
    EditAgain,
    Exit,
}

/// What the checks say about a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Checked {
    /// Nothing speaks against it.
    Right,
    /// `capwrap lint` warns.
    Warned,
    /// capwrap would refuse it.
    Refused,
}

impl Checked {
    /// The letters that can be typed, with what each does. As for visudo, the letter that enables what is warned of is a
    /// capital, which nobody types by accident.
    const fn choices(self) -> &'static [(&'static str, Answer, &'static str)] {
        const AGAIN: (&str, Answer, &str) = ("e", Answer::EditAgain, "edit again");
        const EXIT: (&str, Answer, &str) = ("x", Answer::Exit, "exit, and change nothing");
        match self {
            Self::Right => &[("y", Answer::Enable, "enable it"), AGAIN, EXIT],
            Self::Warned => &[AGAIN, EXIT, ("Q", Answer::Enable, "enable it with these warnings")],
            Self::Refused => &[AGAIN, EXIT],
        }
    }
}

impl Edit {
    pub fn run(self) -> Result<()> {
        root_alone("edit")?;
        if let Some(file) = &self.from {
            return from_file(policy_lookup::checked(&self.name)?, file);
        }
        if !stdin().is_terminal() || !stdout().is_terminal() {
            return Err(hinted(
                "edit needs a terminal, for the editor and for its questions",
                format!("without one, write a file, and run capwrap edit {} --from FILE", self.name),
            ));
        }
        let name = policy_lookup::checked(&self.name)?;
        let source = policy_lookup::find(name)?;
        let before = trusted_file::text(&source)?;
        let editor = Editor::find()?;
        let is_enabled = source == enabled::path(name);
        if !is_enabled {
            say!("{name} is not enabled; the copy is of {}", source.display());
        }
        let (mut text, mut line) = (before.clone(), None);
        loop {
            let edited = editor.edit(&format!("{name}.toml"), &text, line, MAX_BYTES);
            text = edited.context(unchanged(name))?;
            if text == before {
                say!("{name}: unchanged");
                return Ok(());
            }
            let edited = Edited { source: source.clone(), before: before.clone(), text: text.clone() };
            let enable = Enable { names: vec![name.to_owned()], edited: Some(edited), ..Enable::default() };
            let checked = check(name, &enable, (&source, &before), is_enabled, &text)?;
            match ask(checked)? {
                Answer::EditAgain => line = Policy::read(&text).err().map(|error| error.line),
                Answer::Exit => {
                    say!("{}", unchanged(name));
                    return Ok(());
                }
                // What a person wrote is not lost where it cannot be enabled now.
                Answer::Enable => return enable.carry_out().map_err(|error| kept(name, &text, error)),
            }
        }
    }
}

/// Enables what a file says, if nothing speaks against it.
fn from_file(name: &str, file: &Path) -> Result<()> {
    let written = trusted_file::text(file)?;
    let (source, before) = match policy_lookup::find(name) {
        Ok(source) => (source.clone(), trusted_file::text(&source)?),
        // It is the first policy of this name.
        Err(_) => (file.to_owned(), written.clone()),
    };
    let is_enabled = source == enabled::path(name);
    let text = if is_enabled { policy_edit::with_temporary_of(&before, &written)? } else { written };
    if is_enabled && text == before {
        say!("{name}: unchanged");
        return Ok(());
    }
    if other_verb::with_input(&["lint", "--text-only", "-", "--shown-as", &printable::text(file)], &text)? != 0 {
        return Err(hinted(
            format!("{}: {}", file.display(), unchanged(name)),
            "correct what is reported above; a warning that is wrong here can be allowed in the file: # lint: allow CODE: why",
        ));
    }
    if is_enabled {
        update::show(name, &before, &text);
    }
    let edited = Edited { source, before, text };
    Enable { names: vec![name.to_owned()], edited: Some(edited), ..Enable::default() }.carry_out()
}

fn unchanged(name: &str) -> String {
    format!("the policy {name} is as it was")
}

fn kept(name: &str, text: &str, error: anyhow::Error) -> anyhow::Error {
    match editor::keep(&format!("{name}.toml"), text) {
        Ok(path) => hinted(format!("{error:#}"), format!("what you wrote is in {}", path.display())),
        Err(_) => error,
    }
}

/// Checks a text, and shows how it changes the policy, and what it would grant to whom.
fn check(
    name: &str,
    enable: &Enable,
    (source, before): (&Path, &str),
    is_enabled: bool,
    text: &str,
) -> Result<Checked> {
    let linted = other_verb::with_input(&["lint", "-", "--shown-as", &printable::text(source)], text)?;
    let plan = match enable.plan(name) {
        Ok(plan) => plan,
        Err(error) => {
            // A fault of the text was shown already, at its place.
            if Policy::read(text).is_ok() {
                error::report(&error);
            }
            return Ok(Checked::Refused);
        }
    };
    update::show(name, before, text);
    show_effect(before, is_enabled, &plan);
    Ok(if linted == 0 { Checked::Right } else { Checked::Warned })
}

/// Prints what the policy grants, with the lines that change marked as in a diff.
fn show_effect(before: &str, is_enabled: bool, plan: &Plan) {
    let was = Policy::read(before).ok().filter(|_| is_enabled).map(|policy| what_it_grants(&policy));
    let was = was.unwrap_or_else(|| vec!["not enabled".to_owned()]);
    let is = what_it_grants(&plan.policy);
    say!("{}", diff::whole(&was, &is, terminal::Color::Auto.styled()).trim_end());
}

/// Asks on the terminal until one of the choices is typed. The end of the input is the choice to exit.
fn ask(checked: Checked) -> Result<Answer> {
    loop {
        let choices = checked.choices();
        let shown: Vec<String> = choices.iter().map(|(letter, _, what)| format!("({letter}) {what}")).collect();
        print!("What now? {}: ", shown.join(", "));
        stdout().flush().context("cannot ask")?;
        let mut line = String::new();
        if stdin().read_line(&mut line).context("cannot read the answer")? == 0 {
            return Ok(Answer::Exit);
        }
        if let Some((_, answer, _)) = choices.iter().find(|(letter, ..)| *letter == line.trim()) {
            return Ok(*answer);
        }
    }
}
