//! The command line.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::commands::{
    announcement, audit, backup, call, callback, callee, company, doctor, export, forecast, grade, key, line, manual,
    number, restore, scene, user, why,
};
use crate::config::{self, Config};
use crate::error::Result;
use crate::{demo, serve};

/// hutong (呼通): a self-hosted AI outbound-call platform.
///
/// Exit codes: 0 done, 1 failed, 2 wrong use.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything, with a company, scenes and campaigns in it
    Demo(demo::DemoArgs),
    /// Run the server
    Serve(ServeArgs),
    /// Show or check the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Companies: the tenants
    #[command(subcommand)]
    Company(company::CompanyCommand),
    /// Application keys of the open API
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Users of the console
    #[command(subcommand)]
    User(user::UserCommand),
    /// Show who changed what: the audit log, newest first
    Audit(audit::AuditArgs),
    /// Lines: caller numbers, and what carries their calls
    #[command(subcommand)]
    Line(line::LineCommand),
    /// Carriers' announcements (空号, 关机 …) that are recognised by their sound
    #[command(subcommand)]
    Announcement(announcement::AnnouncementCommand),
    /// Run the callee farm: a SIP server that plays the people who are called
    Callee(callee::CalleeArgs),
    /// Scenes (话术): what robots say
    #[command(subcommand)]
    Scene(scene::SceneCommand),
    /// Send a signed request to a running server with a stored key, and print the answer
    Call(call::CallArgs),
    /// Where companies are told how their calls ended and their tasks moved, and what came of telling them
    #[command(subcommand)]
    Callback(callback::CallbackCommand),
    /// Write data out
    #[command(subcommand)]
    Export(export::ExportCommand),
    /// Show what was concluded about a call and why, or judge it otherwise by hand
    ///
    /// What a person says counts at once in reports, counts and filters; what the rules of the scene had concluded is
    /// kept.
    Grade(grade::GradeArgs),
    /// Numbers: dial one next, forget one
    #[command(subcommand)]
    Number(number::NumberCommand),
    /// Explain why a number of a task is dialled now, or is not, and what was tried
    Why(why::WhyArgs),
    /// Say when a task will finish, and what other settings would change
    ///
    /// The rest of the task is played in virtual time, by the rules that dial it, with callees who do what they did in
    /// the attempts of the past. Not reckoned with: other tasks of the company, frequency caps, lines that fail.
    Forecast(forecast::ForecastArgs),
    /// Back up an installation, also while a server runs on it; or check a backup
    Backup(backup::BackupArgs),
    /// Make a data folder from a backup
    ///
    /// The folder is there when all of it is: every checksum is compared before, and an older schema is brought up to date.
    Restore(restore::RestoreArgs),
    /// Check the installation and say what to mend
    Doctor(InstallationArgs),
    /// Print the completions of a shell
    Completions(manual::CompletionsArgs),
    /// Write the manual, a page for each command
    Man(manual::ManArgs),
}

#[derive(Debug, Args)]
struct ServeArgs {
    #[command(flatten)]
    installation: InstallationArgs,
    /// The address to serve at, instead of the configured one
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
}

/// Which installation a command is about.
#[derive(Debug, Clone, Args)]
pub(crate) struct InstallationArgs {
    /// The configuration file; config.toml in the folder of --data where it has one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder, instead of the configured one
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl InstallationArgs {
    pub(crate) fn load(&self) -> Result<Config> {
        let of_data = self.data.as_ref().map(|data| data.join(config::FILE)).filter(|file| file.exists());
        let mut config = Config::load(self.config.as_deref().or(of_data.as_deref()))?;
        if let Some(data) = &self.data {
            config.data.clone_from(data);
        }
        Ok(config)
    }
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print the default configuration, which documents every key
    Default,
    /// Check a configuration file
    Check {
        /// The file
        file: PathBuf,
    },
}

/// Does what was asked.
pub(crate) async fn run(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Demo(args) => demo::run(args).await,
        Command::Serve(ServeArgs { installation, listen }) => {
            let mut config = installation.load()?;
            if let Some(listen) = listen {
                config.listen = listen;
            }
            serve::run(&config).await
        }
        Command::Config(ConfigCommand::Default) => print(config::DEFAULT),
        Command::Config(ConfigCommand::Check { file }) => {
            Config::load(Some(&file))?.tls.load()?;
            print(&format!("{}: ok\n", file.display()))
        }
        Command::Company(command) => company::run(command).await,
        Command::Key(command) => key::run(command).await,
        Command::User(command) => user::run(command).await,
        Command::Audit(args) => audit::run(args).await,
        Command::Line(command) => line::run(command).await,
        Command::Announcement(command) => announcement::run(command).await,
        Command::Callee(args) => callee::run(args).await,
        Command::Scene(command) => scene::run(command).await,
        Command::Call(args) => call::run(args).await,
        Command::Callback(command) => callback::run(command).await,
        Command::Export(command) => export::run(command).await,
        Command::Number(command) => number::run(command).await,
        Command::Why(args) => why::run(args).await,
        Command::Grade(args) => grade::run(args).await,
        Command::Forecast(args) => forecast::run(args).await,
        Command::Backup(args) => backup::run(args).await,
        Command::Restore(args) => restore::run(args).await,
        Command::Doctor(args) => doctor::run(&args).await,
        Command::Completions(args) => manual::completions(&args, Cli::command()),
        Command::Man(args) => manual::man(&args, Cli::command()),
    }
}

/// Writes to standard output; a reader that has gone away ends the command without a fuss.
pub(crate) fn print(text: &str) -> Result<()> {
    match std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
