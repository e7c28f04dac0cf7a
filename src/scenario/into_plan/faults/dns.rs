//! Faults of names, and whether the client uses any.

use super::Kinds;
use crate::plan::{FaultKind, LinkBackend, Plan, Resolve, TlsPlan};
use crate::scenario::file::{FaultFile, ScenarioFile};
use crate::scenario::into_plan::Planner;
use crate::scenario::storms::Source;

/// Their key.
pub(super) const KINDS: [&str; 1] = ["dns"];

const ONLY_PROXY: &str = "the name server listens beside the proxy: `link: { via: proxy }`";

impl Planner<'_> {
    pub(super) fn dns_kinds(&mut self, file: &FaultFile, kinds: &mut Kinds) {
        if let Some(fault) = file.dns {
            kinds.push(("dns", Some(FaultKind::Dns(fault))));
        }
    }

    /// A fault of names needs a client that looks one up; `client.resolve` says so, or follows.
    pub(in super::super) fn names(
        &mut self,
        file: &ScenarioFile,
        storms: &[Source],
        plan: &mut Plan,
    ) {
        let paths = self.document.elements("faults");
        let mut own = paths.iter().zip(file.faults.iter().flatten());
        let own = own.find(|(_, fault)| fault.dns.is_some());
        let of_names = |storm: &&Source| {
            let mut faults = storm.file.faults.iter().flatten();
            faults.any(|fault| fault.dns.is_some())
        };
        let of_storm = storms.iter().find(of_names);
        let fault = own
            .map(|(path, _)| format!("{path}.dns"))
            .or_else(|| of_storm.map(|storm| format!("{}.use", storm.path)));
        let wanted = file.client.as_ref().and_then(|client| client.resolve);
        plan.client.resolve = match (wanted, &fault) {
            (Some(wanted), _) => wanted,
            (None, Some(_)) => Resolve::Dns,
            (None, None) => Resolve::Address,
        };
        let is_fault = fault.is_some();
        if let (Some(place), true) = (&fault, plan.is_command()) {
            let help = "a fault of the link can stand for it, such as `partition: reset`";
            self.problem(
                place,
                "your program does not ask squall's name server",
                help,
            );
            plan.client.resolve = Resolve::Address;
            return;
        }
        let place = fault.unwrap_or_else(|| "client.resolve".to_owned());
        if is_fault && plan.client.resolve == Resolve::Address {
            self.problem(
                &place,
                "the client looks no name up, so nothing would happen",
                "say `client: { resolve: dns }`, or leave `resolve` out",
            );
        }
        if plan.client.resolve == Resolve::Address {
            return;
        }
        if plan
            .first_link()
            .is_some_and(|link| link.via != LinkBackend::Proxy)
        {
            self.problem(&place, "there are no names on this link", ONLY_PROXY);
        }
        if plan.first_links().count() > 1 {
            let help = "name one target in `client.to`, or leave the names out";
            self.problem(&place, "names lead to one target only", help);
        }
        if matches!(plan.client.tls, TlsPlan::Given { .. }) {
            self.problem(
                &place,
                "the client's peer gets a name that your certificates do not have",
                "say `tls: generated` or `tls: mutual`, whose certificates have it",
            );
        }
    }
}
