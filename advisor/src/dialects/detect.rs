//! Detects the kind of a text.

use crate::dialects::{lxc, nspawn, quadlet};

/// The kinds of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Policy,
    Unit,
    Quadlet,
    Lxc,
    Nspawn,
    Json,
    Yaml,
    Nixos,
    Command,
    Status,
    Other,
}

/// Returns the kind by the name of the text's file if the name shows it, and otherwise by the text itself.
pub fn form(text: &str, name: &str) -> Form {
    let end = name.rsplit_once('.').map_or("", |(_, end)| end);
    // Both are also written in files whose names end as those of other formats.
    if quadlet::read::is_one(text) {
        return Form::Quadlet;
    }
    if matches!(end, "conf" | "") && lxc::read::is_one(text) {
        return Form::Lxc;
    }
    match end {
        "toml" => return Form::Policy,
        "container" => return Form::Quadlet,
        "nspawn" => return Form::Nspawn,
        "service" | "socket" | "mount" | "swap" | "conf" | "timer" | "path" | "target" | "slice" | "scope"
        | "device" | "automount" => return Form::Unit,
        "json" => return Form::Json,
        "yaml" | "yml" => return Form::Yaml,
        "nix" => return Form::Nixos,
        _ => {}
    }
    let is_comment = |line: &&str| line.is_empty() || line.starts_with(['#', ';']);
    let lines = || text.lines().map(str::trim).filter(|line| !is_comment(line));
    let any = |says: &dyn Fn(&str) -> bool| lines().any(says);
    let first = lines().next().unwrap_or_default();
    let is_json =
        || serde_json::Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>().all(|one| one.is_ok());
    if first.starts_with(['{', '[']) && is_json() {
        Form::Json
    } else if any(&|line| ["[Service]", "[Unit]", "[Socket]", "[Mount]", "[Swap]"].contains(&line)) {
        Form::Unit
    } else if nspawn::read::is_one(text) {
        Form::Nspawn
    } else if any(&|line| line == "[tool]" || line.starts_with("tool =")) && any(&|line| line.starts_with("schema")) {
        Form::Policy
    } else if any(&|line| line.starts_with("CapPrm:")) {
        Form::Status
    } else if any(&|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.windows(2).any(|two| {
            ["docker", "podman", "nerdctl"].iter().any(|engine| two[0].ends_with(engine))
                && ["run", "create", "container", "service", "compose"].contains(&two[1])
        })
    }) {
        Form::Command
    } else if any(&|line| line.contains("security.wrappers") || line.contains("serviceConfig")) {
        Form::Nixos
    } else if any(&|line| {
        ["apiVersion:", "services:", "include:", "kind:", "items:", "config:"].iter().any(|key| line.starts_with(key))
    }) {
        Form::Yaml
    } else if first.starts_with('{') {
        // The parser reports what is wrong with the text.
        Form::Json
    } else {
        Form::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_text_is_follows_from_what_it_says() {
        for (text, expected) in [
            ("# drop-in\n[Service]\nAmbientCapabilities=\n", Form::Unit),
            ("#!/bin/sh\n# x\ndocker run --rm x\n", Form::Command),
            ("[{\"HostConfig\": {}}]", Form::Json),
            ("# c\napiVersion: v1\n", Form::Yaml),
            ("{ pkgs, ... }:\n{ security.wrappers.x = { }; }", Form::Nixos),
            ("schema = 1\n[tool]\n", Form::Policy),
            ("#!/bin/sh\nsetcap cap_bpf=ep /x\n", Form::Other),
            ("Name: x\nCapPrm: 0\n", Form::Status),
            ("[Unit]\n[Container]\nImage=x\n", Form::Quadlet),
            ("lxc.cap.drop = kill\n", Form::Lxc),
            ("[Exec]\nCapability=all\n", Form::Nspawn),
            ("{\"comm\": \"x\"}\n{\"comm\": \"y\"}\n", Form::Json),
            ("[Container\nwhat", Form::Other),
        ] {
            assert_eq!(form(text, "f"), expected, "{text}");
        }
    }
}
