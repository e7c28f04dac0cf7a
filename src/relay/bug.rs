//! The ways in which the relay can be told to be wrong.

use std::str::FromStr;

/// One planted bug.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bug {
    /// Every so many items one is acknowledged and forgotten. Oracle class `lost_silently`.
    Lose { every: u64 },
    /// What waits when SIGTERM comes is forgotten. Oracle class `lost_silently`.
    LoseOnTerm,
    /// What had to be tried again is sent once more after it was accepted. Oracle class `duplicated`.
    DuplicateOnRetry,
    /// Answers for requests that find no place in the queue, and forgets them. Oracle class
    /// `lost_silently`.
    AcceptWhenFull,
    /// Requests overtake each other. Oracle class `disordered`: data points sent after newer ones of
    /// their series, exact with one worker.
    Reorder,
    /// Every so many items an attribute's value changes. Oracle class `corrupted`.
    CorruptAttribute { every: u64 },
    /// Every so many spans that have a parent lose it. Oracle class `orphaned`.
    StripParents { every: u64 },
    /// Memory that is touched and never given back.
    Leak { bytes_per_second: u64 },
    /// Cores that do nothing of use.
    BurnCpu { cores: f64 },
    /// The queue has no bound.
    UnboundedQueue,
    /// Takes requests and answers health probes, and sends nothing on. Oracle class `lost_silently`.
    Zombie,
}

/// A name and an example of each, for the help.
pub const SPELLINGS: &str = "lose=100, lose-on-term, duplicate-on-retry, accept-when-full, reorder, \
corrupt-attribute=100, strip-parents=10, leak=17476 (bytes per second), burn-cpu=0.5 (cores), \
unbounded-queue, zombie";

impl FromStr for Bug {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let count = || -> Result<u64, String> {
            let value =
                value.ok_or_else(|| format!("`{name}` needs a number, as in {name}=100"))?;
            match value.parse() {
                Ok(0) | Err(_) => Err(format!("`{value}` is not a whole number above 0")),
                Ok(count) => Ok(count),
            }
        };
        let bug = match name {
            "lose" => Bug::Lose { every: count()? },
            "corrupt-attribute" => Bug::CorruptAttribute { every: count()? },
            "strip-parents" => Bug::StripParents { every: count()? },
            "leak" => Bug::Leak {
                bytes_per_second: count()?,
            },
            "burn-cpu" => {
                let value = value.unwrap_or_default();
                let cores = value
                    .parse()
                    .ok()
                    .filter(|cores| (0.0..=64.0).contains(cores));
                Bug::BurnCpu {
                    cores: cores.ok_or_else(|| format!("`{value}` is not a number of cores"))?,
                }
            }
            "lose-on-term" => Bug::LoseOnTerm,
            "duplicate-on-retry" => Bug::DuplicateOnRetry,
            "accept-when-full" => Bug::AcceptWhenFull,
            "reorder" => Bug::Reorder,
            "unbounded-queue" => Bug::UnboundedQueue,
            "zombie" => Bug::Zombie,
            other => return Err(format!("there is no bug `{other}`; there are {SPELLINGS}")),
        };
        Ok(bug)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_a_bug() {
        for spelling in SPELLINGS.split(", ") {
            let spelling = spelling.split(' ').next().unwrap();
            assert!(spelling.parse::<Bug>().is_ok(), "{spelling}");
        }
        for wrong in ["", "lose", "lose=0", "lose=x", "burn-cpu=-1", "loose=3"] {
            assert!(wrong.parse::<Bug>().is_err(), "{wrong}");
        }
    }
}
