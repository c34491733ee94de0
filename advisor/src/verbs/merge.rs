//! `capwrap merge`: merges learned profiles of several runs or hosts into one.

use crate::analysis::profile::{MAX_BYTES, Profile};
use crate::store::{atomic_write, bounded_read};
use anyhow::{Context, Result};
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct Merge {
    /// The profiles, as `capwrap --learn --json` prints them
    #[arg(required = true, value_name = "PROFILE")]
    profiles: Vec<PathBuf>,
    /// Write the result into this file, not to standard output; it may be one of the profiles
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
    Profile::read(&bounded_read::text_of(path, MAX_BYTES)?).with_context(|| path.display().to_string())
}
