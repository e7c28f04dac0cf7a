//! The kinds of toxics that the API knows, their attributes, and what they are on a link.

use serde::Serialize;

use super::extras;
use super::fields::Fields;
use crate::link::toxic::Toxic;
use crate::plan::{Delay, Distribution};

/// A kind with its attributes, named and in the units of the API: times are milliseconds, the
/// slicer's delay microseconds, a rate is in units of 1000 bytes per second. What is below zero is
/// kept and acts as zero. What Toxiproxy does not know is shown only where it was set: some of its
/// clients read nothing but whole numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Attributes {
    Noop {},
    Latency {
        latency: i64,
        jitter: i64,
        #[serde(
            skip_serializing_if = "extras::is_default",
            serialize_with = "extras::as_name"
        )]
        distribution: Distribution,
        #[serde(skip_serializing_if = "extras::is_default")]
        correlation: f32,
    },
    Bandwidth {
        rate: i64,
        /// Whether all connections share the rate.
        #[serde(skip_serializing_if = "extras::is_default")]
        shared: bool,
    },
    SlowClose {
        delay: i64,
    },
    Timeout {
        timeout: i64,
    },
    ResetPeer {
        #[serde(rename = "timeout")]
        after: i64,
    },
    Slicer {
        average_size: i64,
        size_variation: i64,
        delay: i64,
    },
    LimitData {
        bytes: i64,
    },
    /// Not of Toxiproxy.
    Loss {
        /// Share of segments, 0 to 1.
        rate: f32,
        /// Retransmission time-out.
        rto: i64,
        /// Always true: no packet is really lost.
        modelled: bool,
    },
    /// Not of Toxiproxy.
    Corrupt {
        /// Bytes with one flipped bit among them, on average.
        every: i64,
    },
}

impl Attributes {
    /// A kind by its name, with every attribute 0.
    pub fn of_kind(name: &str) -> Option<Self> {
        Some(match name {
            "noop" => Attributes::Noop {},
            "latency" => Attributes::Latency {
                latency: 0,
                jitter: 0,
                distribution: Distribution::Uniform,
                correlation: 0.0,
            },
            "bandwidth" => Attributes::Bandwidth {
                rate: 0,
                shared: false,
            },
            "slow_close" => Attributes::SlowClose { delay: 0 },
            "timeout" => Attributes::Timeout { timeout: 0 },
            "reset_peer" => Attributes::ResetPeer { after: 0 },
            "slicer" => Attributes::Slicer {
                average_size: 0,
                size_variation: 0,
                delay: 0,
            },
            "limit_data" => Attributes::LimitData { bytes: 0 },
            "loss" => Attributes::Loss {
                rate: 0.0,
                rto: 200,
                modelled: true,
            },
            "corrupt" => Attributes::Corrupt { every: 0 },
            _ => return None,
        })
    }

    /// The kind's name.
    pub const fn kind(&self) -> &'static str {
        match self {
            Attributes::Noop {} => "noop",
            Attributes::Latency { .. } => "latency",
            Attributes::Bandwidth { .. } => "bandwidth",
            Attributes::SlowClose { .. } => "slow_close",
            Attributes::Timeout { .. } => "timeout",
            Attributes::ResetPeer { .. } => "reset_peer",
            Attributes::Slicer { .. } => "slicer",
            Attributes::LimitData { .. } => "limit_data",
            Attributes::Loss { .. } => "loss",
            Attributes::Corrupt { .. } => "corrupt",
        }
    }

    /// With what `fields` names changed; the rest stays.
    ///
    /// # Errors
    /// When an attribute is no number, or out of its range; then nothing has changed.
    pub fn merged(mut self, fields: &Fields) -> Result<Self, String> {
        let named: Vec<(&str, &mut i64)> = match &mut self {
            Attributes::Noop {} => vec![],
            Attributes::Latency {
                latency,
                jitter,
                distribution,
                correlation,
            } => {
                extras::merge_distribution(fields, distribution)?;
                extras::merge_share(fields, "correlation", correlation)?;
                vec![("latency", latency), ("jitter", jitter)]
            }
            Attributes::Loss { rate, rto, .. } => {
                extras::merge_share(fields, "rate", rate)?;
                vec![("rto", rto)]
            }
            Attributes::Corrupt { every } => vec![("every", every)],
            Attributes::Bandwidth { rate, shared } => {
                *shared = fields.truth("shared")?.unwrap_or(*shared);
                vec![("rate", rate)]
            }
            Attributes::SlowClose { delay } => vec![("delay", delay)],
            Attributes::Timeout { timeout } | Attributes::ResetPeer { after: timeout } => {
                vec![("timeout", timeout)]
            }
            Attributes::Slicer {
                average_size,
                size_variation,
                delay,
            } => vec![
                ("average_size", average_size),
                ("size_variation", size_variation),
                ("delay", delay),
            ],
            Attributes::LimitData { bytes } => vec![("bytes", bytes)],
        };
        for (name, value) in named {
            if let Some(new) = fields.integer(name)? {
                *value = new;
            }
        }
        Ok(self)
    }

    /// What it is on a link.
    pub fn toxic(&self) -> Toxic {
        let count = |value: i64| u64::try_from(value).unwrap_or(0);
        let scaled = |value: i64, factor: u64| count(value).saturating_mul(factor);
        let ms = |value: i64| scaled(value, 1_000_000);
        match *self {
            Attributes::Noop {} => Toxic::Noop,
            Attributes::Latency {
                latency,
                jitter,
                ref distribution,
                correlation,
            } => Toxic::Latency(Delay {
                delay_ns: ms(latency),
                jitter_ns: ms(jitter),
                distribution: distribution.clone(),
                correlation: f64::from(correlation),
            }),
            Attributes::Loss { rate, rto, .. } => Toxic::Loss {
                share: f64::from(rate),
                timeout_ns: ms(rto),
            },
            Attributes::Corrupt { every } => Toxic::Corrupt {
                every_bytes: count(every),
            },
            Attributes::Bandwidth { rate, shared } => Toxic::Bandwidth {
                bytes_per_second: scaled(rate, 1_000),
                is_shared: shared,
            },
            Attributes::SlowClose { delay } => Toxic::SlowClose {
                delay_ns: ms(delay),
            },
            Attributes::Timeout { timeout } => Toxic::Timeout {
                timeout_ns: (timeout > 0).then(|| ms(timeout)),
            },
            Attributes::ResetPeer { after } => Toxic::ResetPeer {
                timeout_ns: ms(after),
            },
            Attributes::Slicer {
                average_size,
                size_variation,
                delay,
            } => Toxic::Slicer {
                average_bytes: count(average_size),
                variation_bytes: count(size_variation),
                delay_ns: scaled(delay, 1_000),
            },
            Attributes::LimitData { bytes } => Toxic::Limit {
                bytes: count(bytes),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latency(latency: i64, jitter: i64) -> Attributes {
        Attributes::Latency {
            latency,
            jitter,
            distribution: Distribution::Uniform,
            correlation: 0.0,
        }
    }

    #[test]
    fn a_kind_is_known_by_its_name_and_nothing_else() {
        for name in [
            "noop",
            "latency",
            "bandwidth",
            "slow_close",
            "timeout",
            "reset_peer",
            "slicer",
            "limit_data",
            "loss",
            "corrupt",
        ] {
            assert_eq!(Attributes::of_kind(name).unwrap().kind(), name);
        }
        assert_eq!(Attributes::of_kind("Latency"), None);
    }

    #[test]
    fn only_what_is_named_changes_and_all_of_it_or_nothing() {
        let before = latency(5, 7);
        let fields = |text: &str| Fields::parse(text.as_bytes()).unwrap();
        let after = before
            .clone()
            .merged(&fields(r#"{"JITTER":9,"x":1}"#))
            .unwrap();
        assert_eq!(after, latency(5, 9));
        assert!(
            before
                .merged(&fields(r#"{"latency":77,"jitter":"x"}"#))
                .is_err()
        );
    }

    #[test]
    fn units_are_those_of_the_api_and_negatives_act_as_zero() {
        let expected = Toxic::Latency(Delay::fixed(5_000_000));
        assert_eq!(latency(5, -1).toxic(), expected);
        let rate = Attributes::Bandwidth {
            rate: 2,
            shared: true,
        };
        let rate = rate.toxic();
        assert_eq!(
            rate,
            Toxic::Bandwidth {
                bytes_per_second: 2_000,
                is_shared: true,
            }
        );
        let forever = Attributes::Timeout { timeout: 0 }.toxic();
        assert_eq!(forever, Toxic::Timeout { timeout_ns: None });
    }
}
