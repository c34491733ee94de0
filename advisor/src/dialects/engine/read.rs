//! Reads `docker run`, `podman run` and `nerdctl run` commands as a shell does.

use crate::dialects::boolean;
use crate::dialects::engine::rules;
use crate::dialects::engine::rules::{Asked, Engine};
use crate::dialects::mount::BindMount;
use crate::dialects::shell_words::{Word, commands};
use crate::output::error::hinted;
use anyhow::Result;
use capwrap_core::text::printable;

/// The options without a value. Every other option takes the next word as its value if it has no `=`.
const FLAGS: [&str; 26] = [
    "--with-registry-auth",
    "--no-resolve-image",
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

/// Returns the containers that a script starts, with their names or images. What else it gives capabilities to is a note on
/// each.
///
/// # Errors
/// The engine would refuse the value of an option. The script starts no container that it describes itself, but gives
/// capabilities in another way.
pub fn read(text: &str) -> Result<Vec<(String, Engine, Asked)>> {
    let (mut found, mut unread) = (Vec::new(), Vec::new());
    for words in commands(text) {
        match command(&words)? {
            Meaning::Container(name, engine, asked) => found.push((name, engine, *asked)),
            Meaning::Unread(one) => {
                unread.push((format!("line {}: {}", words.first().map_or(0, |word| word.line), one.why), one.hint));
            }
            Meaning::Nothing => {}
        }
    }
    match unread.first() {
        Some((why, hint)) if found.is_empty() => return Err(hinted(why, *hint)),
        _ => {}
    }
    for (.., asked) in &mut found {
        asked.notes.extend(unread.iter().map(|(why, _)| why.clone()));
    }
    Ok(found)
}

/// What a command means for capabilities.
enum Meaning {
    Container(String, Engine, Box<Asked>),
    /// It gives capabilities in a way that is not read.
    Unread(&'static Unread),
    Nothing,
}

/// Commands of an engine that give capabilities and are not read.
struct Unread {
    verb: &'static str,
    /// One of these words stands after the verb.
    then: &'static [&'static str],
    /// One of these options stands after that, if there are any here.
    options: &'static [&'static str],
    why: &'static str,
    hint: &'static str,
}

const COMPOSE: Unread = Unread {
    verb: "compose",
    then: &["run", "up", "create"],
    options: &[],
    why: "this starts what a Compose file says, which was not read",
    hint: "compare the Compose file",
};
const PLAY: Unread = Unread {
    verb: "kube",
    then: &["play"],
    options: &[],
    why: "this starts what a Kubernetes manifest says, which was not read",
    hint: "compare the manifest",
};
const UNREAD: [Unread; 5] = [
    COMPOSE,
    Unread { verb: "stack", then: &["deploy"], ..COMPOSE },
    PLAY,
    Unread { verb: "play", then: &["kube"], ..PLAY },
    Unread {
        verb: "service",
        then: &["update"],
        options: &["--cap-add", "--cap-drop"],
        why: "this changes a service that runs, which was not read",
        hint: "compare what docker service inspect prints",
    },
];
/// Its option stands before the name of the container, so [`is_privileged_exec`] looks for it.
const EXEC: Unread = Unread {
    verb: "exec",
    then: &[],
    options: &["--privileged"],
    why: "what exec --privileged starts has every capability, which was not compared",
    hint: "compare the container without it",
};
/// The options of exec that take the next word as their value.
const OF_EXEC_WITH_VALUE: [&str; 9] =
    ["-e", "--env", "--env-file", "-u", "--user", "-w", "--workdir", "--detach-keys", "--preserve-fds"];

fn command(words: &[Word]) -> Result<Meaning> {
    let is_engine = |word: &Word| ["docker", "podman", "nerdctl"].contains(&word.base());
    let is_compose = |word: &Word| ["docker-compose", "podman-compose"].contains(&word.base());
    let Some(engine_at) = words.iter().position(is_engine) else {
        let compose_at = words.iter().position(is_compose);
        let starts = compose_at.is_some_and(|at| COMPOSE.goes_on(&words[at + 1..]));
        return Ok(if starts { Meaning::Unread(&COMPOSE) } else { Meaning::Nothing });
    };
    let engine = match words[engine_at].base() {
        "podman" => Engine::Podman,
        "nerdctl" => Engine::Nerdctl,
        _ => Engine::Docker,
    };
    let words = &words[engine_at + 1..];
    let Some(at) = verb(words) else { return Ok(Meaning::Nothing) };
    let (verb, rest) = (words[at].text.as_str(), &words[at + 1..]);
    if ["run", "create"].contains(&verb) {
        let mut asked = Asked::default();
        let (image, name) = options(&mut asked, rest)?;
        return Ok(Meaning::Container(name.unwrap_or(image), engine, Box::new(asked)));
    }
    if verb == EXEC.verb && is_privileged_exec(rest) {
        return Ok(Meaning::Unread(&EXEC));
    }
    let unread = UNREAD.iter().find(|one| one.verb == verb && one.goes_on(rest));
    Ok(unread.map_or(Meaning::Nothing, Meaning::Unread))
}

impl Unread {
    /// Whether the words after the verb are those of this command.
    fn goes_on(&self, words: &[Word]) -> bool {
        let mut rest = words.iter().map(|word| word.text.as_str());
        rest.any(|word| self.then.contains(&word))
            && (self.options.is_empty() || rest.any(|word| self.options.contains(&split(word).0)))
    }
}

/// Whether `--privileged` stands among the options of exec, before the container.
fn is_privileged_exec(words: &[Word]) -> bool {
    let mut rest = words.iter().map(|word| word.text.as_str());
    while let Some(word) = rest.next().filter(|word| word.starts_with('-')) {
        match split(word) {
            (option, value) if EXEC.options.contains(&option) => {
                return value.is_none_or(|value| boolean::flag(&value) != Some(false));
            }
            (option, None) if OF_EXEC_WITH_VALUE.contains(&option) => drop(rest.next()),
            _ => {}
        }
    }
    false
}

/// The options of an engine itself that take the next word as their value.
const OF_ENGINE: [&str; 20] = [
    "-H",
    "--host",
    "--context",
    "-c",
    "--config",
    "-l",
    "--log-level",
    "--root",
    "--runroot",
    "--runtime",
    "--storage-driver",
    "--storage-opt",
    "--cgroup-manager",
    "--url",
    "--connection",
    "--identity",
    "-n",
    "--namespace",
    "-a",
    "--address",
];

/// Returns where the words of an engine name the verb, such as the `run` that starts a container. In `docker service
/// create` it is the second one, and in `docker network create` the first, which says what is created.
fn verb(words: &[Word]) -> Option<usize> {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let text = word.text.as_str();
        let next = words.get(at + 1).map_or("", |next| next.text.as_str());
        match text {
            "container" => {}
            "service" if ["create", "run"].contains(&next) => {}
            option if OF_ENGINE.contains(&option) => at += 1,
            option if option.starts_with('-') => {}
            _ => return Some(at),
        }
        at += 1;
    }
    None
}

/// Applies options, up to the image. Returns the image, and the container's name if there is one. What is an expression
/// becomes a note, unless it decides about capabilities.
///
/// # Errors
/// The engine would refuse the value of an option, or an option that decides about capabilities is an expression.
pub fn options(asked: &mut Asked, words: &[Word]) -> Result<(String, Option<String>)> {
    let mut rest = words.iter();
    let mut name = None;
    while let Some(word) = rest.next() {
        // A word that the shell splits may hold any number of options, unless it is the image.
        if word.is_several && word.text.starts_with(['$', '`']) && !is_image(&word.text) {
            asked.notes.push(format!("{}; it may hold options", word.unknown("a word before the image")));
            if rest.len() > 0 {
                continue;
            }
        }
        if !word.text.starts_with('-') || word.text == "-" {
            return Ok((word.text.clone(), name));
        }
        let (option, value) = split(&word.text);
        let value = match value {
            Some(value) => Word { text: value, ..word.clone() },
            None if is_flag(option) => Word { text: "true".to_owned(), ..word.clone() },
            None => rest.next().cloned().unwrap_or_default(),
        };
        if value.is_expression {
            if DECIDING.contains(&option) {
                value.known(option)?;
            }
            asked.notes.extend(NAMED.contains(&option).then(|| value.unknown(option)));
        }
        if option == "--name" {
            name = Some(value.text);
        } else {
            apply(asked, option, &value.text)?;
        }
    }
    Ok((String::new(), name))
}

/// The options without whose values the set of capabilities is not known.
const DECIDING: [&str; 4] = ["--cap-add", "--cap-drop", "--privileged", "--security-opt"];
/// The options with a value that is compared.
const NAMED: [&str; 8] = ["--user", "-u", "--pid", "--net", "--network", "--ulimit", "--volume", "-v"];

/// Whether the name of a variable says that it is an image.
fn is_image(expression: &str) -> bool {
    let name = expression.to_ascii_lowercase();
    name.contains("image") || name.contains("img")
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

fn apply(asked: &mut Asked, option: &str, value: &str) -> Result<()> {
    let list = || value.split(',').filter(|name| !name.is_empty()).map(str::to_owned);
    match option {
        "--cap-add" => asked.add.extend(list()),
        "--cap-drop" => asked.drop.extend(list()),
        "--privileged" => {
            let no_boolean = || format!("--privileged={} is neither true nor false", printable::text(value));
            asked.privileged = boolean::flag(value).ok_or_else(|| hinted(no_boolean(), "write true or false"))?;
        }
        "--security-opt" => {
            asked.no_new_privs = rules::no_new_privs(value).or(asked.no_new_privs);
            asked.seccomp = rules::seccomp(value).or(asked.seccomp.take());
        }
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
    Ok(())
}

/// Reads `type=bind,source=/a,target=/b,readonly`.
fn bind(text: &str) -> Option<BindMount> {
    let parts: Vec<(&str, &str)> = text.split(',').map(|part| part.split_once('=').unwrap_or((part, "true"))).collect();
    let value = |names: &[&str]| parts.iter().find(|(name, _)| names.contains(name)).map(|(_, value)| *value);
    (value(&["type"]) == Some("bind")).then_some(())?;
    let read_only = value(&["readonly", "ro"]).is_some_and(|value| value == "true" || value == "1");
    Some(BindMount::new(value(&["source", "src"])?, value(&["target", "dst", "destination"])?, read_only))
}

#[cfg(test)]
mod tests {
    use super::*;
    use capwrap_core::policy::limits::Limit;

    #[test]
    fn a_command_over_several_lines_is_read_as_a_shell_reads_it() {
        let text = "#!/bin/sh\n# docker run --privileged x\ndocker run --rm -it \\\n  --cap-drop=ALL --cap-add 'BPF' --cap-add=\"PERFMON\" \\\n \
                    --security-opt=no-new-privileges --ulimit memlock=-1:-1 -v/a:/b:ro --name t image --cap-add KILL\n";
        let read = read(text).unwrap();
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
    fn an_expression_is_an_error_where_it_decides_and_a_note_elsewhere() {
        for text in ["docker run --cap-add=$CAP i", "docker run --cap-drop \"$(x)\" i", "docker run --privileged=$P i"]
        {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains("is an expression, which is not evaluated here: "), "{error}");
        }
        let of = |text: &str| read(text).unwrap().remove(0);
        let (image, _, asked) =
            of("x\ndocker run -u \"$(id -u):$(id -g)\" -v $PWD:/x -e A=$A --cap-drop=ALL \"$IMAGE\" --cap-add=$X");
        assert_eq!(image, "$IMAGE");
        assert_eq!(
            asked.notes,
            [
                "line 2: -u is an expression, which is not evaluated here: $(id -u):$(id -g)",
                "line 2: -v is an expression, which is not evaluated here: $PWD:/x",
            ]
        );
        let (image, _, asked) = of("docker run $OPTIONS --cap-add=KILL \"${more[@]}\" image --privileged");
        assert_eq!((image.as_str(), asked.add.join(",").as_str(), asked.privileged), ("image", "KILL", false));
        assert_eq!(asked.notes.len(), 2, "{:?}", asked.notes);
        assert!(asked.notes[0].ends_with("$OPTIONS; it may hold options"), "{:?}", asked.notes);
        assert_eq!(of("docker run --rm $IMAGE --privileged").0, "$IMAGE");
    }

    #[test]
    fn what_starts_no_container_is_none_and_a_compose_file_is_named() {
        let text = "docker network create net\ndocker volume create --name v\ndocker exec web run x\npodman pod create p\n\
                    docker build --tag run .\ndocker -H tcp://h --context c run a\nnerdctl -n k8s.io container run b\n\
                    docker service create --with-registry-auth --cap-add KILL c\n";
        let names: Vec<String> = read(text).unwrap().into_iter().map(|(name, _, _)| name).collect();
        assert_eq!(names, ["a", "b", "c"]);
        let error = read("x\ndocker compose -f y.yml run web\n").unwrap_err().to_string();
        assert_eq!(error, "line 2: this starts what a Compose file says, which was not read");
        let others = "docker run a\ndocker exec -it --privileged a sh\nsudo podman --root /x kube play pod.yml\n\
                      docker service update --cap-add KILL c\ndocker-compose up -d\ndocker stack deploy -c y s\n\
                      docker exec a sh --privileged\ndocker service update --image i c\ndocker container exec -u 0 --privileged=true a x\n";
        let (_, _, asked) = read(others).unwrap().remove(0);
        let lines: Vec<&str> = asked.notes.iter().map(|note| note.split(':').next().unwrap()).collect();
        assert_eq!(lines, ["line 2", "line 3", "line 4", "line 5", "line 6", "line 9"], "{:?}", asked.notes);
    }

    #[test]
    fn each_command_is_of_its_engine() {
        let read = read("docker run a; sudo podman run b\n/usr/local/bin/nerdctl run --cap-add=ALL --cap-drop ALL c\n")
            .unwrap();
        let engines: Vec<Engine> = read.iter().map(|(_, engine, _)| *engine).collect();
        assert_eq!(engines, [Engine::Docker, Engine::Podman, Engine::Nerdctl]);
    }
}
