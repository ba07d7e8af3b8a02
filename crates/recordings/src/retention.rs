//! Retention: recordings are deleted by their days, some at a time; and those of one call when somebody asks for it.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{PoisonError, RwLock};

use futures::{StreamExt as _, TryStreamExt as _};
use hutong_domain::ids::CompanyId;
use hutong_domain::retention::{first_day_kept, shorter};
use jiff::civil::Date;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tokio::sync::Notify;

use crate::error::Result;
use crate::name::{FileName, Part, RecordingName};

/// Files that are deleted in one round.
const DELETIONS_MAX: usize = 1000;

/// For how many days recordings are kept; 0 for ever.
#[derive(Debug)]
pub(crate) struct Keeping {
    installation: u32,
    /// Of companies that have days of their own.
    companies: RwLock<BTreeMap<CompanyId, u32>>,
    /// Rung when they change.
    pub(crate) changed: Notify,
}

impl Keeping {
    pub(crate) fn new(installation: u32) -> Self {
        Self { installation, companies: RwLock::default(), changed: Notify::new() }
    }

    pub(crate) fn set_companies(&self, companies: BTreeMap<CompanyId, u32>) {
        let mut kept = self.companies.write().unwrap_or_else(PoisonError::into_inner);
        if *kept != companies {
            *kept = companies;
            self.changed.notify_one();
        }
    }

    pub(crate) fn is_kept(&self, company: CompanyId, day: Date, today: Date) -> bool {
        let companies = self.companies.read().unwrap_or_else(PoisonError::into_inner);
        let own = companies.get(&company).copied().unwrap_or(0);
        first_day_kept(today, shorter(self.installation, own)).is_none_or(|first| day >= first)
    }

    /// The first day of which everybody keeps everything; none where nothing is ever deleted.
    fn all_kept_from(&self, today: Date) -> Option<Date> {
        let companies = self.companies.read().unwrap_or_else(PoisonError::into_inner);
        let shortest = companies.values().copied().fold(self.installation, shorter);
        first_day_kept(today, shortest)
    }
}

/// What a round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Round {
    pub(crate) deleted: usize,
    /// Whether another round may find more.
    pub(crate) more: bool,
}

/// Deletes recordings whose days are over. What is not named like a recording is left alone.
pub(crate) async fn round(objects: &dyn ObjectStore, keeping: &Keeping, today: Date) -> Result<Round> {
    let mut deleted = 0;
    let Some(all_kept_from) = keeping.all_kept_from(today) else { return Ok(Round { deleted, more: false }) };
    for (day, path) in days_before(objects, all_kept_from).await? {
        for (company, path) in folders::<i64>(objects, Some(&path)).await? {
            if keeping.is_kept(CompanyId(company), day, today) {
                continue;
            }
            deleted += delete_in(objects, &path, DELETIONS_MAX - deleted).await?;
            if deleted >= DELETIONS_MAX {
                return Ok(Round { deleted, more: true });
            }
        }
    }
    Ok(Round { deleted, more: false })
}

/// Deletes recordings in a folder, at most `max`; how many.
async fn delete_in(objects: &dyn ObjectStore, folder: &Path, max: usize) -> Result<usize> {
    let ours = |path: &Path| path.as_ref().parse::<FileName>().is_ok();
    let outdated: Vec<Path> = objects
        .list(Some(folder))
        .map_ok(|meta| meta.location)
        .try_filter(|path| futures::future::ready(ours(path)))
        .take(max)
        .try_collect()
        .await?;
    let count = outdated.len();
    let mut deletions = objects.delete_stream(futures::stream::iter(outdated).map(Ok).boxed());
    while let Some(result) = deletions.next().await {
        match result {
            // Another process was faster.
            Err(object_store::Error::NotFound { .. }) => {}
            result => drop(result?),
        }
    }
    Ok(count)
}

/// Deletes all files of a recording; one that is not there is no error.
pub(crate) async fn remove(objects: &dyn ObjectStore, recording: RecordingName) -> Result<()> {
    for part in Part::ALL {
        match objects.delete(&Path::from(recording.file(part).to_string())).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The folders of days before `first_kept`, oldest first: those of years and months that are too young are not looked into.
async fn days_before(objects: &dyn ObjectStore, first_kept: Date) -> Result<Vec<(Date, Path)>> {
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
            let dated = of_month.filter_map(|(day, path)| Some((Date::new(year, month, day).ok()?, path)));
            days.extend(dated.filter(|(date, _)| *date < first_kept));
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
    use object_store::PutPayload;
    use object_store::memory::InMemory;
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
            let (keeping, today) = (Keeping::new(10), date(2026, 2, 20));
            assert_eq!(round(&*objects, &keeping, today).await.unwrap(), Round { deleted: 3, more: false });
            assert_eq!(left(&*objects).await, kept);
            assert_eq!(round(&*objects, &keeping, today).await.unwrap(), Round { deleted: 0, more: false });
        }
        assert!(!folder.path().join("2025").exists(), "empty folders are removed");
    }

    #[tokio::test]
    async fn a_company_with_days_of_its_own_keeps_its_recordings_for_a_shorter_time() {
        let objects = InMemory::new();
        let names = ["2026/02/01/7/1-1.wav", "2026/02/01/8/2-1.wav", "2026/02/15/7/3-1.wav", "2026/02/15/8/4-1.wav"];
        put(&objects, &names).await;
        let today = date(2026, 2, 20);
        let keeping = Keeping::new(0);
        assert_eq!(round(&objects, &keeping, today).await.unwrap(), Round { deleted: 0, more: false });
        keeping.set_companies(BTreeMap::from([(CompanyId(7), 10), (CompanyId(9), 3)]));
        assert!(!keeping.is_kept(CompanyId(7), date(2026, 2, 9), today));
        assert!(keeping.is_kept(CompanyId(7), date(2026, 2, 10), today));
        assert!(keeping.is_kept(CompanyId(8), date(2020, 1, 1), today));
        assert_eq!(round(&objects, &keeping, today).await.unwrap(), Round { deleted: 1, more: false });
        assert_eq!(left(&objects).await, ["2026/02/01/8/2-1.wav", "2026/02/15/7/3-1.wav", "2026/02/15/8/4-1.wav"]);
        let keeping = Keeping::new(6);
        keeping.set_companies(BTreeMap::from([(CompanyId(7), 100)]));
        assert_eq!(round(&objects, &keeping, today).await.unwrap(), Round { deleted: 1, more: false });
        assert_eq!(left(&objects).await, ["2026/02/15/7/3-1.wav", "2026/02/15/8/4-1.wav"]);
    }

    #[tokio::test]
    async fn every_file_of_a_recording_is_removed_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let local = object_store::local::LocalFileSystem::new_with_prefix(folder.path()).unwrap();
        let stores: [Arc<dyn ObjectStore>; 2] = [Arc::new(InMemory::new()), Arc::new(local)];
        for objects in stores {
            let ours = ["2026/02/01/7/1-1.wav", "2026/02/01/7/1-1-customer.wav", "2026/02/01/7/1-1-stereo.wav"];
            put(&*objects, &ours).await;
            put(&*objects, &["2026/02/01/7/1-2.wav", "2026/02/01/8/1-1.wav"]).await;
            let name = ours[0].parse::<FileName>().unwrap().recording;
            remove(&*objects, name).await.unwrap();
            assert_eq!(left(&*objects).await, ["2026/02/01/7/1-2.wav", "2026/02/01/8/1-1.wav"]);
            remove(&*objects, name).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_round_deletes_a_bounded_number_and_says_that_there_is_more() {
        let objects = InMemory::new();
        let names: Vec<String> = (0..DELETIONS_MAX + 5).map(|call| format!("2026/01/01/7/{call}-1.wav")).collect();
        put(&objects, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let (keeping, today) = (Keeping::new(10), date(2026, 2, 20));
        assert_eq!(round(&objects, &keeping, today).await.unwrap(), Round { deleted: DELETIONS_MAX, more: true });
        assert_eq!(round(&objects, &keeping, today).await.unwrap(), Round { deleted: 5, more: false });
        assert!(left(&objects).await.is_empty());
    }
}
