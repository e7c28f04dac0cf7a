//! Faults of the sink's answers and of its TLS.

use super::Kinds;
use crate::plan::{AnswerFault, AnswerStatus, FaultKind, Plan, Protocol, TlsFault, TlsPlan};
use crate::scenario::file::{AnswerFile, CloseAtFile, FaultFile, StatusFile};
use crate::scenario::into_plan::{HOUR, MS, Planner, SECOND};
use crate::scenario::problem::Finding;

/// Their keys.
pub(super) const KINDS: [&str; 2] = ["answer", "tls_fault"];

impl Planner<'_> {
    pub(super) fn answer_kinds(&mut self, path: &str, file: &FaultFile, kinds: &mut Kinds) {
        if let Some(answer) = &file.answer {
            let share = file.share.map_or(1.0, |share| share.0);
            if !(share > 0.0 && share <= 1.0) {
                let help = "more than 0%, and 100% at most";
                self.problem(&format!("{path}.share"), "this share is out of range", help);
            }
            let fault = self.answer_fault(&format!("{path}.answer"), answer);
            if fault.is_some_and(|fault| fault.strikes_connections()) && file.signal.is_some() {
                self.no_place(
                    &format!("{path}.signal"),
                    "this fault strikes connections, whatever they carry",
                    "leave `signal` out",
                );
            }
            let kind = fault.map(|fault| FaultKind::Answer {
                fault,
                share,
                signal: file.signal,
            });
            // What is missing in it has been said already.
            kinds.push(("answer", kind));
        } else {
            for (key, given) in [
                ("share", file.share.is_some()),
                ("signal", file.signal.is_some()),
            ] {
                if given {
                    self.no_place(
                        &format!("{path}.{key}"),
                        format!("only a fault of answers has a {key}"),
                        format!("leave `{key}` out, or add `answer`"),
                    );
                }
            }
        }
        if let Some(fault) = file.tls_fault {
            kinds.push(("tls_fault", Some(FaultKind::Tls(fault))));
        }
    }

    fn answer_fault(&mut self, path: &str, file: &AnswerFile) -> Option<AnswerFault> {
        Some(match file {
            AnswerFile::Status(status) => self.status(&format!("{path}.status"), status)?,
            AnswerFile::PartialSuccess(file) => {
                let key = format!("{path}.partial_success.reject");
                let reject =
                    self.required(&key, file.reject, "items of each request, such as `3`")?;
                let reject = self.count(&key, Some(reject), 1, 1..=1_000_000);
                AnswerFault::PartialSuccess { reject }
            }
            AnswerFile::Slow(delay) => {
                let key = format!("{path}.slow");
                let delay_ns = self.time(&key, Some(*delay), MS, MS..=HOUR);
                AnswerFault::Slow { delay_ns }
            }
            AnswerFile::LoseResponse(by) => AnswerFault::LoseResponse { by: *by },
            AnswerFile::Goaway => AnswerFault::Goaway,
            AnswerFile::ResetStream(reason) => AnswerFault::ResetStream { reason: *reason },
            AnswerFile::NoTrailers => AnswerFault::NoTrailers,
            AnswerFile::MalformedBody => AnswerFault::MalformedBody,
            AnswerFile::CloseAt(CloseAtFile::Request(bytes)) => {
                AnswerFault::CloseAtRequest { bytes: bytes.0 }
            }
            AnswerFile::CloseAt(CloseAtFile::Response(bytes)) => {
                AnswerFault::CloseAtResponse { bytes: bytes.0 }
            }
            AnswerFile::SlowReader(speed) => AnswerFault::SlowReader {
                bytes_per_second: speed.0,
            },
            AnswerFile::HalfOpen => AnswerFault::HalfOpen,
        })
    }

    fn status(&mut self, path: &str, file: &StatusFile) -> Option<AnswerFault> {
        let retry_after = format!("{path}.retry_after");
        let retry_after_ns = file
            .retry_after
            .map(|time| self.time(&retry_after, Some(time), 0, 0..=HOUR));
        let http = format!("{path}.http");
        if file.grpc.is_some() && file.http.is_some() {
            self.no_place(
                &http,
                "`grpc` and `http` cannot stand together",
                "only the one that the client speaks: see `client.protocol`",
            );
        }
        let status = match (file.grpc, file.http) {
            (Some(code), _) => AnswerStatus::Grpc(code),
            (None, Some(code)) => AnswerStatus::Http(self.count(&http, Some(code), 503, 300..=599)),
            (None, None) => {
                if !self.document.has(&http) && !self.document.has(&format!("{path}.grpc")) {
                    let help = "add `grpc: UNAVAILABLE` or `http: 503`, as the client speaks";
                    self.problem(path, "this does not say which status", help);
                }
                return None;
            }
        };
        if matches!(status, AnswerStatus::Http(_))
            && retry_after_ns.is_some_and(|ns| ns % SECOND != 0)
        {
            let message = "Retry-After counts whole seconds";
            self.problem(&retry_after, message, "for example `1s`");
        }
        Some(AnswerFault::Status {
            status,
            retry_after_ns,
        })
    }

    /// Whether a fault of answers can be met by a client that speaks so and sends that.
    pub(super) fn answers_fit(&mut self, path: &str, file: &FaultFile, plan: &Plan) {
        if let Some(answer) = &file.answer {
            self.answer_fits(&format!("{path}.answer"), answer, plan.client.protocol);
            if let Some(signal) = file
                .signal
                .filter(|signal| plan.load.arrivals(*signal).is_none() && !plan.is_command())
            {
                self.problem(
                    &format!("{path}.signal"),
                    format!("no {signal} are sent, so nothing would be struck"),
                    format!("add `load.{signal}`, or leave `signal` out"),
                );
            }
        }
        if let Some(fault) = file.tls_fault {
            self.tls_fault_fits(&format!("{path}.tls_fault"), fault, &plan.client.tls);
        }
    }

    fn answer_fits(&mut self, path: &str, answer: &AnswerFile, protocol: Protocol) {
        let grpc = protocol == Protocol::Grpc;
        let spoken = format!("the client speaks {}", protocol.as_str());
        match answer {
            AnswerFile::Status(StatusFile { http: Some(_), .. }) if grpc => {
                let help =
                    "name a gRPC code, such as `grpc: UNAVAILABLE`, or set `client.protocol`";
                self.problem(&format!("{path}.status.http"), spoken, help);
            }
            AnswerFile::Status(StatusFile { grpc: Some(_), .. }) if !grpc => {
                let help = "name an HTTP code, such as `http: 503`, or set `client.protocol: grpc`";
                self.problem(&format!("{path}.status.grpc"), spoken, help);
            }
            AnswerFile::Goaway | AnswerFile::ResetStream(_) | AnswerFile::NoTrailers if !grpc => {
                let message = format!("{spoken}, and this fault needs HTTP/2");
                self.problem(path, message, "set `client.protocol: grpc`");
            }
            _ => {}
        }
    }

    fn tls_fault_fits(&mut self, path: &str, fault: TlsFault, tls: &TlsPlan) {
        match (fault, tls) {
            (_, TlsPlan::Off) => {
                let message = "the line is not encrypted";
                self.problem(path, message, "set `client.tls: generated`");
            }
            (TlsFault::Expired | TlsFault::WrongHost, TlsPlan::Given { .. }) => {
                let message = "your authority would have to sign such a certificate";
                let help = "set `client.tls: generated`, or take `unknown_ca`";
                self.problem(path, message, help);
            }
            _ => {}
        }
    }

    /// A key that has no place where it stands.
    fn no_place(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        let span = self.document.key_span(path);
        self.findings.push(Finding::new(span, message).help(help));
    }
}
