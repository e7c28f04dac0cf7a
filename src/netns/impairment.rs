//! What can be done to the packets of one direction, as plain values.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::plan::{Delay, Distribution, Loss, Queue};

/// Longest delay, jitter or holding back, in nanoseconds: an hour.
const TIME_MAX_NS: u64 = 3_600_000_000_000;
/// Most packets that a queue may be told to hold.
const QUEUE_MAX_PACKETS: u64 = 1_000_000;
/// Smallest MTU that IPv4 knows.
const MTU_MIN_BYTES: u32 = 68;

/// One impairment. Shares are probabilities from 0 to 1; each kind has one file under
/// `src/netns/impair/`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Impairment {
    /// Each packet leaves a drawn time after it arrived, in order.
    Delay(Delay),
    /// Packets vanish.
    Loss(Loss),
    /// A `share` of packets is held back by `by_ns`, so that those behind overtake them.
    Reorder { share: f64, by_ns: u64 },
    /// A `share` of packets passes twice.
    Duplicate { share: f64 },
    /// One bit of a `share` of packets is flipped, behind the Ethernet header. Every checksum of IP,
    /// TCP and UDP notices a single bit, so the receiver's kernel makes a loss of it.
    Corrupt { share: f64 },
    /// A line of so many bytes per second (IP header and payload) with a drop-tail queue before it.
    Rate { bytes_per_second: u64, queue: Queue },
    /// Packets of more bytes (IP header and payload) vanish without a word: a path-MTU black hole.
    Mtu { bytes: u32 },
    /// Every packet vanishes.
    Partition,
    /// The link is up for `up_ns`, down for `down_ns`, and again, from the impairment's start.
    Flap { up_ns: u64, down_ns: u64 },
}

/// A value that makes no sense.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{kind}: {name} is {value}, and must be {must}")]
pub struct Nonsense {
    pub kind: &'static str,
    pub name: &'static str,
    pub value: String,
    pub must: &'static str,
}

impl Impairment {
    /// The name under which results know it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Impairment::Delay(_) => "delay",
            Impairment::Loss(_) => "loss",
            Impairment::Reorder { .. } => "reorder",
            Impairment::Duplicate { .. } => "duplicate",
            Impairment::Corrupt { .. } => "corrupt",
            Impairment::Rate { .. } => "rate",
            Impairment::Mtu { .. } => "mtu",
            Impairment::Partition => "partition",
            Impairment::Flap { .. } => "flap",
        }
    }

    /// Finds the first value that makes no sense.
    ///
    /// # Errors
    /// Names that value, and what it must be.
    pub fn check(&self) -> Result<(), Nonsense> {
        let kind = self.kind();
        let share =
            |name, value: f64| require(kind, name, value, (0.0..=1.0).contains(&value), "0 to 1");
        let time = |name, ns: u64, least: u64| {
            let fits = (least..=TIME_MAX_NS).contains(&ns);
            let must = if least == 0 {
                "an hour at most"
            } else {
                "above zero, an hour at most"
            };
            require(kind, name, ns, fits, must)
        };
        match self {
            Impairment::Delay(delay) => {
                time("delay_ns", delay.delay_ns, 0)?;
                time("jitter_ns", delay.jitter_ns, 0)?;
                let rho = delay.correlation;
                let fits = (0.0..1.0).contains(&rho);
                require(kind, "correlation", rho, fits, "0 or more, and below 1")?;
                match &delay.distribution {
                    Distribution::Pareto { shape } => {
                        require(kind, "shape", shape, *shape > 1.0, "above 1")
                    }
                    Distribution::Empirical { delays_ns } => {
                        let fits = !delays_ns.is_empty() && delays_ns.is_sorted();
                        require(kind, "delays_ns", "unsorted", fits, "rising, and not none")
                    }
                    Distribution::Uniform | Distribution::Normal => Ok(()),
                }
            }
            Impairment::Loss(Loss::Independent { share: lost }) => share("share", *lost),
            Impairment::Loss(Loss::GilbertElliott {
                enter,
                leave,
                loss_bad,
                loss_good,
            }) => {
                share("enter", *enter)?;
                share("leave", *leave)?;
                share("loss_bad", *loss_bad)?;
                share("loss_good", *loss_good)
            }
            Impairment::Loss(Loss::Exact { packets }) => {
                let rises = packets.windows(2).all(|pair| pair[0] < pair[1]);
                let fits = rises && packets.first().is_none_or(|first| *first > 0);
                require(kind, "packets", "unsorted", fits, "rising numbers from 1")
            }
            Impairment::Reorder { share: held, by_ns } => {
                share("share", *held)?;
                time("by_ns", *by_ns, 1)
            }
            Impairment::Duplicate { share: doubled } => share("share", *doubled),
            Impairment::Corrupt { share: broken } => share("share", *broken),
            Impairment::Rate {
                bytes_per_second,
                queue,
            } => {
                let rate = *bytes_per_second;
                require(kind, "bytes_per_second", rate, rate > 0, "above zero")?;
                let (depth, fits) = match queue {
                    Queue::Packets(n) => (*n, (1..=QUEUE_MAX_PACKETS).contains(n)),
                    Queue::Bytes(n) => (*n, *n > 0),
                };
                require(
                    kind,
                    "queue",
                    depth,
                    fits,
                    "above zero, a million packets at most",
                )
            }
            Impairment::Mtu { bytes } => {
                require(kind, "bytes", bytes, *bytes >= MTU_MIN_BYTES, "68 or more")
            }
            Impairment::Partition => Ok(()),
            Impairment::Flap { up_ns, down_ns } => {
                time("up_ns", *up_ns, 1)?;
                time("down_ns", *down_ns, 1)
            }
        }
    }
}

fn require(
    kind: &'static str,
    name: &'static str,
    value: impl ToString,
    fits: bool,
    must: &'static str,
) -> Result<(), Nonsense> {
    if fits {
        return Ok(());
    }
    Err(Nonsense {
        kind,
        name,
        value: value.to_string(),
        must,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_named() {
        let shown = |impairment: Impairment| impairment.check().unwrap_err().to_string();
        assert_eq!(
            shown(Impairment::Duplicate { share: 1.5 }),
            "duplicate: share is 1.5, and must be 0 to 1"
        );
        assert_eq!(
            shown(Impairment::Loss(Loss::Independent { share: f64::NAN })),
            "loss: share is NaN, and must be 0 to 1"
        );
        assert_eq!(
            shown(Impairment::Loss(Loss::Exact {
                packets: vec![2, 1]
            })),
            "loss: packets is unsorted, and must be rising numbers from 1"
        );
        assert!(
            Impairment::Loss(Loss::Exact { packets: vec![0] })
                .check()
                .is_err()
        );
        assert!(Impairment::Mtu { bytes: 67 }.check().is_err());
        let flap = Impairment::Flap {
            up_ns: 1,
            down_ns: 0,
        };
        assert!(flap.check().is_err());
        let rate = |queue| Impairment::Rate {
            bytes_per_second: 1,
            queue,
        };
        assert!(rate(Queue::Packets(0)).check().is_err());
        assert!(rate(Queue::Bytes(1)).check().is_ok());
        let mut delay = Delay::fixed(5);
        delay.correlation = 1.0;
        assert!(Impairment::Delay(delay).check().is_err());
    }

    #[test]
    fn survives_json() {
        let loss = Impairment::Loss(Loss::GilbertElliott {
            enter: 0.01,
            leave: 0.25,
            loss_bad: 1.0,
            loss_good: 0.0,
        });
        let json = serde_json::to_string(&loss).unwrap();
        assert_eq!(serde_json::from_str::<Impairment>(&json).unwrap(), loss);
    }
}
