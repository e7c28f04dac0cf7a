//! Requests without what each sending changes, compared byte for byte.

use squall::capture::read::Captured;
use squall::signal::Signal;

/// Ids and times, by the numbers of the fields that lead to them. Source: opentelemetry-proto 1.x.
const TRACES: &[&str] = &[
    "1/2/2/1",
    "1/2/2/2",
    "1/2/2/4",
    "1/2/2/7",
    "1/2/2/8",
    "1/2/2/11/1",
    "1/2/2/13/1",
    "1/2/2/13/2",
];
const LOGS: &[&str] = &["1/2/2/1", "1/2/2/11", "1/2/2/9", "1/2/2/10"];
const METRICS: &[&str] = &[
    "1/2/2/5/1/2",
    "1/2/2/5/1/3",
    "1/2/2/5/1/5/2",
    "1/2/2/7/1/2",
    "1/2/2/7/1/3",
    "1/2/2/7/1/5/2",
    "1/2/2/9/1/2",
    "1/2/2/9/1/3",
    "1/2/2/9/1/8/2",
    "1/2/2/10/1/2",
    "1/2/2/10/1/3",
    "1/2/2/10/1/11/2",
    "1/2/2/11/1/2",
    "1/2/2/11/1/3",
];

/// The request's bytes, with zeros where an id or a time stands that is not unknown.
pub fn blank(signal: Signal, body: &[u8]) -> Vec<u8> {
    let paths = match signal {
        Signal::Traces => TRACES,
        Signal::Metrics => METRICS,
        Signal::Logs => LOGS,
    };
    let mut blanked = body.to_vec();
    walk(paths, "", &mut blanked);
    assert_ne!(blanked, body, "something is to be blanked");
    blanked
}

fn walk(paths: &[&str], above: &str, mut message: &mut [u8]) {
    while !message.is_empty() {
        let key = varint(&mut message);
        let path = match above {
            "" => format!("{}", key >> 3),
            above => format!("{above}/{}", key >> 3),
        };
        let len = match key & 7 {
            0 => {
                varint(&mut message);
                0
            }
            1 => 8,
            2 => varint(&mut message) as usize,
            5 => 4,
            other => panic!("wire type {other} at {path}"),
        };
        let (value, rest) = message.split_at_mut(len);
        message = rest;
        if paths.contains(&&*path) {
            value.fill(0);
        } else if paths
            .iter()
            .any(|known| known.starts_with(&format!("{path}/")))
        {
            walk(paths, &path, value);
        }
    }
}

fn varint(message: &mut &mut [u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    loop {
        let (byte, rest) = std::mem::take(message).split_first_mut().unwrap();
        number |= u64::from(*byte & 0x7f) << shift;
        shift += 7;
        *message = rest;
        if *byte < 0x80 {
            return number;
        }
    }
}

/// Panics unless the requests of each signal are the same, in the same order, but for ids and times.
pub fn assert_same_but_for_ids_and_times(before: &[Captured], after: &[Captured]) {
    for signal in Signal::ALL {
        let of = |captured: &[Captured]| -> Vec<Vec<u8>> {
            let captured = captured.iter().filter(|one| one.signal == signal);
            captured.map(|one| one.body.clone()).collect()
        };
        let (before, after) = (of(before), of(after));
        assert_eq!(before.len(), after.len(), "{signal}");
        for (index, (before, after)) in before.iter().zip(&after).enumerate() {
            assert_ne!(before, after, "{signal} {index}: ids and times are new");
            assert!(
                blank(signal, before) == blank(signal, after),
                "{signal} {index}: {before:02x?}\n{after:02x?}"
            );
        }
    }
}
