//! `capwrap merge`: learned profiles of several runs or hosts as one.

use crate::analysis::profile::{MAX_BYTES, Profile};
use crate::store::atomic_write;
use anyhow::{Context, Result, ensure};
use clap::Args;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct Merge {
    /// The profiles, as `capwrap --learn --json` prints them
    #[arg(required = true, value_name = "PROFILE")]
    profiles: Vec<PathBuf>,
    /// Write the outcome into this file, not to standard output; one of the profiles may be it
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Merge {
    pub fn run(self) -> Result<()> {
        let profiles = self.profiles.iter().map(|path| read(path)).collect::<Result<Vec<_>>>()?;
        let merged = profiles.into_iter().fold(Profile::of([]), Profile::union);
        let json = merged.to_json()?;
        match self.output {
            Some(path) => atomic_write::replace(&path, &json),
            None => {
                say!("{}", json.trim_end());
                Ok(())
            }
        }
    }
}

fn read(path: &Path) -> Result<Profile> {
    let mut text = String::new();
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let length = file
        .take(MAX_BYTES as u64 + 1)
        .read_to_string(&mut text)
        .with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(length <= MAX_BYTES, "{}: larger than {} MiB", path.display(), MAX_BYTES / 1024 / 1024);
    Profile::read(&text).with_context(|| path.display().to_string())
}
