//! Writes a `docker run` or `podman run` command, as a script that passes its own arguments on.

use crate::dialects::export_request::Launch;
use crate::dialects::remarks::Remarks;
use crate::dialects::target::Target;
use crate::dialects::{comment, quote};
use capwrap_core::policy::limits::{Limit, Resource};

/// Returns the script's text.
pub fn command(launch: &Launch<'_>, target: Target, remarks: &Remarks) -> String {
    let engine = if target == Target::Podman { "podman" } else { "docker" };
    let mut words = vec![format!("{engine} run --rm -it"), "--cap-drop=ALL".to_owned()];
    words.extend(launch.bare().iter().map(|name| format!("--cap-add={name}")));
    if launch.policy.exec.no_new_privs {
        words.push("--security-opt=no-new-privileges".to_owned());
    }
    words.extend(launch.seccomp.as_deref().map(|name| option("--security-opt", &format!("seccomp={name}"))));
    let limits = ulimits(launch).into_iter();
    words.extend(limits.map(|(resource, value)| format!("--ulimit={}={value}:{value}", resource.name())));
    words.extend(launch.pid().map(|pid| option("--pid", pid)));
    words.extend(launch.net().map(|net| option("--network", net)));
    words.extend(launch.mounts.iter().map(|mount| option("--volume", &mount.volume())));
    let env = &launch.policy.exec.env;
    words.extend(env.set.iter().map(|(name, value)| option("--env", &format!("{name}={value}"))));
    words.extend(env.keep.iter().map(|name| option("--env", name)));
    match launch.image() {
        Some(image) => words.push(quote::shell(image)),
        None => {
            words.push(option("--entrypoint", &launch.tool));
            words.push("\"${IMAGE:?name an image that has the tool}\"".to_owned());
        }
    }
    words.push("\"$@\"".to_owned());
    format!("#!/bin/sh\n{}\n{}\n", comment::lines(remarks), words.join(" \\\n  "))
}

fn option(name: &str, value: &str) -> String {
    format!("{name}={}", quote::shell(value))
}

/// Returns the limits that go-units knows, in its numbers: -1 is unlimited.
pub fn ulimits(launch: &Launch<'_>) -> Vec<(Resource, i64)> {
    let lacking = Target::Docker.words().lacks_limits;
    let number = |limit: Limit| i64::try_from(limit.0).unwrap_or(-1);
    let limits = launch.limits().into_iter().filter(|(resource, _)| !lacking.contains(&resource.name()));
    limits.map(|(resource, limit)| (resource, number(limit))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::export_request::tests::{facts, policy};

    fn exported(more: &str) -> String {
        let (source, facts) = (policy(more), facts());
        let launch = Launch::of(&source, &facts, None).unwrap();
        command(&launch, Target::Docker, &Remarks::of(&launch, Target::Docker))
    }

    /// Returns the arguments with which the script calls the engine. A shell with its own `docker` function reports
    /// them.
    fn called(script: &str) -> Vec<String> {
        let script = format!("docker() {{ printf '%s\\0' \"$@\"; }}\n{script}");
        let output = std::process::Command::new("/bin/sh")
            .args(["-c", &script, "sh", "an argument"])
            .env("IMAGE", "an image")
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        said.trim_end_matches('\0').split('\0').map(str::to_owned).collect()
    }

    #[test]
    fn every_word_reaches_the_engine_as_the_policy_has_it() {
        let nasty = "/a'b $(id)\\n`x` \\\"y\\\":/c d:ro";
        let words = called(&exported(&format!(
            "[exec]\nenv = {{ set = {{ A = \"it's $HOME\\nnew\" }}, keep = [\"B\"] }}\n\
             limits = {{ memlock = \"unlimited\" }}\n\
             [container]\nimage = \"i $x\"\nmounts = [\"{nasty}\"]\npid = \"host\"\nnet = \"n'et\"\n"
        )));
        assert_eq!(
            words,
            [
                "run",
                "--rm",
                "-it",
                "--cap-drop=ALL",
                "--cap-add=NET_RAW",
                "--cap-add=BPF",
                "--security-opt=no-new-privileges",
                "--ulimit=memlock=-1:-1",
                "--ulimit=core=0:0",
                "--pid=host",
                "--network=n'et",
                "--volume=/a'b $(id)\n`x` \"y\":/c d:ro",
                "--env=A=it's $HOME\nnew",
                "--env=B",
                "i $x",
                "an argument",
            ]
        );
    }

    #[test]
    fn without_an_image_the_caller_names_one() {
        let words = called(&exported(""));
        assert_eq!(words[words.len() - 3..], ["--entrypoint=/usr/bin/t", "an image", "an argument"]);
    }

    #[test]
    fn new_privileges_are_left_where_the_policy_leaves_them() {
        assert!(!exported("[exec]\nno_new_privs = false\n").contains("--security-opt"));
    }
}
