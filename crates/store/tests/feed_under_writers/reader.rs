//! A client of the feed, that continues by the greatest index that it has seen.

use hutong_domain::call::FinishStatus;
use hutong_domain::ids::{CallId, CompanyId, TaskId};
use hutong_store::feed::{FeedFilter, FeedRow, ResultPair};
use hutong_store::{Page, PageRequest, Store, values};

use crate::writers::LEVEL;

/// What a client asks for, and what it has got so far.
pub(crate) struct Reader {
    company: CompanyId,
    task: TaskId,
    filter: FeedFilter,
    page_size: i64,
    seen: Vec<(i64, CallId)>,
}

/// Four clients with different filters and page sizes.
pub(crate) fn readers(company: CompanyId, task: TaskId) -> Vec<Reader> {
    let all = FeedFilter { after: -1, ..FeedFilter::default() };
    let answered = FeedFilter { finish_status: Some(FinishStatus::Answered), ..all.clone() };
    let interested = vec![(LEVEL.to_owned(), vec!["A".to_owned(), "C".to_owned()])];
    let interested =
        FeedFilter { results: interested, duration_s: Some((5, 60)), chat_rounds: Some((2, 9)), ..all.clone() };
    [(all.clone(), 50), (all, 500), (answered, 100), (interested, 37)]
        .into_iter()
        .map(|(filter, page_size)| Reader { company, task, filter, page_size, seen: Vec::new() })
        .collect()
}

impl Reader {
    /// How many calls it has got.
    pub(crate) fn count(&self) -> usize {
        self.seen.len()
    }

    /// Asks for page after page until one is not full.
    pub(crate) async fn read_on(&mut self, store: &Store) {
        loop {
            let page = PageRequest { number: 1, size: self.page_size };
            let answer = store.feed(self.company, self.task, self.filter.clone(), page).await;
            let Page { total, rows } = answer.unwrap().unwrap().1;
            let count = i64::try_from(rows.len()).unwrap();
            assert_eq!(count, total.min(self.page_size), "a page has what its total says");
            for row in rows {
                self.get(&row);
            }
            if count < self.page_size {
                return;
            }
        }
    }

    fn get(&mut self, row: &FeedRow<'_>) {
        assert!(row.call_index > self.filter.after, "{} came after {}", row.call_index, self.filter.after);
        self.filter.after = row.call_index;
        self.seen.push((row.call_index, row.id));
    }

    /// Asserts that it has got every call that fits, and nothing else, by looking at all calls one by one.
    pub(crate) async fn assert_complete(&self, store: &Store) {
        let (company, task) = (self.company, self.task);
        let calls = store.read(move |db| {
            db.query(
                "SELECT call_index, id, finish_status, duration_s, chat_rounds, result_pairs FROM call
                 WHERE company_id = ?1 AND task_id = ?2 AND status = 2 ORDER BY call_index",
                values![company, task],
                |row| {
                    let results: Vec<ResultPair> = row.json(5, "call.result_pairs")?;
                    Ok(((row.int(0)?, CallId(row.int(1)?)), row.int(2)?, row.int(3)?, row.int(4)?, results))
                },
            )
        });
        let fitting: Vec<_> = calls
            .await
            .unwrap()
            .into_iter()
            .filter(|(_, status, duration_s, rounds, results)| self.fits(*status, *duration_s, *rounds, results))
            .map(|(place, ..)| place)
            .collect();
        assert!(!fitting.is_empty());
        assert!(self.seen == fitting, "a reader got {} calls of {}", self.seen.len(), fitting.len());
    }

    fn fits(&self, status: i64, duration_s: i64, chat_rounds: i64, results: &[ResultPair]) -> bool {
        let FeedFilter { after: _, duration_s: seconds, chat_rounds: rounds, finish_status, results: wanted } =
            &self.filter;
        let within = |range: &Option<(i64, i64)>, n| range.is_none_or(|(left, right)| left <= n && n <= right);
        within(seconds, duration_s)
            && within(rounds, chat_rounds)
            && finish_status.is_none_or(|wanted| wanted.number() == status)
            && wanted
                .iter()
                .all(|(name, values)| results.iter().any(|it| it.name == *name && values.contains(&it.value)))
    }
}
