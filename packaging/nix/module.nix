# Installs capwrap on NixOS, and enables the policies that the configuration has:
#
#   programs.capwrap.enable = true;
#   programs.capwrap.policies.mytool = ./mytool.toml;
#
# A policy names its tool by a path that only root can write, such as /run/current-system/sw/bin/tcpdump.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.programs.capwrap;
  prefix = "/var/lib/capwrap";
in
{
  options.programs.capwrap = {
    enable = lib.mkEnableOption "capwrap, a launcher for tools that need a few capabilities";
    package = lib.mkOption {
      type = lib.types.package;
      default = pkgs.callPackage ./package.nix { };
      defaultText = lib.literalExpression "pkgs.callPackage ./package.nix { }";
      description = "The package whose programs are used.";
    };
    policies = lib.mkOption {
      type = lib.types.attrsOf lib.types.path;
      default = { };
      example = lib.literalExpression "{ mytool = ./mytool.toml; }";
      description = "The enabled policies, by name. Each is a file in the format of capwrap.toml(5).";
    };
  };

  config = lib.mkIf cfg.enable {
    users.groups.capwrap = { };

    environment.systemPackages = [
      cfg.package
      (pkgs.runCommand "capwrap-link" { } ''
        mkdir -p $out/bin
        ln -s ${prefix}/bin/capwrap $out/bin/capwrap
      '')
    ];

    # A file with a mode is a copy in /etc, and no link into the store: a policy belongs to root, and nobody else can write it.
    environment.etc = lib.mapAttrs' (
      name: file:
      lib.nameValuePair "capwrap/policies/${name}.toml" {
        source = file;
        mode = "0644";
      }
    ) cfg.policies;

    systemd.services.capwrap-enable = {
      description = "Install the capwrap launcher, with the capabilities that the enabled policies need";
      wantedBy = [ "multi-user.target" ];
      before = [ "multi-user.target" ];
      restartTriggers = [ cfg.package ] ++ lib.attrValues cfg.policies;
      path = [ pkgs.coreutils ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
      };
      # As install.sh does, the old launcher loses its capabilities, so that no hard link to it keeps them: changing the owner,
      # even to the same, removes them (chown(2)). The new one takes its place by a rename.
      script = ''
        umask 022
        mkdir -p ${prefix}/bin ${prefix}/libexec/capwrap /etc/capwrap/policies
        rm -rf ${prefix}/share
        cp -R --no-preserve=mode ${cfg.package}/prefix/share ${prefix}/share
        install -m 0755 ${cfg.package}/prefix/libexec/capwrap/capwrap-advisor ${prefix}/libexec/capwrap/capwrap-advisor.new
        mv -f ${prefix}/libexec/capwrap/capwrap-advisor.new ${prefix}/libexec/capwrap/capwrap-advisor
        install -m 0755 ${cfg.package}/prefix/libexec/capwrap/capwrap-recorder ${prefix}/libexec/capwrap/capwrap-recorder.new
        mv -f ${prefix}/libexec/capwrap/capwrap-recorder.new ${prefix}/libexec/capwrap/capwrap-recorder
        install -m 0755 ${cfg.package}/prefix/bin/capwrap ${prefix}/bin/capwrap.new
        [ ! -e ${prefix}/bin/capwrap ] || chown root:root ${prefix}/bin/capwrap
        mv -f ${prefix}/bin/capwrap.new ${prefix}/bin/capwrap
        ${prefix}/bin/capwrap enable
      '';
    };
  };
}
