# capwrap, as the NixOS module needs it. Nothing in the store can have file capabilities, so the programs are built for the prefix
# /var/lib/capwrap, where the module puts copies of them. Man pages and completions are where NixOS looks for them.
{
  lib,
  stdenv,
  rustPlatform,
  cargo,
  rustc,
  glibc,
}:
let
  root = ../..;
  manifest = lib.importTOML (root + "/Cargo.toml");
in
stdenv.mkDerivation {
  pname = "capwrap";
  version = manifest.workspace.package.version;
  src = lib.cleanSource root;

  cargoDeps = rustPlatform.importCargoLock { lockFile = root + "/Cargo.lock"; };
  nativeBuildInputs = [
    cargo
    rustc
    rustPlatform.cargoSetupHook
  ];
  # The launcher is a static program.
  buildInputs = [ glibc.static ];

  env = {
    CAPWRAP_LIBC = "glibc";
    CAPWRAP_PREFIX = "/var/lib/capwrap";
  };

  postPatch = ''
    patchShebangs install.sh launcher/build advisor/build packaging/stage
  '';

  buildPhase = ''
    runHook preBuild
    launcher/build
    advisor/build
    mkdir programs
    cp target/release/capwrap target/advisor/capwrap-advisor target/advisor/capwrap-recorder programs/
    runHook postBuild
  '';

  installPhase = ''
    runHook preInstall
    CAPWRAP_BIN=$PWD/programs DESTDIR=$out PREFIX=/var/lib/capwrap ./install.sh
    mkdir -p $out/share
    mv $out/var/lib/capwrap/share/{man,bash-completion,zsh,fish} $out/share/
    mv $out/var/lib/capwrap $out/prefix
    mkdir -p $out/lib/systemd
    mv $out/prefix/lib/systemd/system $out/lib/systemd/system
    # The module has a service of its own for this, which also installs the launcher.
    rm $out/lib/systemd/system/capwrap-enable.service
    rmdir $out/var/lib $out/var
    runHook postInstall
  '';

  # cargo has removed what a debugger reads.
  dontStrip = true;

  meta = {
    description = "Run a tool with exactly the Linux capabilities its policy grants";
    license = with lib.licenses; [
      mit
      asl20
    ];
    platforms = [
      "x86_64-linux"
      "aarch64-linux"
    ];
    mainProgram = "capwrap";
  };
}
