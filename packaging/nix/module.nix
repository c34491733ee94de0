# Installs capwrap on NixOS, and enables the policies that the configuration has:
#
#   programs.capwrap.enable = true;
#   programs.capwrap.policies.mytool = ./mytool.toml;
#   programs.capwrap.recorder.enable = true;    # for policies that say audit = "required"
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
    recorder.enable = lib.mkEnableOption "the recorder of capwrap, for policies that say audit = \"required\"";
  };

  config = lib.mkIf cfg.enable {
    users.groups.capwrap = { };

    # The recorder knows the launcher by this group: `capwrap enable` makes the launcher set-group-ID for it. Nobody is to be in it.
    users.groups.capwrap-record = { };
    users.groups.capwrap-recorder = { };
    users.users.capwrap-recorder = {
      isSystemUser = true;
      group = "capwrap-recorder";
      description = "The recorder of capwrap";
    };

    # The package has the units; what is wanted of them is decided here.
    systemd.packages = [ cfg.package ];
    systemd.sockets = lib.mkIf cfg.recorder.enable {
      capwrap-recorder.wantedBy = [ "sockets.target" ];
      capwrap-history.wantedBy = [ "sockets.target" ];
    };
    # The programs are copied to their prefix by this service.
    systemd.services.capwrap-recorder.after = [ "capwrap-enable.service" ];
    systemd.services.capwrap-history.after = [ "capwrap-enable.service" ];

    # `capwrap grant` cannot enable a timer where the units are the configuration's, so this one always runs. The launcher
    # compares the clock at each launch: what has ended is refused before this takes it out.
    systemd.timers.capwrap-ended = {
      description = "End what capwrap granted for a time";
      wantedBy = [ "timers.target" ];
      timerConfig = {
        OnCalendar = "minutely";
        AccuracySec = "10s";
        Unit = "capwrap-revoke.service";
      };
    };

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
