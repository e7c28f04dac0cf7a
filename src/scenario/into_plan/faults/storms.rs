//! Storms: their faults become faults of the plan, at times counted from the storm's start.

use super::draw::Draws;
use super::{Entry, NAME_HELP, Setting};
use crate::plan::Plan;
use crate::scenario::file::Moment;
use crate::scenario::into_plan::{Planner, is_name};
use crate::scenario::storms::Source;
use crate::scenario::units::show_ns;

impl Planner<'_> {
    /// The faults of one storm. Its name and theirs are added to `names`.
    pub(super) fn storm(
        &mut self,
        source: &mut Source,
        plan: &Plan,
        names: &mut Vec<String>,
    ) -> Vec<Entry> {
        let name = self.storm_name(source, names);
        names.push(name.clone());
        let at = format!("{}.at", source.path);
        let range = self.range(&at, source.at.as_ref()).unwrap_or((0, 0));
        let setting = Setting {
            plan,
            storm: Some(&name),
            start_ns: Draws::of(plan.seed, &name, "at").next(range),
        };
        let files = source.file.faults.as_deref().unwrap_or_default();
        names.extend(
            files
                .iter()
                .filter_map(|fault| Some(setting.full_name(fault.name.as_deref()?))),
        );
        // What is wrong inside is said at its place in the storm's file.
        let mut inside = Planner {
            document: &source.document,
            base: self.base.clone(),
            findings: &mut source.findings,
        };
        let help = "what happens in the storm, as in a scenario: `- { name: cut, at: 1s, for: 2s, partition: silence }`";
        if inside
            .required("faults", source.file.faults.as_ref(), help)
            .is_some()
            && files.is_empty()
            && !inside.document.is_damaged("faults")
        {
            inside.problem("faults", "nothing happens in this storm", help);
        }
        inside.required("storm", source.file.storm.as_ref(), NAME_HELP);
        let entries = inside.entries(files, &setting);

        let drawn_ns = range.1 - setting.start_ns.min(range.1);
        let last = entries.iter().map(|entry| &entry.fault);
        let last_ns = last
            .map(|fault| fault.end_ns.unwrap_or(fault.start_ns))
            .max();
        // The latest start that may be drawn has to fit as well.
        let last_ns = last_ns.map_or(range.1, |last_ns| last_ns.saturating_add(drawn_ns));
        if last_ns > plan.run.duration_ns {
            let verb = if matches!(source.at, Some(Moment::Drawn(_))) {
                "may end"
            } else {
                "ends"
            };
            self.problem(
                &at,
                format!(
                    "the storm `{name}` {verb} at {} and the run ends at {}",
                    show_ns(last_ns),
                    show_ns(plan.run.duration_ns)
                ),
                "start it earlier, or make `run.duration` longer",
            );
        }
        entries
    }

    /// The name by which expectations know the storm.
    fn storm_name(&mut self, source: &mut Source, names: &[String]) -> String {
        let key = format!("{}.name", source.path);
        let own = source.file.storm.clone().unwrap_or_default();
        if !own.is_empty() && !is_name(&own, "-_") {
            let span = source.document.span_of("storm");
            let message = format!("`{own}` cannot be a name");
            let finding = crate::scenario::problem::Finding::new(span, message).help(NAME_HELP);
            source.findings.push(finding);
        }
        let name = source.name.clone().unwrap_or(own);
        if source.name.is_some() && !is_name(&name, "-_") {
            self.problem(&key, format!("`{name}` cannot be a name"), NAME_HELP);
        } else if names.contains(&name) {
            let place = if self.document.has(&key) {
                key
            } else {
                format!("{}.use", source.path)
            };
            self.problem(
                &place,
                format!("a second fault or storm is called `{name}`"),
                "expectations know it by its name: give it another with `name`",
            );
        }
        name
    }
}
