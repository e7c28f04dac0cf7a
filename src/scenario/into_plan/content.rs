//! Whether and how content is checked.

use std::collections::BTreeSet;

use super::super::file::ValidateFile;
use super::Planner;
use crate::evidence::ContentPart;
use crate::plan::ContentPlan;

const EXAMPLE: &str = "`validate: content` checks everything; `ignore: [resource]` leaves that out";

impl Planner<'_> {
    pub(super) fn content(&mut self, file: Option<&ValidateFile>) -> Option<ContentPlan> {
        let content = &file?.content;
        let content = self.required("validate.content", content.as_ref(), EXAMPLE)?;
        let path = "validate.content.ignore";
        let ignore = self.required(path, content.ignore.as_ref(), EXAMPLE);
        let mut ignored = BTreeSet::new();
        let places = self.document.elements(path);
        for (place, ignore) in places.iter().zip(ignore.into_iter().flatten()) {
            if !ignored.insert(*ignore) {
                self.problem(place, "this is in the list already", "name each once");
            }
        }
        let plan = ContentPlan { ignore: ignored };
        let parts = ContentPart::ALL.into_iter();
        if parts.clone().all(|part| plan.ignores(part)) {
            self.problem(
                path,
                "every part of an item is ignored, so nothing would be compared",
                "leave a part in, or leave `validate` out",
            );
        }
        Some(plan)
    }
}
