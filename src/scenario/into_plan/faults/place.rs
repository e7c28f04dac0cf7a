//! Where a fault strikes: which role, and which link.

use super::super::super::file::FaultFile;
use super::super::super::problem::{Finding, did_you_mean};
use super::super::Planner;
use crate::plan::{LinkPlan, Plan, RoleName};

impl Planner<'_> {
    /// The role that is called `name`: `client`, `sink`, a target or a link.
    pub(super) fn role(&mut self, path: &str, name: &str, plan: &Plan) -> Option<RoleName> {
        let own_name = |role: &RoleName| plan.name_of(*role) == name;
        // The only target is `target`, and the client's link `link`, whatever they are called.
        let by_kind = RoleName::from_name(name).filter(|role| match role {
            RoleName::Target(0) => plan.targets.len() == 1,
            RoleName::Link(0) => true,
            RoleName::Link(_) | RoleName::Target(_) => false,
            RoleName::Client | RoleName::Sink => true,
        });
        let role = plan.roles().find(own_name).or(by_kind);
        if role.is_none() {
            let known: Vec<&str> = plan.roles().map(|role| plan.name_of(role)).collect();
            let message = format!("nothing in this run is called `{name}`");
            self.problem(path, message, did_you_mean(name, &known));
        }
        role
    }

    /// The link that a fault of links strikes: the client's first where it does not say.
    pub(super) fn struck_link<'a>(
        &mut self,
        path: &str,
        file: &FaultFile,
        plan: &'a Plan,
    ) -> Option<(u8, &'a LinkPlan)> {
        let first = plan.first_link().map(|link| (0, link));
        let Some(name) = &file.link else {
            return first;
        };
        let found = (0_u8..)
            .zip(&plan.links)
            .find(|(_, link)| link.name == *name);
        if found.is_none() {
            let key = format!("{path}.link");
            let known: Vec<&str> = plan.links.iter().map(|link| link.name.as_str()).collect();
            let finding = Finding::new(
                self.document.span_of(&key),
                format!("there is no link `{name}`"),
            )
            .help(did_you_mean(name, &known));
            self.findings.push(finding);
        }
        found.or(first)
    }
}
