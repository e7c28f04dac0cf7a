//! The scenario that the arguments stand for. It goes the way of every other scenario, so that the
//! same defaults and limits hold.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use miette::miette;
use serde_json::{Value, json};

use super::{Args, Arrivals, Compressed};
use crate::error::CliError;
use crate::plan::schedule::MOST_RATE;
use crate::signal::Signal;
use crate::{clock, scenario};

/// The scenario's name. Paths in it start in the current folder.
pub const NAME: &str = "send";

/// Most items of a run: each has its bits in files that the run maps.
const MOST_ITEMS: f64 = 200e6;
/// A request is due this often at least, so that a small load does not come in lumps.
const REQUEST_S: f64 = 0.2;
/// How often a request is tried again, and what its pauses may take together: 100, 200 and 400 ms, and the
/// jitter of each. A peer that asks for longer ones may be left with the last.
const RETRIES: u32 = 3;
const PAUSES: Duration = Duration::from_secs(1);
/// Most that a drain may last.
const DRAIN_MAX: Duration = Duration::from_secs(3600);
/// Seconds of load that may wait for an answer to make room, and the fewest requests.
const QUEUE_S: f64 = 2.0;
const QUEUE_MIN: f64 = 64.0;
const QUEUE_MAX: f64 = 1e6;

/// The scenario's text.
///
/// # Errors
/// When a rate makes no sense.
pub fn scenario(args: &Args) -> Result<String, CliError> {
    let (shape, mean, peak) = rate(args)?;
    let seconds = args.duration.as_secs_f64();
    if mean * seconds > MOST_ITEMS {
        return Err(wrong(
            format!("{mean:.0} items per second for {seconds} s are more than a run can have"),
            "at most 200 million items: lower --rate or shorten --for",
        ));
    }
    let batch = items_per_request(args, mean);
    let queue = (peak * QUEUE_S / f64::from(batch)).clamp(QUEUE_MIN, QUEUE_MAX);
    let mut raw = json!({
        "items_per_request": batch,
        "queue": queue as u64,
        "timeout": ms(args.timeout),
        "resource": args.resource.iter().cloned().collect::<BTreeMap<String, String>>(),
    });
    // Over HTTP/1.1 each request under way has a connection.
    let (many, count) = match args.is_http() {
        true => ("in_flight", 8 * args.workers),
        false => ("connections", args.workers),
    };
    raw[many] = count.into();
    let headers = args.headers.iter().cloned();
    let headers: serde_json::Map<String, Value> =
        headers.map(|(name, value)| (name, value.into())).collect();
    let scenario = json!({
        "scenario": NAME,
        "description": format!("squall send {}, batches of {batch}", args.signal),
        "seed": args.seed.unwrap_or_else(drawn_seed),
        "run": {
            "warmup": "0s",
            "duration": ms(args.duration),
            // Nothing is judged by it, so that an item that is late is better than one that is missed.
            "miss_after": "2s",
            "lateness_limit": "2s",
            // What was sent last may take as long as an answer may, each time that it is tried.
            "drain": ms((args.timeout * (RETRIES + 1) + PAUSES).min(DRAIN_MAX)),
        },
        "client": {
            "service": args.service,
            "protocol": match (args.http, args.http_json) {
                (_, true) => "http/json",
                (true, false) => "http/protobuf",
                (false, false) => "grpc",
            },
            "compression": match args.compression {
                Compressed::None => "none",
                Compressed::Gzip => "gzip",
                Compressed::Zstd => "zstd",
            },
            "producers": args.workers,
            "headers": headers,
            "tls": tls(args),
            "kind": "raw",
            "raw": raw,
            "retry": { "max_retries": RETRIES },
        },
        "load": { args.signal.as_str(): load(args, shape) },
        "target": {
            "name": "endpoint",
            "external": { "endpoint": args.endpoint() },
        },
    });
    Ok(scenario.to_string())
}

/// Another one each time, so that a backend never sees the ids of an earlier sending; not too long to type.
fn drawn_seed() -> u64 {
    clock::unix_ns() & u64::from(u32::MAX)
}

/// As many as asked for, or fewer where the rate is so low that one request would hold what comes due in
/// a long time; whole traces in any case.
fn items_per_request(args: &Args, mean: f64) -> u32 {
    let trace = match args.signal {
        Signal::Traces => args.spans_per_trace.max(1),
        Signal::Metrics | Signal::Logs => 1,
    };
    let seconds = REQUEST_S.min(args.duration.as_secs_f64());
    let often = (mean * seconds / f64::from(args.workers.max(1))).round() as u32;
    let items = args.batch_size.min(often).max(1);
    (items / trace).max(1) * trace
}

/// The keys of the load that say the rate, the mean rate, and the largest.
fn rate(args: &Args) -> Result<(Value, f64, f64), CliError> {
    if let Some(ramp) = &args.ramp {
        let ends = ramp.split_once("..");
        let (from, to) = ends.ok_or_else(|| {
            wrong(
                format!("--ramp {ramp}: this is no ramp"),
                "two rates, such as 100/s..10k/s",
            )
        })?;
        let (from, to) = (parsed("--ramp", from)?, parsed("--ramp", to)?);
        if from.max(to) <= 0.0 {
            return Err(nothing("--ramp"));
        }
        let over = ms(args.duration);
        let ramp = json!({ "from": per_second(from), "to": per_second(to), "over": over });
        let shape = json!({ "shape": { "ramp": ramp } });
        return Ok((shape, f64::midpoint(from, to), from.max(to)));
    }
    let rate = parsed("--rate", args.rate.as_deref().unwrap_or_default())?;
    if rate <= 0.0 {
        return Err(nothing("--rate"));
    }
    Ok((json!({ "rate": per_second(rate) }), rate, rate))
}

/// A rate in items per second, with a unit or without.
fn parsed(option: &str, text: &str) -> Result<f64, CliError> {
    let rate = match text.trim().parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate >= 0.0 => rate,
        _ => scenario::parse_rate(text).map_err(|why| {
            wrong(
                format!("{option} {text}: {why}"),
                "a number and a unit, such as 10k/s",
            )
        })?,
    };
    if rate > MOST_RATE {
        return Err(wrong(
            format!("{option} {text}: this is more than 10M/s, the most that can be asked for"),
            "lower it; what this machine can do is far below",
        ));
    }
    Ok(rate)
}

fn nothing(option: &str) -> CliError {
    wrong(
        format!("{option}: a rate of 0 sends nothing"),
        "say how much to send, such as --rate 10k/s; there is no rate without a limit, for nothing could be due then",
    )
}

fn wrong(message: String, help: &str) -> CliError {
    CliError::usage(miette!(help = help.to_owned(), "{message}"))
}

fn load(args: &Args, mut load: Value) -> Value {
    load["arrivals"] = match args.arrivals {
        Arrivals::Constant => "constant",
        Arrivals::Poisson => "poisson",
    }
    .into();
    load["attributes"] = json!({
        "count": args.attributes,
        "value_bytes": args.attribute_bytes,
    });
    match args.signal {
        Signal::Traces => load["spans_per_trace"] = args.spans_per_trace.into(),
        Signal::Logs => load["body_bytes"] = args.body_bytes.into(),
        Signal::Metrics => {}
    }
    load
}

fn tls(args: &Args) -> Value {
    let shown = |path: &Path| path.display().to_string();
    let Some(ca) = &args.ca else {
        return "off".into();
    };
    let mut given = json!({ "ca": shown(ca) });
    if let (Some(cert), Some(key)) = (&args.client_cert, &args.client_key) {
        given["client"] = json!({ "cert": shown(cert), "key": shown(key) });
    }
    json!({ "given": given })
}

fn per_second(rate: f64) -> String {
    format!("{rate}/s")
}

fn ms(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn a_drain_lasts_as_long_as_the_last_request_may_be_tried() {
        for timeout in ["500ms", "10s"] {
            let line = ["send", "traces", "--rate", "10/s", "--timeout", timeout];
            let text = scenario(&Line::parse_from(line).args).unwrap();
            let plan = crate::scenario::load_text(NAME, &text, &[]).unwrap();
            let retry = &plan.client.retry;
            let tries = u64::from(retry.max_retries) + 1;
            let pause_ns = |retries: u32| (retry.initial_delay_ns << retries) + retry.max_jitter_ns;
            let pauses_ns: u64 = (0..retry.max_retries).map(pause_ns).sum();
            let answers_ns = tries * plan.client.raw.as_ref().unwrap().timeout_ns;
            assert!(plan.run.drain_ns >= answers_ns + pauses_ns, "{timeout}");
            assert!(plan.client.shutdown_timeout_ns >= plan.run.drain_ns);
        }
    }
}
