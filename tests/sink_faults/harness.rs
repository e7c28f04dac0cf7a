//! A sink role under a fault, and clients that see what is on the wire.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::client::SendRequest;
use http::HeaderMap;
use prost::Message;
use squall::journal::{self, ANSWERS_FILE, AnswerLine};
use squall::mapped::{Bitmap, Words, names};
use squall::plan::{AnswerFault, FaultKind, SinkPlan};
use squall::role::control::{Command, ExpectedProducer, Report, Setup, SinkSetup, SinkTls};
use squall::signal::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::common::role::Role;
use crate::common::sender::spans;

const SEQUENCES: u64 = 100_000;

/// A sink that expects one producer of spans.
pub struct Run {
    pub evidence: TempDir,
    pub role: Role,
    pub start_unix_ns: u64,
}

impl Run {
    pub fn start(tls: Option<SinkTls>) -> Self {
        let evidence = tempfile::tempdir().unwrap();
        let (signal, producer) = (Signal::Traces, 0);
        let path = |name: String| evidence.path().join(name);
        Bitmap::create(&path(names::received(signal, producer)), SEQUENCES).unwrap();
        Bitmap::create(&path(names::received_again(signal, producer)), SEQUENCES).unwrap();
        Words::create(&path(names::extra_copies(signal, producer)), 2).unwrap();
        let setup = Setup::Sink(Box::new(SinkSetup {
            require: Vec::new(),
            sink: SinkPlan {
                require: std::collections::BTreeMap::new(),
                tls: squall::plan::TlsPlan::Off,
                max_request_bytes: 64 << 20,
                strict: false,
                throttle: None,
                plant: Vec::new(),
                oracle: Some(evidence.path().join("oracle").display().to_string()),
            },
            seed: 42,
            expected: vec![ExpectedProducer {
                signal,
                producer,
                sequences: SEQUENCES,
                items_per_arrival: 1,
                replayed: false,
            }],
            segments: Vec::new(),
            tls,
            listen: std::net::Ipv4Addr::LOCALHOST.into(),
            resumes: None,
            content: None,
            evidence: evidence.path().to_owned(),
            foreign: false,
        }));
        let mut role = Role::start("sink", &setup);
        let clock = role.start_run(0);
        role.wait_for(|report| matches!(report, Report::Sink(_)).then_some(()));
        Self {
            evidence,
            role,
            start_unix_ns: clock.start_unix_ns,
        }
    }

    /// Begins a fault that strikes everything.
    pub fn begin(&mut self, fault: AnswerFault) {
        self.begin_kind(FaultKind::Answer {
            fault,
            share: 1.0,
            signal: None,
        });
    }

    pub fn begin_kind(&mut self, kind: FaultKind) {
        self.role.command(&Command::StartFault { fault: 0, kind });
        self.role.wait_for(|report| match report {
            Report::FaultStarted { fault: 0, .. } => Some(()),
            Report::Failed { why } => panic!("{why}"),
            _ => None,
        });
    }

    /// Ends it; its proof.
    pub fn end(&mut self) -> Option<String> {
        self.role.command(&Command::EndFault { fault: 0 });
        self.role.wait_for(|report| match report {
            Report::FaultEnded {
                fault: 0, proof, ..
            } => Some(proof),
            Report::Failed { why } => panic!("{why}"),
            _ => None,
        })
    }

    /// Sequences that were received.
    pub fn received(&self) -> Vec<u64> {
        let path = self
            .evidence
            .path()
            .join(names::received(Signal::Traces, 0));
        Bitmap::open(&path).unwrap().to_set().iter().collect()
    }

    pub fn answers(&self) -> Vec<AnswerLine> {
        journal::read(&self.evidence.path().join(ANSWERS_FILE)).unwrap()
    }

    /// A request with these sequences, as protobuf.
    pub fn request(&self, sequences: impl IntoIterator<Item = u64>) -> Vec<u8> {
        spans(0, sequences, self.start_unix_ns).encode_to_vec()
    }

    /// A request in HTTP/1.1 with these sequences.
    pub fn http(&self, sequences: impl IntoIterator<Item = u64>) -> Vec<u8> {
        let body = self.request(sequences);
        let mut bytes = format!(
            "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        bytes.extend(body);
        bytes
    }
}

/// Keeps what is read.
struct Tee {
    stream: TcpStream,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl AsyncRead for Tee {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buf);
        let mut heard = this.heard.lock().unwrap();
        heard.extend_from_slice(&buf.filled()[before..]);
        polled
    }
}

impl AsyncWrite for Tee {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Kinds of HTTP/2 frames. Source: RFC 9113, section 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Data,
    Headers,
    RstStream,
    Goaway,
    Other,
}

/// A frame as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub kind: Kind,
    pub end_stream: bool,
    /// Of the payload's first four bytes, big-endian: RST_STREAM's code, GOAWAY's last stream.
    pub word: u32,
}

/// An answer, trailers included.
#[derive(Debug)]
pub struct Heard {
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub trailers: Option<HeaderMap>,
}

/// A gRPC client of which every frame is seen.
pub struct Wire {
    sender: SendRequest<Bytes>,
    bytes: Arc<Mutex<Vec<u8>>>,
    pub connection: JoinHandle<Result<(), h2::Error>>,
}

impl Wire {
    pub async fn open(address: &str) -> Self {
        let bytes = Arc::default();
        let stream = Tee {
            stream: TcpStream::connect(address).await.unwrap(),
            heard: Arc::clone(&bytes),
        };
        let (sender, connection) = h2::client::handshake(stream).await.unwrap();
        Self {
            sender,
            bytes,
            connection: tokio::spawn(connection),
        }
    }

    /// Sends one export request.
    pub async fn export(&mut self, message: Vec<u8>) -> Result<Heard, h2::Error> {
        let request = http::Request::post(
            "http://x/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        )
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap();
        let mut sender = self.sender.clone().ready().await?;
        let (answer, mut body) = sender.send_request(request, false)?;
        let mut frame = vec![0];
        frame.extend((message.len() as u32).to_be_bytes());
        frame.extend(message);
        body.send_data(frame.into(), true)?;
        let (head, mut body) = answer.await?.into_parts();
        let mut bytes = Vec::new();
        while let Some(data) = body.data().await {
            let data = data?;
            let _ = body.flow_control().release_capacity(data.len());
            bytes.extend_from_slice(&data);
        }
        Ok(Heard {
            headers: head.headers,
            body: bytes,
            trailers: body.trailers().await?,
        })
    }

    /// Every whole frame that has come.
    pub fn frames(&self) -> Vec<Frame> {
        let bytes = self.bytes.lock().unwrap();
        let mut rest = &bytes[..];
        let mut frames = Vec::new();
        while let Some((head, tail)) = rest.split_at_checked(9) {
            let len = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let Some((payload, tail)) = tail.split_at_checked(len) else {
                break;
            };
            let kind = match head[3] {
                0 => Kind::Data,
                1 => Kind::Headers,
                3 => Kind::RstStream,
                7 => Kind::Goaway,
                _ => Kind::Other,
            };
            let word = payload.first_chunk().map_or(0, |w| u32::from_be_bytes(*w));
            frames.push(Frame {
                kind,
                end_stream: matches!(kind, Kind::Data | Kind::Headers) && head[4] & 1 == 1,
                word,
            });
            rest = tail;
        }
        frames
    }

    pub fn frames_of(&self, kind: Kind) -> Vec<Frame> {
        let frames = self.frames().into_iter();
        frames.filter(|frame| frame.kind == kind).collect()
    }
}
