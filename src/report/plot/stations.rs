//! What the stations of the line did over time: processes by their names, and links.

use super::timeline::{Points, line, plot, point, rate};
use super::{Plot, PlotUnit};
use crate::evidence::{LinkSample, ProcessSample};
use crate::plan::{Plan, RoleName};
use crate::record::Record;

/// Colours of the style sheet, for one target after the other.
pub const TARGETS: [&str; 4] = ["target", "target2", "target3", "target4"];
/// The same for links, where there are several.
const LINKS: [&str; 4] = ["link", "client", "sink", "lateness"];

/// A plot with a line for each process.
pub fn roles(
    record: &Record,
    title: &str,
    unit: PlotUnit,
    points: fn(&[ProcessSample]) -> Points,
) -> Plot {
    let lines = record.series.roles.iter().map(|role| {
        let (label, colour, dashed) = shown(&record.plan, &role.role);
        line(&label, colour, dashed, points(&role.samples))
    });
    plot(title.to_owned(), unit, lines.collect())
}

/// Name, colour, and whether it is dashed: links after the first are.
fn shown(plan: &Plan, role: &str) -> (String, &'static str, bool) {
    let Some(known) = RoleName::from_name(role) else {
        return (role.to_owned(), "controller", false);
    };
    let (colour, dashed) = match known {
        RoleName::Client => ("client", false),
        RoleName::Link(number) => ("link", number > 0),
        RoleName::Target(number) => (TARGETS[usize::from(number) % TARGETS.len()], false),
        RoleName::Sink => ("sink", false),
    };
    (plan.name_of(known).to_owned(), colour, dashed)
}

/// What passed the links, and what they held: a line for each where there are several.
pub fn links(record: &Record) -> Vec<Plot> {
    let live = &record.series.live;
    let up = |samples: &[LinkSample]| rate(samples.iter().map(|s| (s.at_ns, s.up_bytes)));
    let down = |samples: &[LinkSample]| rate(samples.iter().map(|s| (s.at_ns, s.down_bytes)));
    let held = |samples: &[LinkSample]| -> Points {
        let held = |s: &LinkSample| point(s.at_ns, s.held_bytes as f64);
        samples.iter().map(held).collect()
    };
    let per_second = PlotUnit::BytesPerSecond;
    if live.other_links.is_empty() {
        let both = vec![
            line("up", "link", false, up(&live.link)),
            line("down", "sink", false, down(&live.link)),
        ];
        let held = line("held", "link", false, held(&live.link));
        return vec![
            plot("Link, bytes per second".to_owned(), per_second, both),
            plot(
                "Bytes held in the link".to_owned(),
                PlotUnit::Bytes,
                vec![held],
            ),
        ];
    }
    let each = |title: &str, unit, of: &dyn Fn(&[LinkSample]) -> Points| {
        let links = record
            .plan
            .roles()
            .filter(|role| matches!(role, RoleName::Link(_)));
        let lines = links.zip(LINKS.iter().cycle()).map(|(role, colour)| {
            let points = of(live.link_of(role.as_str()));
            line(record.plan.name_of(role), colour, false, points)
        });
        plot(title.to_owned(), unit, lines.collect())
    };
    vec![
        each("Links, bytes per second up", per_second, &up),
        each("Links, bytes per second down", per_second, &down),
        each("Bytes held in the links", PlotUnit::Bytes, &held),
    ]
}
