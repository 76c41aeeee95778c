//! People as a file: `user export`, which the audit log keeps.
//!
//! What was handed out is counted, and recorded however the call ends: also if the reader goes, or
//! stops reading, before the last row. The last reply leaves when the record is durable.

use serde_json::{Map, Value};

use crate::control::query::{Page, UserFilter};
use crate::control::reply::{ExportPage, Reply};
use crate::domain::event::{Event, RequestRef};
use crate::domain::refusal::{Code, Refusal};
use crate::server::control::{Ended, Sink};

use super::desk::Desk;
use super::view::View;
use super::{filter, mask, pages};

impl Desk<'_> {
    pub(super) fn user_export(
        &self,
        wanted: &UserFilter,
        mut stated: Map<String, Value>,
        page: &Page,
        sink: &mut dyn Sink,
    ) -> Result<Reply, Refusal> {
        if let Some(Value::String(text)) = stated.get_mut("text") {
            *text = masked(text);
        }
        let coarse = filter::coarse(wanted);
        let mut sink = Counted { sink, rows: 0 };
        let answer = pages::answer(
            page,
            &mut sink,
            |cursor, sink| {
                pages::people(self, &coarse, cursor, page.limit, sink, |record| {
                    let view = View::of(self, record);
                    let fits = filter::fits(wanted, &view);
                    fits.then(|| self.row(&view)).into_iter().collect()
                })
            },
            |rows, cursor| {
                Reply::ExportPage(ExportPage {
                    rows,
                    cursor,
                    audit: None,
                })
            },
        );
        let last = answer.as_ref().map_or(0, rows_of);
        let event = Event::new("user.exported")
            .detail("filter", stated)
            .detail("rows", sink.rows + last)
            .detail("whole", answer.is_ok());
        let audit = self.engine.note(self.origin(RequestRef::None), event);
        match (answer?, audit) {
            (Reply::ExportPage(page), Some(_)) => {
                Ok(Reply::ExportPage(ExportPage { audit, ..page }))
            }
            _ => Err(Refusal::new(
                Code::Store,
                "the export could not be recorded; its last rows are kept back",
            )),
        }
    }
}

/// Counts the rows that were taken.
struct Counted<'a> {
    sink: &'a mut dyn Sink,
    rows: u64,
}

impl Sink for Counted<'_> {
    fn push(&mut self, page: Reply) -> Result<(), Ended> {
        let rows = rows_of(&page);
        self.sink.push(page)?;
        self.rows += rows;
        Ok(())
    }

    fn ended(&mut self) -> bool {
        self.sink.ended()
    }
}

fn rows_of(page: &Reply) -> u64 {
    match page {
        Reply::ExportPage(page) => page.rows.len() as u64,
        _ => 0,
    }
}

/// A text that was searched for, as the audit log may keep it: it may be somebody's address.
fn masked(text: &str) -> String {
    if text.contains('@') {
        mask::email(text)
    } else if text.chars().filter(char::is_ascii_digit).count() >= mask::PHONE_DIGITS_MIN {
        mask::phone(text)
    } else {
        text.to_owned()
    }
}
