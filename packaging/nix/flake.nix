# capwrap as a package and as a module of NixOS. In a flake of your own, with the repository's address:
#
#   inputs.capwrap.url = "git+https://…?dir=packaging/nix";
#   modules = [ capwrap.nixosModules.default { programs.capwrap.enable = true; } ];
{
  description = "Run a tool with exactly the Linux capabilities its policy grants";

  inputs.nixpkgs.url = "nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      forEach = nixpkgs.lib.genAttrs [
        "x86_64-linux"
        "aarch64-linux"
      ];
    in
    {
      packages = forEach (system: {
        default = nixpkgs.legacyPackages.${system}.callPackage ./package.nix { };
      });
      nixosModules.default = ./module.nix;
    };
}
