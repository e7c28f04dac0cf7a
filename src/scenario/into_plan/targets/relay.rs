//! squall's own forwarder as a target: `relay: [...]`.

use std::collections::BTreeMap;

use super::super::super::file::{ScenarioFile, TargetFile};
use super::super::SECOND;
use super::entry::entries;
use super::{LOG_LIMIT, METRICS_URL};
use crate::plan::{
    Place, ProcessTarget, SelfMetricsPlan, StopPlan, TargetKind, TargetPlan, TlsPlan,
};

/// squall's own forwarder as a program.
pub(super) fn relay(args: &[String]) -> ProcessTarget {
    let connected = [
        "relay",
        "--grpc",
        "{{ listen.grpc }}",
        "--http",
        "{{ listen.http }}",
        "--status",
        "{{ metrics }}",
        "--export",
        "{{ export.url }}",
    ];
    ProcessTarget {
        command: "{{ squall }}".to_owned(),
        args: connected
            .into_iter()
            .map(str::to_owned)
            .chain(args.iter().cloned())
            .collect(),
        env: BTreeMap::new(),
        secret_env: BTreeMap::new(),
        files: BTreeMap::new(),
        stop: StopPlan {
            signal: 15,
            grace_ns: 10 * SECOND,
        },
        log_limit_bytes: LOG_LIMIT,
        disk_bytes: None,
    }
}

/// What the relay says of itself.
pub(super) fn relay_metrics() -> SelfMetricsPlan {
    SelfMetricsPlan {
        url: METRICS_URL.to_owned(),
        every_ns: SECOND,
        series: ["accepted", "sent", "refused", "dropped", "send_failed"]
            .map(|name| (name.to_owned(), format!("relay_{name}_items")))
            .into_iter()
            .chain([("queue".to_owned(), "relay_queue_size".to_owned())])
            .collect(),
        lost: vec!["dropped".to_owned(), "send_failed".to_owned()],
    }
}

/// Has every relay use the certificates of its hops, as far as those are encrypted.
pub(in super::super) fn secure(
    targets: &mut [TargetPlan],
    file: &ScenarioFile,
    client_tls: &TlsPlan,
    sink_tls: &TlsPlan,
) {
    let files: Vec<&TargetFile> = match (&file.target, &file.targets) {
        (Some(target), _) => vec![target],
        (None, targets) => targets.iter().flatten().collect(),
    };
    let entries = entries(file);
    for (index, (target, file)) in (0_u8..).zip(targets.iter_mut().zip(files)) {
        let TargetKind::Process(process) = &mut target.kind else {
            continue;
        };
        if file.relay.is_none() {
            continue;
        }
        if entries.contains(&index) {
            let front = ["--tls-cert", "{{ tls.cert }}", "--tls-key", "{{ tls.key }}"];
            let mutual = ["--tls-client-ca", "{{ tls.ca }}"];
            process.args.extend(needed(client_tls, &front, &mutual));
        }
        if target.to == Some(Place::Sink) {
            let back = ["--export-ca", "{{ export.tls.ca }}"];
            let mutual = [
                "--export-cert",
                "{{ export.tls.cert }}",
                "--export-key",
                "{{ export.tls.key }}",
            ];
            process.args.extend(needed(sink_tls, &back, &mutual));
        }
    }
}

fn needed(tls: &TlsPlan, always: &[&str], mutual: &[&str]) -> Vec<String> {
    let both_show = match tls {
        TlsPlan::Off | TlsPlan::External { .. } => return Vec::new(),
        TlsPlan::Generated { mutual } => *mutual,
        TlsPlan::Given { client, .. } => client.is_some(),
    };
    let mutual = mutual.iter().filter(|_| both_show);
    always
        .iter()
        .chain(mutual)
        .map(ToString::to_string)
        .collect()
}
