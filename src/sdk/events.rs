//! What the SDK says only through its own log: partial success of gRPC, retries, and warnings.
//!
//! The events are emitted on the thread that exports the batch, so they belong to its batch.

use std::fmt;
use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

use super::attempt;
use super::recorder::Recorder;

/// Longest warning that is kept.
const NOTE_CHARS_MAX: usize = 300;

/// Listens to the OpenTelemetry crates and to nobody else.
#[derive(Debug)]
pub struct SdkEvents {
    recorder: Arc<Recorder>,
}

/// What an event means to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    PartialSuccess,
    Retrying,
    Permanent,
    /// A warning or an error, kept in words.
    Note,
}

impl SdkEvents {
    /// Installs itself for the whole process. Only the first call of a process has an effect.
    pub fn install(recorder: Arc<Recorder>) {
        // The client is set up once; in a test process a second listener has nothing to hear.
        let _ = tracing::subscriber::set_global_default(Self { recorder });
    }
}

fn meaning(metadata: &Metadata<'_>) -> Option<Meaning> {
    if !metadata.is_event() || !metadata.target().starts_with("opentelemetry") {
        return None;
    }
    let name = metadata.name();
    if name.ends_with(".PartialSuccess") {
        return Some(Meaning::PartialSuccess);
    }
    match name {
        "Export.InProgress.Retrying" | "Export.InProgress.Throttled" => Some(Meaning::Retrying),
        "Export.Failed.NonRetryable" => Some(Meaning::Permanent),
        _ if *metadata.level() <= Level::WARN => Some(Meaning::Note),
        _ => None,
    }
}

impl Subscriber for SdkEvents {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Asked once per call site, so all the others cost one load each.
        match meaning(metadata) {
            Some(_) => Interest::always(),
            None => Interest::never(),
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        meaning(metadata).is_some()
    }

    fn event(&self, event: &Event<'_>) {
        let Some(meaning) = meaning(event.metadata()) else {
            return;
        };
        let mut fields = Fields::default();
        event.record(&mut fields);
        match meaning {
            Meaning::PartialSuccess => {
                attempt::partial_success(fields.rejected, &fields.error_message);
            }
            Meaning::Retrying => return attempt::retrying(),
            Meaning::Permanent => attempt::told_permanent(),
            Meaning::Note => {}
        }
        let mut note = event.metadata().name().to_owned();
        for text in [&fields.message, &fields.error, &fields.error_message] {
            if !text.is_empty() {
                note.push_str(": ");
                note.push_str(text);
            }
        }
        // Before it is cut: half a secret would not be recognised.
        let note = self.recorder.redacted(note);
        self.recorder
            .note(note.chars().take(NOTE_CHARS_MAX).collect());
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        // Spans are never enabled, so nobody uses the id.
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[derive(Debug, Default)]
struct Fields {
    rejected: u64,
    message: String,
    error: String,
    error_message: String,
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        if field.name().starts_with("rejected_") {
            self.rejected = u64::try_from(value).unwrap_or(0);
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name().starts_with("rejected_") {
            self.rejected = value;
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let slot = match field.name() {
            "message" => &mut self.message,
            "error" | "reason" => &mut self.error,
            "error_message" => &mut self.error_message,
            _ => return,
        };
        value.clone_into(slot);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
