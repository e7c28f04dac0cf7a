//! What a real Toxiproxy is asked to do, and what it cannot.

use serde::{Deserialize, Serialize};

use super::delay::{Delay, Distribution};
use super::fault::Direction;
use super::link_fault::LinkFault;

/// Where its API listens by default.
pub const DEFAULT_SERVER: &str = "127.0.0.1:8474";
/// The image that `image: default` means.
pub const DEFAULT_IMAGE: &str = "ghcr.io/shopify/toxiproxy:2.12.0";
/// The shortest latency that can be told, from outside, from a machine that is busy.
const PROVEN_DELAY_NS: u64 = 5 * MS;
const MS: u64 = 1_000_000;

/// The Toxiproxy that a link goes through. It has to reach 127.0.0.1 of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToxiproxyServer {
    /// One that runs: where its API listens, an address and a port.
    Server(String),
    /// A container of this image, for the time of the run.
    Image(String),
    /// This executable, for the time of the run.
    Command(String),
}

impl Default for ToxiproxyServer {
    fn default() -> Self {
        ToxiproxyServer::Server(DEFAULT_SERVER.to_owned())
    }
}

/// One toxic, as Toxiproxy's API takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToxicSpec {
    pub kind: &'static str,
    /// `upstream` is towards the sink.
    pub stream: &'static str,
    pub attributes: Vec<(&'static str, u32)>,
}

/// The toxics that make a fault, one for each direction; or why Toxiproxy cannot make it.
///
/// - Silence is a bandwidth of zero: what was sent is held and flows on at the end. A `timeout` of
///   zero would throw it away and close the connections at the end.
/// - A partition by reset is `reset_peer`: new connections are reset at their first byte. Those that
///   exist are closed at theirs, for Toxiproxy decides on resets when a connection begins.
///
/// # Errors
/// In words, where a value has no counterpart in the API.
pub fn toxics(fault: &LinkFault, direction: Direction) -> Result<Vec<ToxicSpec>, String> {
    let (kind, attributes) = match *fault {
        LinkFault::Latency(ref delay) => ("latency", latency(delay)?),
        LinkFault::Bandwidth { shared: true, .. } => {
            return Err("its bandwidth is each connection's own".to_owned());
        }
        LinkFault::Bandwidth {
            bytes_per_second,
            shared: false,
        } => (
            "bandwidth",
            vec![("rate", whole(bytes_per_second, 1000, "kilobytes a second")?)],
        ),
        LinkFault::Timeout { timeout_ns } => (
            "timeout",
            vec![("timeout", whole(timeout_ns, MS, "milliseconds")?)],
        ),
        LinkFault::ResetPeer { timeout_ns } => (
            "reset_peer",
            vec![("timeout", whole(timeout_ns, MS, "milliseconds")?)],
        ),
        LinkFault::Limit { bytes } => ("limit_data", vec![("bytes", whole(bytes, 1, "bytes")?)]),
        LinkFault::Slicer { .. } => {
            return Err("what its slicer does cannot be proven from outside".to_owned());
        }
        LinkFault::ConnectLatency(_)
        | LinkFault::Loss { .. }
        | LinkFault::Corrupt { .. }
        | LinkFault::Packets(_)
        | LinkFault::Together(_) => return Err("it has no such toxic".to_owned()),
        LinkFault::PartitionSilence => ("bandwidth", vec![("rate", 0)]),
        LinkFault::PartitionReset => ("reset_peer", vec![("timeout", 0)]),
        LinkFault::SlowClose { delay_ns } => (
            "slow_close",
            vec![("delay", whole(delay_ns, MS, "milliseconds of delay")?)],
        ),
    };
    let streams = [
        ("upstream", direction.covers_up()),
        ("downstream", direction.covers_down()),
    ];
    Ok(streams
        .into_iter()
        .filter(|(_, covered)| *covered)
        .map(|(stream, _)| ToxicSpec {
            kind,
            stream,
            attributes: attributes.clone(),
        })
        .collect())
}

fn latency(delay: &Delay) -> Result<Vec<(&'static str, u32)>, String> {
    if delay.delay_ns < PROVEN_DELAY_NS {
        return Err("a latency below 5ms cannot be proven through it".to_owned());
    }
    if delay.distribution != Distribution::Uniform || delay.correlation > 0.0 {
        return Err("its jitter is uniform and without correlation".to_owned());
    }
    let delay_ms = whole(delay.delay_ns, MS, "milliseconds of latency")?;
    let jitter_ms = whole(delay.jitter_ns, MS, "milliseconds of jitter")?;
    Ok(vec![("latency", delay_ms), ("jitter", jitter_ms)])
}

/// The value in that unit, where it is a whole number that the client can say.
fn whole(value: u64, unit: u64, what: &str) -> Result<u32, String> {
    if !value.is_multiple_of(unit) {
        return Err(format!("it knows only whole {what}"));
    }
    u32::try_from(value / unit).map_err(|_| format!("it cannot be told so many {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATENCY: LinkFault = LinkFault::Latency(Delay {
        delay_ns: 50 * MS,
        jitter_ns: 5 * MS,
        distribution: Distribution::Uniform,
        correlation: 0.0,
    });

    #[test]
    fn each_fault_is_one_toxic_for_each_direction() {
        let spec = |fault: &LinkFault, direction| {
            let toxics = toxics(fault, direction).unwrap();
            let shown: Vec<String> = toxics
                .iter()
                .map(|one| format!("{} {} {:?}", one.kind, one.stream, one.attributes))
                .collect();
            shown.join("; ")
        };
        assert_eq!(
            spec(&LATENCY, Direction::Both),
            r#"latency upstream [("latency", 50), ("jitter", 5)]; latency downstream [("latency", 50), ("jitter", 5)]"#
        );
        let bandwidth = LinkFault::Bandwidth {
            bytes_per_second: 250_000,
            shared: false,
        };
        assert_eq!(
            spec(&bandwidth, Direction::Up),
            r#"bandwidth upstream [("rate", 250)]"#
        );
        assert_eq!(
            spec(&LinkFault::PartitionSilence, Direction::Down),
            r#"bandwidth downstream [("rate", 0)]"#
        );
        assert_eq!(
            spec(&LinkFault::PartitionReset, Direction::Up),
            r#"reset_peer upstream [("timeout", 0)]"#
        );
        let slow_close = LinkFault::SlowClose { delay_ns: 300 * MS };
        assert_eq!(
            spec(&slow_close, Direction::Down),
            r#"slow_close downstream [("delay", 300)]"#
        );
    }

    #[test]
    fn what_the_api_cannot_say_is_refused() {
        let refused = |fault: LinkFault| toxics(&fault, Direction::Both).unwrap_err();
        let latency = |delay_ns, jitter_ns| {
            LinkFault::Latency(Delay {
                jitter_ns,
                ..Delay::fixed(delay_ns)
            })
        };
        assert!(refused(latency(50 * MS + 1, 0)).contains("whole milliseconds of latency"));
        assert!(refused(latency(50 * MS, 500_000)).contains("whole milliseconds of jitter"));
        assert!(refused(latency(4 * MS, 0)).contains("cannot be proven"));
        let odd = LinkFault::Bandwidth {
            bytes_per_second: 1_500,
            shared: false,
        };
        assert!(refused(odd).contains("whole kilobytes"));
        let huge = LinkFault::Bandwidth {
            bytes_per_second: u64::from(u32::MAX) * 1000 + 1000,
            shared: false,
        };
        assert!(refused(huge).contains("so many kilobytes"));
        let shared = LinkFault::Bandwidth {
            bytes_per_second: 1000,
            shared: true,
        };
        assert!(refused(shared).contains("each connection's own"));
        let odd = LinkFault::SlowClose { delay_ns: 1 };
        assert!(refused(odd).contains("whole milliseconds of delay"));
    }
}
