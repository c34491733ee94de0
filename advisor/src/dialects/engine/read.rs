//! Reads `docker run`, `podman run` and `nerdctl run` commands as a shell does.

use crate::dialects::engine::rules;
use crate::dialects::engine::rules::{Asked, Engine};
use crate::dialects::mount::BindMount;

/// The options without a value. Every other option takes the next word as its value if it has no `=`.
const FLAGS: [&str; 24] = [
    "--rm",
    "--interactive",
    "--tty",
    "--detach",
    "--init",
    "--privileged",
    "--read-only",
    "--publish-all",
    "--no-healthcheck",
    "--oom-kill-disable",
    "--sig-proxy",
    "--disable-content-trust",
    "--quiet",
    "--help",
    "--replace",
    "--rmi",
    "--tls-verify",
    "--env-host",
    "--http-proxy",
    "--no-hosts",
    "--read-only-tmpfs",
    "--rootfs",
    "--passwd",
    "--use-api-socket",
];
/// The one-letter options without a value.
const LETTERS: &str = "itdPqh";

/// Returns the containers that a script starts, with their names or images.
pub fn read(text: &str) -> Vec<(String, Engine, Asked)> {
    commands(text).iter().filter_map(|words| command(words)).collect()
}

fn command(words: &[String]) -> Option<(String, Engine, Asked)> {
    let engine_at = words.iter().position(|word| ["docker", "podman", "nerdctl"].contains(&base(word)))?;
    let engine = match base(&words[engine_at]) {
        "podman" => Engine::Podman,
        "nerdctl" => Engine::Nerdctl,
        _ => Engine::Docker,
    };
    let run = words[engine_at..].iter().position(|word| ["run", "create"].contains(&word.as_str()))?;
    let mut rest = words[engine_at + run + 1..].iter();
    let mut asked = Asked::default();
    let (mut image, mut name) = (String::new(), None);
    while let Some(word) = rest.next() {
        if !word.starts_with('-') || word == "-" {
            image.clone_from(word);
            break;
        }
        let (option, value) = split(word);
        let value = match value {
            Some(value) => value,
            None if is_flag(option) => "true".to_owned(),
            None => rest.next().cloned().unwrap_or_default(),
        };
        if option == "--name" {
            name = Some(value);
        } else {
            apply(&mut asked, option, &value);
        }
    }
    Some((name.unwrap_or(image), engine, asked))
}

/// Splits an option and the value in the same word.
fn split(word: &str) -> (&str, Option<String>) {
    if let Some((option, value)) = word.split_once('=').filter(|_| word.starts_with("--")) {
        return (option, Some(value.to_owned()));
    }
    match word.char_indices().nth(2) {
        Some((at, _)) if !word.starts_with("--") && !is_flag(word) => {
            (&word[..at], Some(word[at..].trim_start_matches('=').to_owned()))
        }
        _ => (word, None),
    }
}

fn is_flag(option: &str) -> bool {
    match option.strip_prefix('-') {
        Some(letters) if !letters.starts_with('-') => letters.chars().all(|letter| LETTERS.contains(letter)),
        _ => FLAGS.contains(&option),
    }
}

fn apply(asked: &mut Asked, option: &str, value: &str) {
    let list = || value.split(',').filter(|name| !name.is_empty()).map(str::to_owned);
    match option {
        "--cap-add" => asked.add.extend(list()),
        "--cap-drop" => asked.drop.extend(list()),
        "--privileged" => asked.privileged = value == "true",
        "--security-opt" => asked.no_new_privs = rules::no_new_privs(value).or(asked.no_new_privs),
        "--user" | "-u" => asked.user = Some(value.to_owned()),
        "--pid" => asked.pid = Some(value.to_owned()),
        "--net" | "--network" => asked.net = Some(value.to_owned()),
        "--volume" | "-v" => asked.mounts.extend(BindMount::of_volume(value)),
        "--mount" => asked.mounts.extend(bind(value)),
        "--ulimit" => {
            let limit = value.split_once('=').and_then(|(name, limit)| Some((name.to_owned(), rules::limit(limit)?)));
            asked.limits.extend(limit);
        }
        _ => {}
    }
}

/// Reads `type=bind,source=/a,target=/b,readonly`.
fn bind(text: &str) -> Option<BindMount> {
    let parts: Vec<(&str, &str)> = text.split(',').map(|part| part.split_once('=').unwrap_or((part, "true"))).collect();
    let value = |names: &[&str]| parts.iter().find(|(name, _)| names.contains(name)).map(|(_, value)| *value);
    (value(&["type"]) == Some("bind")).then_some(())?;
    let read_only = value(&["readonly", "ro"]).is_some_and(|value| value == "true" || value == "1");
    Some(BindMount::new(value(&["source", "src"])?, value(&["target", "dst", "destination"])?, read_only))
}

fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or_default()
}

/// Returns the words of each command. Quotes, backslashes and comments have the meaning of sh(1). Nothing is expanded.
fn commands(text: &str) -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('\n') | None => {}
                Some(escaped) => word.get_or_insert_default().push(escaped),
            },
            '\'' => word.get_or_insert_default().extend(letters.by_ref().take_while(|letter| *letter != '\'')),
            '"' => {
                let word = word.get_or_insert_default();
                while let Some(letter) = letters.next().filter(|letter| *letter != '"') {
                    match (letter, letters.peek()) {
                        ('\\', Some('"' | '\\' | '$' | '`')) => word.extend(letters.next()),
                        ('\\', Some('\n')) => drop(letters.next()),
                        _ => word.push(letter),
                    }
                }
            }
            '#' if word.is_none() => while letters.next_if(|letter| *letter != '\n').is_some() {},
            ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' => {
                if let (Some(word), Some(command)) = (word.take(), all.last_mut()) {
                    command.push(word);
                }
                if !matches!(letter, ' ' | '\t' | '\r') {
                    all.push(Vec::new());
                }
            }
            other => word.get_or_insert_default().push(other),
        }
    }
    if let (Some(word), Some(command)) = (word, all.last_mut()) {
        command.push(word);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use capwrap_core::policy::limits::Limit;

    #[test]
    fn a_command_over_several_lines_is_read_as_a_shell_reads_it() {
        let text = "#!/bin/sh\n# docker run --privileged x\ndocker run --rm -it \\\n  --cap-drop=ALL --cap-add 'BPF' --cap-add=\"PERFMON\" \\\n \
                    --security-opt=no-new-privileges --ulimit memlock=-1:-1 -v/a:/b:ro --name t image --cap-add KILL\n";
        let read = read(text);
        assert_eq!(read.len(), 1);
        let (name, engine, asked) = &read[0];
        assert_eq!((name.as_str(), *engine), ("t", Engine::Docker));
        assert_eq!((asked.add.join(","), asked.drop.join(",")), ("BPF,PERFMON".to_owned(), "ALL".to_owned()));
        assert_eq!(asked.no_new_privs, Some(true));
        assert_eq!(asked.limits, [("memlock".to_owned(), Limit::UNLIMITED)]);
        assert!(asked.mounts.contains(&BindMount::new("/a", "/b", true)));
        assert!(!asked.privileged);
    }

    #[test]
    fn each_command_is_of_its_engine() {
        let read = read("docker run a; sudo podman run b\n/usr/local/bin/nerdctl run --cap-add=ALL --cap-drop ALL c\n");
        let engines: Vec<Engine> = read.iter().map(|(_, engine, _)| *engine).collect();
        assert_eq!(engines, [Engine::Docker, Engine::Podman, Engine::Nerdctl]);
    }
}
