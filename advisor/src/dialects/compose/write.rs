//! Writes a Compose file with one service (the Compose Specification).

use crate::dialects::engine::write::ulimits;
use crate::dialects::export_request::Launch;
use crate::dialects::remarks::Remarks;
use crate::dialects::{comment, quote};
use anyhow::{Context, Result};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct File {
    services: BTreeMap<String, Service>,
}

#[derive(Serialize)]
struct Service {
    image: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    entrypoint: Option<[String; 1]>,
    cap_drop: [&'static str; 1],
    cap_add: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    security_opt: Vec<String>,
    ulimits: BTreeMap<&'static str, Ulimit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_mode: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    volumes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    environment: Vec<String>,
}

#[derive(Serialize)]
struct Ulimit {
    soft: i64,
    hard: i64,
}

/// Returns the file's text.
pub fn file(launch: &Launch<'_>, remarks: &Remarks) -> Result<String> {
    let exec = &launch.policy.exec;
    let set = exec.env.set.iter().map(|(name, value)| quote::dollars(&format!("{name}={value}")));
    let no_new_privs = exec.no_new_privs.then(|| "no-new-privileges:true".to_owned());
    let seccomp = launch.seccomp.as_ref().map(|name| quote::dollars(&format!("seccomp:{name}")));
    let service = Service {
        image: launch.image().map_or("${IMAGE:?name an image that has the tool}".to_owned(), quote::dollars),
        entrypoint: launch.image().is_none().then(|| [quote::dollars(&launch.tool)]),
        cap_drop: ["ALL"],
        cap_add: launch.bare(),
        security_opt: no_new_privs.into_iter().chain(seccomp).collect(),
        ulimits: ulimits(launch)
            .into_iter()
            .map(|(resource, value)| (resource.name(), Ulimit { soft: value, hard: value }))
            .collect(),
        pid: launch.pid().map(quote::dollars),
        network_mode: launch.net().map(quote::dollars),
        volumes: launch.mounts.iter().map(|mount| quote::dollars(&mount.volume())).collect(),
        environment: set.chain(exec.env.keep.iter().cloned()).collect(),
    };
    let file = File { services: BTreeMap::from([(launch.label(), service)]) };
    let yaml = serde_yaml_ng::to_string(&file).context("cannot write YAML")?;
    Ok(format!("{}\n{yaml}", comment::lines(remarks)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::export_request::tests::{facts, policy};
    use crate::dialects::target::Target;

    #[test]
    fn every_word_is_read_back_with_its_dollars_doubled() {
        let source = policy(
            "[exec]\nenv = { set = { A = \"it's $HOME\\nnew: [x] # y\" }, keep = [\"B\"] }\n\
             [container]\nimage = \"i: $x\"\nmounts = [\"/a 'b\\n:/c d:ro\"]\npid = \"host\"\nnet = \"{n}\"\n",
        );
        let facts = facts();
        let launch = Launch::of(&source, &facts, None).unwrap();
        let text = file(&launch, &Remarks::of(&launch, Target::Compose)).unwrap();
        let read: serde_yaml_ng::Value = serde_yaml_ng::from_str(&text).unwrap();
        let service = &read["services"]["t"];
        assert_eq!(service["image"], "i: $$x");
        assert_eq!(service["environment"][0], "A=it's $$HOME\nnew: [x] # y");
        assert_eq!(service["environment"][1], "B");
        assert_eq!(service["volumes"][0], "/a 'b\n:/c d:ro");
        assert_eq!(service["network_mode"], "{n}");
        assert_eq!(service["cap_add"][1], "BPF");
        assert_eq!(service["cap_drop"][0], "ALL");
    }
}
