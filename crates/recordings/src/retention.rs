//! Retention: recordings are deleted by their days, some at a time.

use std::str::FromStr;

use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Span;
use jiff::civil::Date;
use object_store::ObjectStore;
use object_store::path::Path;

use crate::error::Result;
use crate::name::FileName;

/// Files that are deleted in one round.
const DELETIONS_MAX: usize = 1000;

/// What a round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Round {
    pub(crate) deleted: usize,
    /// Whether another round may find more.
    pub(crate) more: bool,
}

/// The first day whose recordings are kept; none when all are.
pub(crate) fn first_day_kept(today: Date, keep_days: u32) -> Option<Date> {
    let first = || today.checked_sub(Span::new().try_days(keep_days).ok()?).ok();
    (keep_days > 0).then(|| first().unwrap_or(Date::MIN))
}

/// Deletes recordings of days before `first_kept`. What is not named like a recording is left alone.
pub(crate) async fn round(objects: &dyn ObjectStore, first_kept: Date) -> Result<Round> {
    let mut deleted = 0;
    for day in days_before(objects, first_kept).await? {
        let ours = |path: &Path| path.as_ref().parse::<FileName>().is_ok();
        let outdated: Vec<Path> = objects
            .list(Some(&day))
            .map_ok(|meta| meta.location)
            .try_filter(|path| futures::future::ready(ours(path)))
            .take(DELETIONS_MAX - deleted)
            .try_collect()
            .await?;
        deleted += outdated.len();
        let mut deletions = objects.delete_stream(futures::stream::iter(outdated).map(Ok).boxed());
        while let Some(result) = deletions.next().await {
            match result {
                // Another process was faster.
                Err(object_store::Error::NotFound { .. }) => {}
                result => drop(result?),
            }
        }
        if deleted >= DELETIONS_MAX {
            return Ok(Round { deleted, more: true });
        }
    }
    Ok(Round { deleted, more: false })
}

/// The folders of days before `first_kept`, oldest first: those of years and months that are too young are not looked into.
async fn days_before(objects: &dyn ObjectStore, first_kept: Date) -> Result<Vec<Path>> {
    let mut days = Vec::new();
    for (year, year_path) in folders::<i16>(objects, None).await? {
        if year > first_kept.year() {
            continue;
        }
        for (month, month_path) in folders::<i8>(objects, Some(&year_path)).await? {
            if (year, month) > (first_kept.year(), first_kept.month()) {
                continue;
            }
            let of_month = folders::<i8>(objects, Some(&month_path)).await?.into_iter();
            let outdated = |day: i8| Date::new(year, month, day).is_ok_and(|date| date < first_kept);
            days.extend(of_month.filter(|(day, _)| outdated(*day)).map(|(_, path)| path));
        }
    }
    Ok(days)
}

/// Folders whose names are numbers.
async fn folders<N: FromStr + Ord>(objects: &dyn ObjectStore, parent: Option<&Path>) -> Result<Vec<(N, Path)>> {
    let found = objects.list_with_delimiter(parent).await?.common_prefixes;
    let numbered = |path: Path| Some((path.filename()?.parse().ok()?, path));
    let mut folders: Vec<(N, Path)> = found.into_iter().filter_map(numbered).collect();
    folders.sort();
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use object_store::memory::InMemory;
    use object_store::{ObjectStoreExt as _, PutPayload};
    use std::sync::Arc;

    async fn put(objects: &dyn ObjectStore, names: &[&str]) {
        for name in names {
            objects.put(&Path::from(*name), PutPayload::from_static(b"x")).await.unwrap();
        }
    }

    async fn left(objects: &dyn ObjectStore) -> Vec<String> {
        let mut names: Vec<String> =
            objects.list(None).map_ok(|meta| meta.location.to_string()).try_collect().await.unwrap();
        names.sort();
        names
    }

    #[test]
    fn so_many_whole_days_are_kept() {
        assert_eq!(first_day_kept(date(2026, 3, 1), 0), None);
        assert_eq!(first_day_kept(date(2026, 3, 1), 1), Some(date(2026, 2, 28)));
        assert_eq!(first_day_kept(date(2026, 3, 1), 90), Some(date(2025, 12, 1)));
        assert_eq!(first_day_kept(date(2026, 3, 1), u32::MAX), Some(Date::MIN));
    }

    #[tokio::test]
    async fn days_before_the_first_that_is_kept_are_deleted_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let local = object_store::local::LocalFileSystem::new_with_prefix(folder.path()).unwrap();
        let stores: [Arc<dyn ObjectStore>; 2] =
            [Arc::new(InMemory::new()), Arc::new(local.with_automatic_cleanup(true))];
        for objects in stores {
            let old = ["2025/12/31/7/1-1.wav", "2026/01/31/7/1-1-customer.wav", "2026/02/09/7/1-1-stereo.wav"];
            let kept = [
                "2026/02/09/7/notes.txt",
                "2026/02/10/7/1-1.wav",
                "2026/02/11/7/1-1.wav",
                "2026/03/01/7/1-1.wav",
                "2027/01/01/7/1-1.wav",
                "elsewhere/7/1-1.wav",
            ];
            put(&*objects, &old).await;
            put(&*objects, &kept).await;
            let first_kept = date(2026, 2, 10);
            assert_eq!(round(&*objects, first_kept).await.unwrap(), Round { deleted: 3, more: false });
            assert_eq!(left(&*objects).await, kept);
            assert_eq!(round(&*objects, first_kept).await.unwrap(), Round { deleted: 0, more: false });
        }
        assert!(!folder.path().join("2025").exists(), "empty folders are removed");
    }

    #[tokio::test]
    async fn a_round_deletes_a_bounded_number_and_says_that_there_is_more() {
        let objects = InMemory::new();
        let names: Vec<String> = (0..DELETIONS_MAX + 5).map(|call| format!("2026/01/01/7/{call}-1.wav")).collect();
        put(&objects, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let first_kept = date(2026, 2, 10);
        assert_eq!(round(&objects, first_kept).await.unwrap(), Round { deleted: DELETIONS_MAX, more: true });
        assert_eq!(round(&objects, first_kept).await.unwrap(), Round { deleted: 5, more: false });
        assert!(left(&objects).await.is_empty());
    }
}
