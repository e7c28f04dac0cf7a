//! A link that is up for a while, down for a while, and again.

use super::{Impair, Packet, Verdict};

#[derive(Debug)]
pub struct Flap {
    up_ns: u64,
    down_ns: u64,
    start_ns: u64,
}

impl Flap {
    /// Up first, from `start_ns` on.
    pub const fn new(up_ns: u64, down_ns: u64, start_ns: u64) -> Self {
        Self {
            up_ns,
            down_ns,
            start_ns,
        }
    }
}

impl Impair for Flap {
    fn judge(&mut self, packet: Packet) -> Verdict {
        let since_ns = packet.at_ns.saturating_sub(self.start_ns);
        let period_ns = self.up_ns.saturating_add(self.down_ns).max(1);
        if since_ns % period_ns < self.up_ns {
            Verdict::Pass
        } else {
            Verdict::Drop
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_and_down_by_the_clock() {
        let mut flap = Flap::new(30, 10, 100);
        let passes =
            |flap: &mut Flap, at_ns| flap.judge(Packet { at_ns, bytes: 1 }) == Verdict::Pass;
        for (at_ns, up) in [
            (99, true),
            (100, true),
            (129, true),
            (130, false),
            (139, false),
            (140, true),
            (170, false),
        ] {
            assert_eq!(passes(&mut flap, at_ns), up, "{at_ns}");
        }
    }
}
