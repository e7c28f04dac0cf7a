//! `/metrics`: what every proxy has received and sent, as Prometheus reads it. Counted as the bytes
//! move, not when a connection ends.

use std::fmt::Write as _;

use super::proxies::Proxies;
use crate::link::counters::Traffic;

/// What one family says, and how to read it.
type Family = (&'static str, &'static str, fn(&Traffic) -> u64);

const FAMILIES: [Family; 2] = [
    (
        "toxiproxy_proxy_received_bytes_total",
        "Bytes read from a proxy's clients (upstream) or its server (downstream).",
        |traffic| traffic.received_bytes,
    ),
    (
        "toxiproxy_proxy_sent_bytes_total",
        "Bytes written to a proxy's server (upstream) or its clients (downstream).",
        |traffic| traffic.sent_bytes,
    ),
];

/// The whole text.
pub fn text(proxies: &Proxies) -> String {
    let mut out = String::new();
    for (name, help, read) in FAMILIES {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} counter");
        for proxy in proxies.iter() {
            let traffic = proxy.weather.traffic();
            for (direction, traffic) in ["upstream", "downstream"].iter().zip(&traffic) {
                let _ = writeln!(
                    out,
                    "{name}{{direction=\"{direction}\",listener=\"{}\",proxy=\"{}\",upstream=\"{}\"}} {}",
                    escaped(&proxy.listen),
                    escaped(&proxy.name),
                    escaped(&proxy.upstream),
                    read(traffic),
                );
            }
        }
    }
    out
}

fn escaped(label: &str) -> String {
    let label = label.replace('\\', "\\\\").replace('"', "\\\"");
    label.replace('\n', "\\n")
}
