//! Whether recordings can be written, and brought to where they are kept.

use std::time::Duration;

use hutong_recordings::{Destination, Options, S3, SpoolState, look_at_spool, try_destination};

use super::Finding;

/// For how long the place where recordings are kept may take to write, read and delete a small object.
const PATIENCE: Duration = Duration::from_secs(20);
/// What the file system of the spool should have at least: four hours of talk.
const FREE_BYTES_MIN: u64 = 1 << 30;
/// What a minute of talk takes, with all its copies.
const BYTES_OF_A_MINUTE: u64 = 4_000_000;
/// Files that wait though a server runs: more than it has in hand at any moment.
const WAITING_MAX: u64 = 1_000;

/// Looks at the spool, and tries the place where recordings are kept.
pub(super) async fn look(options: Options, is_served: bool) -> Vec<Finding> {
    let kept = place(&options.destination);
    let tried = tokio::time::timeout(PATIENCE, try_destination(options.destination)).await;
    let failed = |problem: String| Finding::Mend {
        problem: format!("recordings cannot be kept in {kept}: {problem}"),
        mend: "check recordings.url, its keys and rights; until then recordings wait in the spool".to_owned(),
    };
    let destination = match tried {
        Ok(Ok(())) => Finding::Fine(format!("recordings are kept in {kept}, which can be written, read and deleted")),
        // What a bucket says goes on for lines of XML.
        Ok(Err(error)) => failed(error.to_string().lines().next().unwrap_or_default().to_owned()),
        Err(_elapsed) => failed(format!("no answer within {} s", PATIENCE.as_secs())),
    };
    vec![spool(&options.spool, is_served), destination]
}

fn spool(folder: &std::path::Path, is_served: bool) -> Finding {
    let name = format!("spool folder {}", folder.display());
    let SpoolState { free_bytes, live, waiting } = match look_at_spool(folder) {
        Ok(state) => state,
        Err(error) => {
            return Finding::Mend {
                problem: format!("{name} cannot be written: {error}"),
                mend: "calls go on, but are not recorded: give its rights to hutong, or set recordings.spool"
                    .to_owned(),
            };
        }
    };
    let room = format!("room for {} h of talk", free_bytes / BYTES_OF_A_MINUTE / 60);
    if free_bytes < FREE_BYTES_MIN {
        return Finding::Mend {
            problem: format!("{name}: {room} only"),
            mend: "make room on its file system, or set recordings.spool".to_owned(),
        };
    }
    if is_served && waiting > WAITING_MAX {
        return Finding::Mend {
            problem: format!("{name}: {waiting} files wait for being moved"),
            mend: "the place where recordings are kept is too slow, or refuses: see the server's log".to_owned(),
        };
    }
    let left = match (is_served, live + waiting) {
        (true, _) => format!("{live} calls are recorded, {waiting} files wait for being moved"),
        (false, 0) => "nothing waits in it".to_owned(),
        (false, _) => format!("{live} recordings that were cut off and {waiting} files wait for the next server"),
    };
    Finding::Fine(format!("{name}: {room}, {left}"))
}

/// The place, as it is configured.
fn place(destination: &Destination) -> String {
    match destination {
        Destination::Folder(folder) => format!("folder {}", folder.display()),
        Destination::S3(S3 { bucket, prefix, endpoint, .. }) => {
            let at = if endpoint.is_empty() { String::new() } else { format!(" at {endpoint}") };
            format!("s3://{bucket}/{prefix}{at}")
        }
        Destination::Objects(objects) => objects.to_string(),
    }
}
