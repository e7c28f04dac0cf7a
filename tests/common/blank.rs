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

/// The request's bytes without the ids and times, all others as they are but for the lengths around them:
/// a log record outside of any span has no ids until it is replayed.
pub fn blank(signal: Signal, body: &[u8]) -> Vec<u8> {
    let paths = match signal {
        Signal::Traces => TRACES,
        Signal::Metrics => METRICS,
        Signal::Logs => LOGS,
    };
    let blanked = walk(paths, "", body);
    assert_ne!(blanked, body, "something is to be left out");
    blanked
}

fn walk(paths: &[&str], above: &str, mut message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while !message.is_empty() {
        let field = message;
        let key = varint(&mut message);
        let key_bytes = &field[..field.len() - message.len()];
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
        let (value, rest) = message.split_at(len);
        message = rest;
        let leads_on = format!("{path}/");
        if paths.contains(&&*path) {
            continue;
        } else if paths.iter().any(|known| known.starts_with(&leads_on)) {
            let inner = walk(paths, &path, value);
            out.extend_from_slice(key_bytes);
            prost::encoding::encode_varint(inner.len() as u64, &mut out);
            out.extend(inner);
        } else {
            out.extend_from_slice(&field[..field.len() - message.len()]);
        }
    }
    out
}

fn varint(message: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    loop {
        let (byte, rest) = message.split_first().unwrap();
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
            let (before, after) = (blank(signal, before), blank(signal, after));
            let differ = before
                .iter()
                .zip(&after)
                .position(|(before, after)| before != after);
            assert!(
                before == after,
                "{signal} {index}: they differ at {differ:?}"
            );
        }
    }
}
