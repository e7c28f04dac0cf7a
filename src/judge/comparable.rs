//! Whether results can be compared: the same load, the same plan, the same versions, the same
//! class of machine.

use std::collections::BTreeMap;

use crate::record::{Baseline, Difference, RunSummary};

/// The fact of the environment that says how squall was built, which changes what it costs.
const BUILD: &str = "build";
/// Fields of the fingerprint that say where a run was made, and not what was run.
const OF_THE_MACHINE: [&str; 3] = ["architecture", "os", "cores"];
/// Facts of the environment that make the class of a machine. Its kernel is not one: it is patched
/// every other week, and what differs in it is shown beside the comparison.
const CLASS: [&str; 5] = ["arch", "os", "cpu_model", "cores", "memory_gib"];

/// Where a result was measured and what it is a result of.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    pub fingerprint: &'a BTreeMap<String, String>,
    pub environment: &'a BTreeMap<String, String>,
}

impl<'a> Identity<'a> {
    pub fn of(run: &'a RunSummary) -> Self {
        Self {
            fingerprint: &run.fingerprint,
            environment: &run.environment,
        }
    }

    pub fn of_baseline(baseline: &'a Baseline) -> Self {
        Self {
            fingerprint: &baseline.fingerprint,
            environment: &baseline.machine,
        }
    }
}

/// What of two results can be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparable {
    /// Everything.
    All,
    /// They were measured on machines of different classes, so only what no machine changes.
    OnlyDeterministic(Vec<Difference>),
    /// Nothing: they are results of different things.
    Nothing(Vec<Difference>),
}

/// What of the results can be compared.
pub fn comparable(baseline: Identity<'_>, candidate: Identity<'_>) -> Comparable {
    let mut what = differences(baseline.fingerprint, candidate.fingerprint, |field| {
        !OF_THE_MACHINE.contains(&field)
    });
    what.extend(differences(
        baseline.environment,
        candidate.environment,
        |field| field == BUILD,
    ));
    if !what.is_empty() {
        return Comparable::Nothing(what);
    }
    let machine = differences(
        &class(baseline.environment),
        &class(candidate.environment),
        |_| true,
    );
    if machine.is_empty() {
        Comparable::All
    } else {
        Comparable::OnlyDeterministic(machine)
    }
}

/// What a baseline keeps of the environment: the class of the machine, and the build that ran on it.
pub fn machine(environment: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut machine = class(environment);
    let build = environment.get(BUILD).cloned();
    machine.extend(build.map(|build| (BUILD.to_owned(), build)));
    machine
}

/// The class of a machine, out of the environment. Its memory is in whole gibibytes: what the
/// firmware keeps for itself differs from boot to boot.
pub fn class(environment: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut class = environment.clone();
    let memory_bytes = class
        .get("memory_bytes")
        .and_then(|b| b.parse::<f64>().ok());
    if let Some(bytes) = memory_bytes {
        let gib = (bytes / f64::from(1 << 30)).round();
        class.insert("memory_gib".to_owned(), gib.to_string());
    }
    class.retain(|field, _| CLASS.contains(&field.as_str()));
    class
}

/// The fields that are wanted and differ, by name.
pub fn differences(
    baseline: &BTreeMap<String, String>,
    candidate: &BTreeMap<String, String>,
    wanted: impl Fn(&str) -> bool,
) -> Vec<Difference> {
    let mut fields: Vec<&String> = baseline.keys().chain(candidate.keys()).collect();
    fields.sort();
    fields.dedup();
    let value = |side: &BTreeMap<String, String>, field| side.get(field).cloned();
    fields
        .into_iter()
        .filter(|field| wanted(field) && baseline.get(*field) != candidate.get(*field))
        .map(|field| Difference {
            field: field.clone(),
            baseline: value(baseline, field).unwrap_or_default(),
            candidate: value(candidate, field).unwrap_or_default(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        let entries = entries.iter();
        entries
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    fn fields(differences: &[Difference]) -> Vec<&str> {
        differences.iter().map(|d| d.field.as_str()).collect()
    }

    #[test]
    fn another_machine_leaves_what_no_machine_changes_and_another_plan_nothing() {
        let fingerprint = map(&[("plan", "a"), ("seed", "1"), ("cores", "2")]);
        let environment = map(&[("cpu_model", "x"), ("cores", "2"), ("build", "release")]);
        let here = Identity {
            fingerprint: &fingerprint,
            environment: &environment,
        };
        assert_eq!(comparable(here, here), Comparable::All);

        let more_cores = map(&[("plan", "a"), ("seed", "1"), ("cores", "4")]);
        let bigger = map(&[("cpu_model", "y"), ("cores", "4"), ("build", "release")]);
        let elsewhere = Identity {
            fingerprint: &more_cores,
            environment: &bigger,
        };
        match comparable(here, elsewhere) {
            Comparable::OnlyDeterministic(found) => {
                assert_eq!(fields(&found), ["cores", "cpu_model"]);
            }
            other => panic!("{other:?}"),
        }

        let other_plan = map(&[("plan", "b"), ("seed", "1"), ("cores", "4")]);
        let changed = Identity {
            fingerprint: &other_plan,
            environment: &map(&[("build", "debug")]),
        };
        match comparable(here, changed) {
            Comparable::Nothing(found) => {
                assert_eq!(fields(&found), ["plan", "build"]);
                assert_eq!(
                    (found[0].baseline.as_str(), found[0].candidate.as_str()),
                    ("a", "b")
                );
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn memory_counts_in_whole_gibibytes_and_the_kernel_not_at_all() {
        let boot = |bytes, kernel| class(&map(&[("memory_bytes", bytes), ("kernel", kernel)]));
        assert_eq!(boot("17179869184", "6.1.0"), boot("17179800000", "6.1.2"));
        assert_ne!(boot("17179869184", "6.1.0"), boot("8589934592", "6.1.0"));
    }
}
