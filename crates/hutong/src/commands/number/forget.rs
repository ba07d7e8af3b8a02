//! `hutong number forget`: a person's right to have their data deleted.

use clap::Args;
use hutong_domain::phone::PhoneNumber;
use hutong_recordings::{FileName, remove_from};
use hutong_store::forget::{Blacklisted, Forgotten, Outcome, Wanted};

use crate::cli::{InstallationArgs, print};
use crate::commands::{by, company};
use crate::error::{Error, Result};
use crate::installation;

#[derive(Debug, Args)]
pub(crate) struct ForgetArgs {
    /// The number, in any of its spellings: 13800138000 and +8613800138000 are one
    #[arg(value_name = "PHONE")]
    number: String,
    /// Of this company alone; of all where it is not given
    #[arg(long, value_name = "ID")]
    company: Option<i64>,
    /// Also take the number off the blacklists. It stays there otherwise, without name and remark: whoever asked not to be
    /// called could be called again
    #[arg(long)]
    drop_blacklisted: bool,
    #[command(flatten)]
    installation: InstallationArgs,
}

pub(super) async fn run(args: ForgetArgs) -> Result<()> {
    let ForgetArgs { number, company, drop_blacklisted, installation } = args;
    let phone = PhoneNumber::parse(&number)
        .ok_or_else(|| Error::Usage("PHONE must be a number of 3 to 20 digits".to_owned()))?;
    let config = installation.load()?;
    let store = installation::open(&config)?.store;
    let company = match company {
        Some(id) => Some(company::require(&store, id).await?.id),
        None => None,
    };
    let blacklisted = if drop_blacklisted { Blacklisted::Remove } else { Blacklisted::KeepNumber };
    let forgotten = match Wanted::new(&phone, company, blacklisted).forget(&store, &by()).await? {
        Outcome::Done(forgotten) => forgotten,
        Outcome::InProgress { company, call } => {
            let call = call.map_or_else(|| "a call".to_owned(), |call| format!("call {call}"));
            return Err(Error::Failed(format!(
                "{call} of company {company} to this number is in progress: wait for its end and try again"
            )));
        }
    };
    let names: Vec<_> = forgotten.recordings.iter().filter_map(|name| name.parse().ok()).collect();
    let names: Vec<_> = names.into_iter().map(|FileName { recording, .. }| recording).collect();
    let removed =
        if names.is_empty() { Ok(()) } else { remove_from(config.recording_options()?.destination, &names).await };
    print(&report(&phone, &forgotten, blacklisted))?;
    removed.map_err(|error| {
        Error::Failed(format!("not every recording could be deleted yet; a running server tries again: {error}"))
    })
}

fn report(phone: &PhoneNumber, forgotten: &Forgotten, of_blacklist: Blacklisted) -> String {
    let Forgotten { customers, calls, waiting, transcripts, recordings, blacklisted, dialled_days, callbacks, texts } =
        forgotten;
    let kept = match of_blacklist {
        Blacklisted::KeepNumber => "entries of blacklists emptied but for the number, so that it is not called again",
        Blacklisted::Remove => "entries of blacklists removed",
    };
    let recordings = i64::try_from(recordings.len()).unwrap_or(i64::MAX);
    let lines = [
        (*customers, "customers emptied"),
        (*calls, "calls without their number"),
        (*waiting, "of these waited to be dialled, and have finished as 黑名单"),
        (*transcripts, "transcripts emptied"),
        (recordings, "recordings deleted"),
        (*blacklisted, kept),
        (*dialled_days, "counts of attempts deleted"),
        (*callbacks, "callbacks deleted"),
        (*texts, "texts that robots had not understood deleted"),
    ];
    let lines: String =
        lines.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("  {count}\t{what}\n")).collect();
    if lines.is_empty() {
        return format!("{}: nothing is kept of it\n", phone.masked());
    }
    format!("{}\n{lines}Backups that were made before still have it.\n", phone.masked())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_went_and_nothing_else() {
        let phone = PhoneNumber::parse("13800138000").unwrap();
        let nothing = report(&phone, &Forgotten::default(), Blacklisted::KeepNumber);
        assert_eq!(nothing, "138****8000: nothing is kept of it\n");
        let some = Forgotten { calls: 2, blacklisted: 1, ..Forgotten::default() };
        let said = report(&phone, &some, Blacklisted::Remove);
        assert!(said.contains("  2\tcalls") && said.contains("  1\tentries of blacklists removed"), "{said}");
        assert!(!said.contains("callbacks") && !said.contains("13800138000"), "{said}");
    }
}
