//! Every packet vanishes.

use super::{Impair, Packet, Verdict};

#[derive(Debug)]
pub struct Partition;

impl Impair for Partition {
    fn judge(&mut self, _packet: Packet) -> Verdict {
        Verdict::Drop
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_passes() {
        assert_eq!(
            Partition.judge(Packet { at_ns: 1, bytes: 1 }),
            Verdict::Drop
        );
    }
}
