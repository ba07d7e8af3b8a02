//! `hutong callee`

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use hutong_callee::{Farm, Options, Pace};

use crate::cli::print;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::{log, serve};

#[derive(Debug, Args)]
pub(crate) struct CalleeArgs {
    /// The address of its SIP, UDP and TCP
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:5070")]
    listen: SocketAddr,
    /// Where everybody's character comes from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The first port of its voices; 0 takes free ones
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port_first: u16,
    /// The last port of its voices
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port_last: u16,
    /// How long people let it ring and think, in per cent of the usual
    #[arg(long, value_name = "PERCENT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pace: u32,
    /// Keep what each of them heard in this folder, as NUMBER-NTH.wav
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
}

pub(crate) async fn run(args: CalleeArgs) -> Result<()> {
    let CalleeArgs { listen, seed, port_first, port_last, pace, record } = args;
    if port_first > port_last {
        return Err(Error::Usage("--port-last must not be below --port-first".to_owned()));
    }
    let _traces = log::init(&Config::load(None)?)?;
    let stop = serve::stop_signal()?;
    if let Some(folder) = &record {
        std::fs::create_dir_all(folder).map_err(|cause| Error::file(folder, cause))?;
    }
    let pace = Pace(pace.saturating_mul(10));
    let options = Options { listen, seed, ports: port_first..=port_last, pace, record };
    let farm = Farm::open(options).await.map_err(|error| Error::Failed(error.to_string()))?;
    print(&format!("callees wait at sip:{}; Ctrl-C ends it\n", farm.address()))?;
    stop.await;
    Ok(())
}
