//! `hutong completions` and `hutong man`: the command line, for shells and for `man`.

use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;

use crate::cli::print;
use crate::error::{Error, Result};
use crate::installation;

const NAME: &str = "hutong";

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The folder that the pages are written to; it is made where it is missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Prints what a shell completes commands and options by.
pub(crate) fn completions(args: &CompletionsArgs, mut command: Command) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, NAME, &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// Writes a page for each command.
pub(crate) fn man(args: &ManArgs, command: Command) -> Result<()> {
    installation::make_folder(&args.folder)?;
    clap_mangen::generate_to(command, &args.folder).map_err(|cause| Error::file(&args.folder, cause))
}
