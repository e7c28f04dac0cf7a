//! A program of your own as squall's client, in Rust with the official SDK.
//!
//!     cargo build --release --example command_client
//!     squall run scenarios/command-rust.yaml
//!
//! It knows nothing of squall but the line that it prints at the end. Where to send, and how, its SDK reads
//! from the environment. Its arguments: how many spans to make, and how many a second.

use std::error::Error;
use std::thread::sleep;
use std::time::{Duration, Instant};

use opentelemetry::logs::{LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry::trace::{
    Span as _, SpanKind, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{LogExporter, SpanExporter};
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;

/// Spans of one request that the program pretends to serve.
const SPANS_PER_REQUEST: u64 = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let spans: u64 = args.next().map_or(Ok(3000), |text| text.parse())?;
    let spans_per_s: u64 = args.next().map_or(Ok(1000), |text| text.parse())?;

    // Of the HTTP client's two, for `OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf`.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // gRPC's channels live in a runtime; the SDK's own threads do the rest.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let inside = runtime.enter();
    let tracing = SdkTracerProvider::builder()
        .with_batch_exporter(SpanExporter::builder().build()?)
        .build();
    let logging = SdkLoggerProvider::builder()
        .with_batch_exporter(LogExporter::builder().build()?)
        .build();
    drop(inside);

    let tracer = tracing.tracer("command_client");
    let logger = logging.logger("command_client");
    let requests = spans / SPANS_PER_REQUEST;
    let begun = Instant::now();
    for request in 0..requests {
        let due =
            Duration::from_secs_f64((request * SPANS_PER_REQUEST) as f64 / spans_per_s as f64);
        sleep(due.saturating_sub(begun.elapsed()));
        let server = tracer
            .span_builder("GET /cart")
            .with_kind(SpanKind::Server)
            .with_attributes([KeyValue::new("request", request as i64)])
            .start(&tracer);
        let context = Context::current_with_span(server);
        for name in ["query", "render"] {
            tracer.start_with_context(name, &context).end();
        }
        context.span().end();
        let mut record = logger.create_log_record();
        record.set_timestamp(std::time::SystemTime::now());
        record.set_severity_number(Severity::Info);
        record.set_body(format!("served request {request}").into());
        logger.emit(record);
    }

    // What the queues still hold goes out first: losses are to be the pipeline's.
    let ends = [
        tracing.shutdown().map_err(|e| e.to_string()),
        logging.shutdown().map_err(|e| e.to_string()),
    ];
    println!(
        "squall: made spans={} log_records={requests}",
        requests * SPANS_PER_REQUEST
    );
    for end in ends {
        end?;
    }
    Ok(())
}
