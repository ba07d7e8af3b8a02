//! A page of a list.

use hutong_store::{Page, PageRequest};
use serde::Serialize;
use utoipa::ToSchema;

use crate::compat::paging::{RowsFrom, row_range};
use crate::json::List;

/// One page of a list · 分页结果
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageOf<T> {
    /// 第几页 · number of the page, from 1
    #[schema(example = 2)]
    page_num: i64,
    /// 每页条数，超过上限时为上限 · most items on a page; the operation's maximum where more was asked for
    #[schema(example = 2)]
    page_size: i64,
    /// 本页条数 · items on this page
    #[schema(example = 2)]
    size: i64,
    /// 始终为 null · always null
    #[schema(value_type = Option<String>)]
    order_by: Option<()>,
    /// 本页第一条的序号 · number of the first item; 0 on an empty page
    #[schema(example = 3)]
    start_row: i64,
    /// 本页最后一条的序号 · number of the last item; 0 on an empty page
    #[schema(example = 4)]
    end_row: i64,
    /// 数据总条数 · items on all pages
    #[schema(example = 46)]
    total: i64,
    /// 页面总数 · number of pages
    #[schema(example = 23)]
    pages: i64,
    /// 数据列表 · the items
    #[schema(value_type = Vec<T>)]
    list: Items<T>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Items<T> {
    Here(Vec<T>),
    Written(List),
}

impl<T> PageOf<T> {
    /// A page of the store, each row converted.
    pub(crate) fn new<R>(page: Page<R>, request: PageRequest, from: RowsFrom, convert: impl FnMut(R) -> T) -> Self {
        let Page { total, rows } = page;
        let items: Vec<T> = rows.into_iter().map(convert).collect();
        let size = i64::try_from(items.len()).unwrap_or(i64::MAX);
        Self::of(total, size, Items::Here(items), request, from)
    }

    /// A page whose items were written while they were read.
    pub(crate) fn written(total: i64, items: List, request: PageRequest, from: RowsFrom) -> Self {
        Self::of(total, items.length(), Items::Written(items), request, from)
    }

    fn of(total: i64, size: i64, list: Items<T>, request: PageRequest, from: RowsFrom) -> Self {
        let (start_row, end_row) = row_range(request, size, from);
        Self {
            page_num: request.number,
            page_size: request.size,
            size,
            order_by: None,
            start_row,
            end_row,
            total,
            pages: total.saturating_add(request.size - 1) / request.size,
            list,
        }
    }
}
