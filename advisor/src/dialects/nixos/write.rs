//! Writes a NixOS module with a security wrapper (`security.wrappers` in NixOS's options).

use crate::dialects::export_request::Launch;
use crate::dialects::remarks::Remarks;
use crate::dialects::{comment, quote};
use capwrap_core::policy::Identity;

/// Returns the module's text.
pub fn module(launch: &Launch<'_>, remarks: &Remarks) -> String {
    let program = launch.tool.rsplit('/').next().unwrap_or_default();
    let (name, package) = (quote::nix(launch.name), format!("pkgs.{}", quote::nix(launch.name)));
    // The export never grants to everyone. If the policy names no group, the reader must replace root's.
    let group = match launch.policy.allow.groups.first() {
        Some(Identity::Name(name)) => name.clone(),
        Some(Identity::Id(id)) => id.to_string(),
        None => "root".to_owned(),
    };
    let source = format!("\"${{{package}}}/bin/{}", &quote::nix(program)[1..]);
    format!(
        "{}\n{{ pkgs, ... }}:\n{{\n  security.wrappers.{name} = {{\n    source = {source};\n    owner = \"root\";\n    \
         group = {};\n    permissions = \"u+rx,g+x\";\n    capabilities = {};\n  }};\n}}\n",
        comment::lines(remarks),
        quote::nix(&group),
        quote::nix(&format!("{}+ep", launch.caps)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::export_request::tests::{facts, policy};
    use crate::dialects::target::Target;

    #[test]
    fn the_wrapper_is_for_the_policys_group_alone() {
        let (source, facts) = (policy(""), facts());
        let launch = Launch::of(&source, &facts, None).unwrap();
        let text = module(&launch, &Remarks::of(&launch, Target::Nixos));
        let code: Vec<&str> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        assert_eq!(
            code,
            [
                "{ pkgs, ... }:",
                "{",
                "  security.wrappers.\"t\" = {",
                "    source = \"${pkgs.\"t\"}/bin/t\";",
                "    owner = \"root\";",
                "    group = \"g\";",
                "    permissions = \"u+rx,g+x\";",
                "    capabilities = \"cap_net_raw,cap_bpf+ep\";",
                "  };",
                "}",
            ]
        );
    }
}
