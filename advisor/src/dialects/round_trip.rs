//! Tests that the export to each target reads back as the same grant.

#[cfg(test)]
mod tests {
    use crate::dialects::detect::{Form, form};
    use crate::dialects::export_request::{self, Launch};
    use crate::dialects::grant::Side;
    use crate::dialects::read::Read;
    use crate::dialects::target::Target;
    use crate::dialects::{policy, read, write};
    use capwrap_core::{Capability, CapabilitySet};
    use clap::ValueEnum;
    use proptest::prelude::*;

    /// Returns the policy's own grant.
    fn own(text: &str) -> Side {
        let source = export_request::tests::source("t", text);
        policy::side(&source.policy, &export_request::tests::facts(), None)
    }

    /// Exports the policy to every target.
    fn everywhere(text: &str) -> Vec<(Target, String)> {
        let (source, facts) = (export_request::tests::source("t", text), export_request::tests::facts());
        let launch = Launch::of(&source, &facts, None).unwrap();
        Target::value_variants().iter().map(|target| (*target, write::text(&launch, *target).unwrap())).collect()
    }

    /// Reads a text whose format must be detected from the text alone.
    fn read_back(text: &str) -> Side {
        match read::text(form(text, "export"), text, "export").unwrap() {
            Read::One(side) => *side,
            Read::Several(sides) => Side::choose(sides, None).unwrap().unwrap(),
        }
    }

    #[test]
    fn every_export_is_taken_for_what_it_is() {
        let policy = export_request::tests::policy_text("");
        for (target, text) in everywhere(&policy) {
            let expected = match target {
                Target::Systemd => Form::Unit,
                Target::Docker | Target::Podman => Form::Command,
                Target::Compose | Target::Kubernetes => Form::Yaml,
                Target::Oci => Form::Json,
                Target::Setcap => Form::Other,
                Target::Nixos => Form::Nixos,
            };
            assert_eq!(form(&text, "export"), expected, "{text}");
            assert_eq!(read_back(&text).grant.to_string(), "cap_net_raw,cap_bpf", "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_exported_is_read_back_without_difference(
            caps in (1_u64..1 << 41).prop_map(CapabilitySet::from_mask),
            more in (0_u64..1 << 41).prop_map(CapabilitySet::from_mask),
            exec in proptest::sample::subsequence(vec![
                "children = \"none\"", "env = { keep = [\"TERM\"], set = { LANG = \"C'\\\"$x\" } }", "bounding = \"drop\"",
                "limits = { memlock = \"unlimited\", nofile = 4096 }",
            ], 0..=4),
            container in proptest::sample::subsequence(vec![
                "image = \"docker.io/gojue/ecapture\"", "pid = \"host\"", "net = \"host\"",
                "mounts = [\"/sys/kernel/debug:/sys/kernel/debug\", \"/lib/modules:/lib/modules:ro\"]",
            ], 0..=4),
        ) {
            let policy = format!(
                "schema = 1\n[tool]\npath = \"/usr/bin/t\"\n[allow]\ngroups = [\"g\"]\n[[grant]]\ncaps = {caps:?}\n\
                 [[grant]]\ncaps = \"{more}\"\nmode = \"m\"\n[exec]\n{}\n[container]\n{}\n",
                exec.join("\n"), container.join("\n"), caps = caps.to_string().split(',').collect::<Vec<_>>(),
                more = more.union(caps).iter().next().map_or("cap_chown", Capability::name),
            );
            let (own, exports) = (own(&policy), everywhere(&policy));
            for (target, text) in exports {
                let read = read_back(&text);
                prop_assert_eq!(own.grant, read.grant, "{:?}\n{}\n{}", target, &policy, &text);
                let apart = own.stated.apart(&read.stated);
                prop_assert!(apart.0.is_empty() && apart.1.is_empty(), "{:?}: {:?}\n{}\n{}", target, apart, &policy, &text);
            }
        }
    }
}
