//! The walk and prost agree on requests made at random along the schema, and on what is left of them
//! after some damage; so do the JSON rewriter and the full reader.
//!
//! `SQUALL_FUZZ_REQUESTS` says how many, `SQUALL_FUZZ_SEED` with which seed to begin. Request number n
//! has the seed n above that, which stands in the failure.

#[path = "common/agreement.rs"]
mod agreement;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use prost::encoding::encode_varint;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use squall::otlp::schema::{Kind, LOGS, METRICS, Message, TRACES};
use squall::signal::Signal;

/// Messages within each other, but for the few requests that try how deep they may go.
const DEPTH: u32 = 9;

/// A number from the environment.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect(name))
}

/// Runs `one` on many seeds; how many times it said yes.
fn many(default: u64, mut one: impl FnMut(&mut ChaCha8Rng) -> bool) -> (u64, u64) {
    let requests = setting("SQUALL_FUZZ_REQUESTS", default);
    let seed = setting("SQUALL_FUZZ_SEED", 1);
    let mut yes = 0;
    for seed in seed..seed + requests {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        match catch_unwind(AssertUnwindSafe(|| one(&mut rng))) {
            Ok(said) => yes += u64::from(said),
            Err(panic) => {
                eprintln!("to see it again: SQUALL_FUZZ_SEED={seed} SQUALL_FUZZ_REQUESTS=1");
                resume_unwind(panic);
            }
        }
    }
    (yes, requests)
}

fn signal(rng: &mut impl Rng) -> Signal {
    Signal::ALL[rng.random_range(0..3)]
}

fn chance(rng: &mut impl Rng, percent: u32) -> bool {
    rng.random_ratio(percent, 100)
}

/// Mostly a valid request.
fn request(rng: &mut ChaCha8Rng, signal: Signal) -> Vec<u8> {
    let root = match signal {
        Signal::Traces => &TRACES,
        Signal::Metrics => &METRICS,
        Signal::Logs => &LOGS,
    };
    let depth = if chance(rng, 2) { 110 } else { DEPTH };
    let errors = u32::from(chance(rng, 40)) * 3;
    let mut out = Vec::new();
    message(rng, root, depth, errors, &mut out);
    out
}

/// Writes fields of a message. `errors` is how many in a hundred are not as they should be.
fn message(rng: &mut ChaCha8Rng, message: &Message, depth: u32, errors: u32, out: &mut Vec<u8>) {
    // One field at each of many levels, or several at each of a few.
    let fields = if depth > DEPTH {
        1
    } else {
        rng.random_range(0..4)
    };
    for _ in 0..fields {
        let index = pick(rng, message, depth);
        let kind = message.fields[index];
        let number = index as u32 + 1;
        if chance(rng, errors) {
            let number = if chance(rng, 50) {
                number
            } else {
                rng.random_range(1..20)
            };
            any_field(rng, number, 0, out);
            continue;
        }
        match kind {
            Kind::Unknown => any_field(rng, number, 0, out),
            Kind::Varint => {
                key(rng, number, 0, out);
                varint(rng, out);
            }
            Kind::Fixed64 => fixed(rng, number, 1, 8, out),
            Kind::Fixed32 => fixed(rng, number, 5, 4, out),
            Kind::Text => {
                let text = text(rng, errors);
                bytes(rng, number, &text, errors, out);
            }
            Kind::Bytes => {
                let len = if chance(rng, 70) {
                    8
                } else {
                    rng.random_range(0..20)
                };
                let id: Vec<u8> = (0..len).map(|_| rng.random_range(0..3)).collect();
                bytes(rng, number, &id, errors, out);
            }
            Kind::Varints => {
                let mut packed = Vec::new();
                (0..rng.random_range(0..4)).for_each(|_| varint(rng, &mut packed));
                bytes(rng, number, &packed, errors, out);
            }
            Kind::Fixed64s if chance(rng, 30) => fixed(rng, number, 1, 8, out),
            Kind::Fixed64s => {
                let packed = vec![7; rng.random_range(0..4) * 8];
                bytes(rng, number, &packed, errors, out);
            }
            Kind::Message(inner) if depth > 0 => {
                let mut nested = Vec::new();
                self::message(rng, inner, depth - 1, errors, &mut nested);
                bytes(rng, number, &nested, errors, out);
            }
            Kind::Message(_) => bytes(rng, number, &[], errors, out),
        }
    }
}

/// Which field to write: in a deep chain one that goes deeper, if there is one.
fn pick(rng: &mut ChaCha8Rng, message: &Message, depth: u32) -> usize {
    let deeper: Vec<usize> = (0..message.fields.len())
        .filter(|index| matches!(message.fields[*index], Kind::Message(_)))
        .collect();
    if !deeper.is_empty() && (depth > DEPTH || chance(rng, 40)) {
        return deeper[rng.random_range(0..deeper.len())];
    }
    rng.random_range(0..message.fields.len())
}

fn key(rng: &mut ChaCha8Rng, number: u32, wire_type: u32, out: &mut Vec<u8>) {
    let start = out.len();
    encode_varint(u64::from(number << 3 | wire_type), out);
    stretch(rng, start, out);
}

/// Now and then makes a varint longer than it has to be.
fn stretch(rng: &mut ChaCha8Rng, start: usize, out: &mut Vec<u8>) {
    if chance(rng, 2) {
        let last = out.len() - 1;
        out[last] |= 0x80;
        let more = rng.random_range(0..9_usize.saturating_sub(last - start).max(1));
        out.extend(std::iter::repeat_n(0x80, more));
        out.push(u8::from(chance(rng, 10)) * 2);
    }
}

fn varint(rng: &mut ChaCha8Rng, out: &mut Vec<u8>) {
    let start = out.len();
    let number: u64 = rng.random();
    encode_varint(number >> rng.random_range(0..64), out);
    stretch(rng, start, out);
}

fn fixed(rng: &mut ChaCha8Rng, number: u32, wire_type: u32, len: usize, out: &mut Vec<u8>) {
    key(rng, number, wire_type, out);
    out.extend((0..len).map(|_| rng.random_range(0..4_u8)));
}

fn bytes(rng: &mut ChaCha8Rng, number: u32, bytes: &[u8], errors: u32, out: &mut Vec<u8>) {
    key(rng, number, 2, out);
    let start = out.len();
    let mut len = bytes.len() as u64;
    if chance(rng, errors) {
        len = len.wrapping_add(rng.random_range(0..3)).wrapping_sub(1);
    }
    encode_varint(len, out);
    stretch(rng, start, out);
    out.extend_from_slice(bytes);
}

fn text(rng: &mut ChaCha8Rng, errors: u32) -> Vec<u8> {
    let len = if chance(rng, 5) {
        200
    } else {
        rng.random_range(0..40)
    };
    let mut text = vec![b'a'; len];
    if len >= 4 && chance(rng, 30) {
        let at = rng.random_range(0..=len - 4);
        text[at..at + 4].copy_from_slice("😀".as_bytes());
    }
    if len > 0 && chance(rng, errors) {
        text[rng.random_range(0..len)] = rng.random_range(0x80..=0xff);
    }
    text
}

/// A field of any wire type, groups within groups as well.
fn any_field(rng: &mut ChaCha8Rng, number: u32, level: u32, out: &mut Vec<u8>) {
    match rng.random_range(0..8) {
        0 => {
            key(rng, number, 0, out);
            varint(rng, out);
        }
        1 => fixed(rng, number, 1, 8, out),
        2 => fixed(rng, number, 5, 4, out),
        3 | 4 => {
            let len = rng.random_range(0..20);
            bytes(rng, number, &vec![1; len], 1, out);
        }
        5 if chance(rng, 10) => {
            let wire_type = rng.random_range(3..8);
            key(rng, number, wire_type, out);
        }
        _ => {
            let deep = level == 0 && chance(rng, 5);
            let levels = if deep { rng.random_range(90..110) } else { 1 };
            (0..levels).for_each(|_| key(rng, number, 3, out));
            if level < 3 {
                (0..rng.random_range(0..3)).for_each(|_| {
                    let inner = rng.random_range(1..20);
                    any_field(rng, inner, level + 1, out);
                });
            }
            (0..levels).for_each(|_| key(rng, number, 4, out));
        }
    }
}

/// Some bytes changed, left out, put in, or cut off.
fn damage(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>) {
    for _ in 0..rng.random_range(1..4) {
        if bytes.is_empty() {
            return;
        }
        let at = rng.random_range(0..bytes.len());
        match rng.random_range(0..5) {
            0 => bytes[at] = rng.random(),
            1 => bytes[at] ^= 1 << rng.random_range(0..8),
            2 => drop(bytes.remove(at)),
            3 => bytes.insert(at, rng.random()),
            _ => bytes.truncate(at),
        }
    }
}

#[test]
fn walk_and_full_decoder_agree() {
    let (valid, requests) = many(30_000, |rng| {
        let signal = signal(rng);
        let mut bytes = match rng.random_range(0..100) {
            0 => (0..rng.random_range(0..60)).map(|_| rng.random()).collect(),
            _ => request(rng, signal),
        };
        if chance(rng, 30) {
            damage(rng, &mut bytes);
        }
        agreement::protobuf(signal, &bytes)
    });
    println!("{valid} of {requests} requests are valid");
    // One that is refused early tells little.
    assert!(
        requests < 1000 || (requests / 3..requests * 9 / 10).contains(&valid),
        "{valid}"
    );
}

#[test]
fn json_rewriter_and_full_reader_agree() {
    let (taken, requests) = many(5_000, |rng| {
        let signal = signal(rng);
        let text = loop {
            let bytes = request(rng, signal);
            if let Some(text) = to_json(signal, &bytes) {
                break text;
            }
        };
        let mut bytes = text.into_bytes();
        if chance(rng, 50) {
            damage(rng, &mut bytes);
        }
        String::from_utf8(bytes).is_ok_and(|text| agreement::json(signal, &text))
    });
    println!("{taken} of {requests} texts are rewritten");
    assert!(
        requests < 1000 || (requests / 10..requests * 9 / 10).contains(&taken),
        "{taken}"
    );
}

fn to_json(signal: Signal, bytes: &[u8]) -> Option<String> {
    let text = match signal {
        Signal::Traces => serde_json::to_string(&ExportTraceServiceRequest::decode(bytes).ok()?),
        Signal::Metrics => serde_json::to_string(&ExportMetricsServiceRequest::decode(bytes).ok()?),
        Signal::Logs => serde_json::to_string(&ExportLogsServiceRequest::decode(bytes).ok()?),
    };
    text.ok()
}

/// Every field number with every wire type in every message, so that no table is wrong.
#[test]
fn every_field_of_every_message_is_read_as_prost_reads_it() {
    fn tried(signal: Signal, message: &'static Message, path: &mut Vec<u32>) {
        for number in 1..40 {
            let keyed = |wire_type: u32| {
                let mut field = Vec::new();
                encode_varint(u64::from(number << 3 | wire_type), &mut field);
                field
            };
            let fields = [
                [&keyed(0)[..], &[1]].concat(),
                [&keyed(1)[..], &[1; 8]].concat(),
                [&keyed(2)[..], &[0]].concat(),
                [&keyed(2)[..], &[1, 0xff]].concat(),
                [&keyed(2)[..], &[8, 8, 1, 8, 1, 8, 1, 8, 1]].concat(),
                [&keyed(2)[..], &[9, 8, 1, 8, 1, 8, 1, 8, 1, 1]].concat(),
                [keyed(3), keyed(4)].concat(),
                keyed(4),
                [&keyed(5)[..], &[1; 4]].concat(),
            ];
            for field in fields {
                let mut bytes = field;
                for number in path.iter().rev() {
                    let mut outer = Vec::new();
                    encode_varint(u64::from(number << 3 | 2), &mut outer);
                    encode_varint(bytes.len() as u64, &mut outer);
                    outer.append(&mut bytes);
                    bytes = outer;
                }
                agreement::protobuf(signal, &bytes);
            }
        }
        for (index, kind) in message.fields.iter().enumerate() {
            if let Kind::Message(inner) = kind
                && path.len() < 9
            {
                path.push(index as u32 + 1);
                tried(signal, inner, path);
                path.pop();
            }
        }
    }
    tried(Signal::Traces, &TRACES, &mut Vec::new());
    tried(Signal::Metrics, &METRICS, &mut Vec::new());
    tried(Signal::Logs, &LOGS, &mut Vec::new());
}
