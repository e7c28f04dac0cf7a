//! What shows that a target is ready, and what it says of itself.

use std::collections::BTreeSet;

use super::super::super::file::{ReadyFile, SelfMetricsFile, TargetFile};
use super::super::super::problem::{Finding, did_you_mean};
use super::super::{HOUR, MS, Planner, SECOND, is_name};
use super::METRICS_URL;
use crate::plan::selector::Selector;
use crate::plan::template::names;
use crate::plan::{
    ClientPlan, Place, Protocol, ReadyPlan, ReadySign, SelfMetricsPlan, TargetKind, TargetPlan,
    Transport,
};

/// Keys of the signs.
const SIGNS: [&str; 4] = ["tcp", "http", "grpc_health", "says"];

impl Planner<'_> {
    /// Without a sign of its own it is asked where it is spoken to, which [`default_signs`] settles.
    pub(super) fn ready(&mut self, path: &str, file: &TargetFile, kind: &TargetKind) -> ReadyPlan {
        let default = ReadyFile::default();
        let within = file.ready.as_ref().and_then(|ready| ready.within);
        let file = file.ready.as_ref().unwrap_or(&default);
        let given: Vec<_> = signs(file)
            .into_iter()
            .filter(|(_, sign)| sign.is_some())
            .collect();
        let sign = match given.is_empty() {
            true => None,
            false => self.only_one(path, &SIGNS, given),
        };
        match &sign {
            Some(ReadySign::Says(_)) if matches!(kind, TargetKind::External(_)) => {
                let help = "`tcp`, `http` or `grpc_health`";
                self.problem(&format!("{path}.says"), "its output is not heard", help);
            }
            Some(ReadySign::Says(text)) if text.is_empty() => {
                let help = "a text that it writes once it is ready, such as `Everything is ready`";
                self.problem(&format!("{path}.says"), "nothing is no sign", help);
            }
            Some(ReadySign::Http(url)) => self.http_url(&format!("{path}.http"), url),
            Some(ReadySign::Tcp(text)) => self.host_and_port(&format!("{path}.tcp"), text),
            Some(ReadySign::GrpcHealth(text)) => {
                self.host_and_port(&format!("{path}.grpc_health"), text);
            }
            Some(ReadySign::Says(_)) | None => {}
        }
        ReadyPlan {
            sign: sign.unwrap_or(ReadySign::Tcp(String::new())),
            within_ns: self.time(
                &format!("{path}.within"),
                within,
                30 * SECOND,
                10 * MS..=HOUR,
            ),
        }
    }

    fn host_and_port(&mut self, path: &str, text: &str) {
        if filled(text).is_some_and(|text| !is_host_and_port(&text, true)) {
            let message = format!("`{text}` is not an address");
            let help = "an address with its port, such as `{{ status }}` or `127.0.0.1:13133`";
            self.problem(path, message, help);
        }
    }

    /// squall asks in the clear.
    fn http_url(&mut self, path: &str, url: &str) {
        let well_formed = |url: String| {
            let rest = url.strip_prefix("http://")?;
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            is_host_and_port(&rest[..end], false).then_some(())
        };
        if let Some(text) = filled(url)
            && well_formed(text).is_none()
        {
            let message = format!("`{url}` is not a URL that squall can ask");
            let help = "a URL that begins with `http://`, such as `http://{{ status }}/health`; squall does not ask over TLS";
            self.problem(path, message, help);
        }
    }

    pub(super) fn self_metrics(&mut self, path: &str, file: &SelfMetricsFile) -> SelfMetricsPlan {
        let series = file.series.clone().unwrap_or_default();
        for (name, text) in &series {
            let path = format!("{path}.series.{name}");
            if !is_name(name, "_-") {
                let span = self.document.key_span(&path);
                let finding = Finding::new(span, format!("`{name}` cannot be a name"))
                    .help("lower-case letters, digits, hyphens and underscores");
                self.findings.push(finding);
            }
            if text.parse::<Selector>().is_err() {
                let help = "its name, with labels where several share it, as in `queue_size` or `send_failed{exporter=\"otlp\"}`";
                self.problem(&path, format!("`{text}` names no series"), help);
            }
        }
        let lost = file.lost.clone().unwrap_or_default();
        let known: Vec<&str> = series.keys().map(String::as_str).collect();
        let paths = self.document.elements(&format!("{path}.lost"));
        let mut seen = BTreeSet::new();
        for (path, name) in paths.iter().zip(&lost) {
            if !series.contains_key(name) {
                let help = format!("a name of `series`; {}", did_you_mean(name, &known));
                self.problem(path, format!("there is no series `{name}`"), help);
            }
            if !seen.insert(name) {
                let message = format!("`{name}` is named a second time");
                self.problem(path, message, "its losses would count twice: name it once");
            }
        }
        if let Some(url) = &file.url {
            self.http_url(&format!("{path}.url"), url);
        }
        SelfMetricsPlan {
            url: file.url.clone().unwrap_or_else(|| METRICS_URL.to_owned()),
            every_ns: self.time(
                &format!("{path}.every"),
                file.every,
                SECOND,
                100 * MS..=HOUR,
            ),
            series,
            lost,
        }
    }
}

fn signs(file: &ReadyFile) -> [(&'static str, Option<ReadySign>); 4] {
    [
        (SIGNS[0], file.tcp.clone().map(ReadySign::Tcp)),
        (SIGNS[1], file.http.clone().map(ReadySign::Http)),
        (
            SIGNS[2],
            file.grpc_health.clone().map(ReadySign::GrpcHealth),
        ),
        (SIGNS[3], file.says.clone().map(ReadySign::Says)),
    ]
}

/// Has every target without a sign of its own be asked where what stands before it speaks to it.
pub(super) fn default_signs(
    files: &[(String, &TargetFile)],
    targets: &mut [TargetPlan],
    client: &ClientPlan,
    entries: &[u8],
) {
    let of_client = match client.protocol {
        Protocol::Grpc => Transport::Grpc,
        Protocol::HttpProtobuf | Protocol::HttpJson => Transport::Http,
    };
    let receives: Vec<Transport> = (0_u8..)
        .zip(targets.iter())
        .map(|(index, _)| {
            let mut before = targets.iter();
            let before = before.find(|before| before.to == Some(Place::Target(index)));
            match before {
                Some(before) if !entries.contains(&index) => before.exports,
                Some(_) | None => of_client,
            }
        })
        .collect();
    for (((_, file), target), receives) in files.iter().zip(targets).zip(receives) {
        let ready = file.ready.as_ref();
        if ready.is_some_and(|ready| signs(ready).iter().any(|(_, sign)| sign.is_some())) {
            continue;
        }
        target.ready.sign = ReadySign::Tcp(match (&target.kind, receives) {
            (TargetKind::External(external), _) => external.endpoint.clone(),
            (_, Transport::Grpc) => "{{ listen.grpc }}".to_owned(),
            (_, Transport::Http) => "{{ listen.http }}".to_owned(),
        });
    }
}

/// The text with something of the right kind in each place; `None` where that is wrong itself, which
/// is said elsewhere.
fn filled(text: &str) -> Option<String> {
    let mut filled = String::new();
    let mut from = 0;
    for (name, at) in names(text).ok()? {
        filled.push_str(&text[from..at.start]);
        filled.push_str(match name.rsplit('.').next()? {
            "port" => "4317",
            "host" => "127.0.0.1",
            "url" => "http://127.0.0.1:4317",
            "grpc" | "http" | "status" | "metrics" | "export" => "127.0.0.1:4317",
            _ => "x",
        });
        from = at.end;
    }
    filled.push_str(&text[from..]);
    Some(filled)
}

fn is_host_and_port(text: &str, port_needed: bool) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        // The end of an IPv6 address is no port.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let has_port = match port {
        Some(port) => port.parse::<u16>().is_ok_and(|port| port > 0),
        None => !port_needed,
    };
    has_port && !host.is_empty() && !host.contains(['/', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        let good = ["127.0.0.1:1", "[::1]:4317", "collector.example:4317"];
        assert!(good.iter().all(|text| is_host_and_port(text, true)));
        let bad = ["4317", ":4317", "x:", "x:0", "x:70000", "http://x:1", ""];
        let wrongly: Vec<_> = bad
            .iter()
            .filter(|text| is_host_and_port(text, true))
            .collect();
        assert!(wrongly.is_empty(), "{wrongly:?}");
        assert!(is_host_and_port("localhost", false) && is_host_and_port("[::1]", false));
    }

    #[test]
    fn names_are_filled_in_by_their_kind() {
        let fill = |text| filled(text).unwrap();
        assert_eq!(fill("{{ status }}"), "127.0.0.1:4317");
        assert_eq!(
            fill("{{ metrics.host }}:{{ metrics.port }}/x"),
            "127.0.0.1:4317/x"
        );
        assert_eq!(filled("{{ open"), None);
    }
}
