//! Counters that go on when a role is started again: its own begin at nothing.

use crate::evidence::{ClientSample, ProcessSample, SinkSample};

/// What the processes of a role before the present one have counted.
#[derive(Debug, Default)]
pub struct Before {
    client: ClientSample,
    sink: SinkSample,
}

impl Before {
    /// A new client begins after this last sample of the old one, which takes along what it held.
    pub fn client_restarts(&mut self, last: Option<&ClientSample>) {
        if let Some(last) = last {
            self.client = *last;
            self.client.handed = last.generated;
            self.client.finished = last.generated;
        }
    }

    /// A new sink begins after this last sample of the old one.
    pub fn sink_restarts(&mut self, last: Option<&SinkSample>) {
        if let Some(last) = last {
            self.sink = *last;
        }
    }

    pub fn client(&self, mut sample: ClientSample) -> ClientSample {
        let before = &self.client;
        for (now, before) in [
            (&mut sample.offered, &before.offered),
            (&mut sample.generated, &before.generated),
            (&mut sample.handed, &before.handed),
            (&mut sample.acknowledged, &before.acknowledged),
            (&mut sample.finished, &before.finished),
            (&mut sample.missed, &before.missed),
        ] {
            add(now, before);
        }
        sample.requests += before.requests;
        sample
    }

    pub fn sink(&self, mut sample: SinkSample) -> SinkSample {
        add(&mut sample.received, &self.sink.received);
        sample.requests += self.sink.requests;
        sample.wire_bytes += self.sink.wire_bytes;
        sample.worked_ns += self.sink.worked_ns;
        sample
    }
}

fn add(now: &mut [u64; 3], before: &[u64; 3]) {
    for (now, before) in now.iter_mut().zip(before) {
        *now += before;
    }
}

/// A sample of a process, with what the processes before it have used added.
pub fn process(mut sample: ProcessSample, before: &ProcessSample) -> ProcessSample {
    sample.cpu_user_ns += before.cpu_user_ns;
    sample.cpu_system_ns += before.cpu_system_ns;
    sample.context_switches_voluntary += before.context_switches_voluntary;
    sample.context_switches_involuntary += before.context_switches_involuntary;
    sample.cpu_waited_ns += before.cpu_waited_ns;
    sample.read_bytes += before.read_bytes;
    sample.written_bytes += before.written_bytes;
    sample.rss_peak_bytes = sample.rss_peak_bytes.max(before.rss_peak_bytes);
    sample
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_never_fall_and_what_a_killed_client_held_is_gone() {
        let mut before = Before::default();
        let last = ClientSample {
            generated: [10; 3],
            handed: [8; 3],
            finished: [5; 3],
            requests: 4,
            ..ClientSample::default()
        };
        before.client_restarts(Some(&last));
        let first = before.client(ClientSample {
            generated: [1; 3],
            requests: 1,
            ..ClientSample::default()
        });
        assert_eq!((first.generated, first.requests), ([11; 3], 5));
        assert_eq!((first.handed, first.finished), ([10; 3], [10; 3]));
    }
}
