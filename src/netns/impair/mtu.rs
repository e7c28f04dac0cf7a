//! Packets that are too long vanish without a word.

use super::{Impair, Packet, Verdict};

#[derive(Debug)]
pub struct BlackHole {
    bytes: u64,
}

impl BlackHole {
    pub const fn new(bytes: u32) -> Self {
        Self {
            bytes: bytes as u64,
        }
    }
}

impl Impair for BlackHole {
    fn judge(&mut self, packet: Packet) -> Verdict {
        if packet.bytes > self.bytes {
            Verdict::Drop
        } else {
            Verdict::Pass
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_itself_passes() {
        let mut hole = BlackHole::new(1_000);
        let judge = |hole: &mut BlackHole, bytes| hole.judge(Packet { at_ns: 0, bytes });
        assert_eq!(judge(&mut hole, 1_000), Verdict::Pass);
        assert_eq!(judge(&mut hole, 1_001), Verdict::Drop);
    }
}
