use crate::{probe, run};
use clap::Args;
use std::ffi::OsString;
use std::process::ExitCode;

#[derive(Args)]
pub struct Learn {
    #[arg(long)]
    user: Option<String>,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    command: Vec<OsString>,
}

impl Learn {
    pub fn run(self) -> ExitCode {
        match self.go() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                crate::print_error(&format!("{error:#}"), None);
                ExitCode::from(125)
            }
        }
    }
    fn go(self) -> anyhow::Result<()> {
        let t = std::time::Instant::now();
        let user = run::meant_for(self.user.as_deref())?;
        let mut probe = probe::open(&Default::default(), 4096)?;
        eprintln!("opened {:?} {} {:?}", t.elapsed(), probe.back_end, probe.before);
        let hold = caps::read(None, caps::CapSet::Permitted)?
            .into_iter()
            .filter_map(|c| capwrap::Capability::from_number(c.index()))
            .collect();
        let stopped = run::start(run::Plan { command: &self.command, user: Some(&user), hold, stdout: None })?;
        probe.start_at(stopped.id(), 1)?;
        let ending = stopped.run(Default::default())?;
        eprintln!("ran {:?} {ending:?}", t.elapsed());
        for o in probe.observations()? {
            println!("{:?}", o);
        }
        eprintln!("{:?} {:?} {:?}", probe.losses()?, probe.tally()?, t.elapsed());
        Ok(())
    }
}
