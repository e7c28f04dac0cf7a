//! Requests of HTTP/2: frames of many streams, and headers that refer to earlier ones.
//!
//! Source: RFC 9113. Only the client's frames are seen, so a stream that the server has reset looks
//! like one that is still to come: what it holds is given up when others need the room.

use std::collections::BTreeMap;
use std::fmt;

use loona_hpack::Decoder as Hpack;

use super::Unreadable;
use super::body::Body;
use super::request::{Finished, Heading, Wanted};

const FRAME_HEADER_BYTES: usize = 9;
/// Streams that are remembered at once.
const STREAMS_MAX: usize = 4096;
/// Bytes that one block of headers may have.
const BLOCK_BYTES_MAX: usize = 256 << 10;
/// Bytes to which a server may let the table of headers grow.
const TABLE_BYTES_MAX: usize = 64 << 10;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const PUSH_PROMISE: u8 = 5;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;
const PRIORITY_BYTES: usize = 5;

/// The requests of one connection.
pub struct Http2 {
    max_request_bytes: u64,
    hpack: Hpack<'static>,
    streams: BTreeMap<u32, Stream>,
    /// Bytes of bodies that are kept, of all streams.
    kept_bytes: u64,
    state: State,
    /// What has come of a frame that is read whole.
    buffer: Vec<u8>,
    /// A block of headers that goes on in the next frame.
    block: Option<Block>,
}

#[derive(Debug)]
struct Stream {
    wanted: Option<Wanted>,
    body: Body,
}

#[derive(Debug)]
struct Block {
    stream: u32,
    ends_stream: bool,
    bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// In the header of a frame.
    Header,
    /// In a frame that is read whole.
    Whole(Frame),
    /// In a frame of data: bytes of content, and of padding behind it.
    Data {
        stream: u32,
        ends_stream: bool,
        left: usize,
        padding: usize,
    },
    /// Before the length of the padding of a frame of data.
    Padded(Frame),
    /// In a frame that does not matter.
    Skip(usize),
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    len: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Frame {
    fn parse(bytes: &[u8; FRAME_HEADER_BYTES]) -> Self {
        let [a, b, c, kind, flags, stream @ ..] = *bytes;
        Self {
            len: u32::from_be_bytes([0, a, b, c]) as usize,
            kind,
            flags,
            stream: u32::from_be_bytes(stream) & 0x7fff_ffff,
        }
    }

    const fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

impl Http2 {
    pub fn new(max_request_bytes: u64) -> Self {
        let mut hpack = Hpack::new();
        hpack.set_max_allowed_table_size(TABLE_BYTES_MAX);
        Self {
            max_request_bytes,
            hpack,
            streams: BTreeMap::new(),
            kept_bytes: 0,
            state: State::Header,
            buffer: Vec::new(),
            block: None,
        }
    }

    /// Takes the next bytes.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        finished: &mut dyn FnMut(Finished),
    ) -> Result<(), Unreadable> {
        loop {
            match self.state {
                State::Header => {
                    let Some(header) = self.gather(&mut bytes, FRAME_HEADER_BYTES) else {
                        return Ok(());
                    };
                    let frame = header.first_chunk().map(Frame::parse);
                    self.buffer.clear();
                    if let Some(frame) = frame {
                        self.state = self.begin(frame)?;
                    }
                }
                State::Whole(frame) => {
                    if self.gather(&mut bytes, frame.len).is_none() {
                        return Ok(());
                    }
                    self.state = State::Header;
                    let payload = std::mem::take(&mut self.buffer);
                    self.whole(frame, &payload, finished)?;
                    self.buffer = payload;
                    self.buffer.clear();
                }
                State::Padded(frame) => {
                    let Some((padding, rest)) = bytes.split_first() else {
                        return Ok(());
                    };
                    bytes = rest;
                    let padding = usize::from(*padding);
                    let left = (frame.len - 1).checked_sub(padding);
                    self.state = State::Data {
                        stream: frame.stream,
                        ends_stream: frame.has(END_STREAM),
                        left: left.ok_or_else(|| not_http2("a frame of padding alone"))?,
                        padding,
                    };
                }
                State::Data {
                    stream,
                    ends_stream,
                    left,
                    padding,
                } => {
                    let (some, rest) = bytes.split_at(left.min(bytes.len()));
                    bytes = rest;
                    self.keep(stream, some);
                    if some.len() < left {
                        self.state = State::Data {
                            stream,
                            ends_stream,
                            left: left - some.len(),
                            padding,
                        };
                        return Ok(());
                    }
                    self.state = State::Skip(padding);
                    if ends_stream {
                        self.end(stream, finished);
                    }
                }
                State::Skip(left) => {
                    let some = left.min(bytes.len());
                    bytes = &bytes[some..];
                    if some < left {
                        self.state = State::Skip(left - some);
                        return Ok(());
                    }
                    self.state = State::Header;
                }
            }
        }
    }

    /// Gathers so many bytes in the buffer; `None` while they have not come.
    fn gather(&mut self, bytes: &mut &[u8], wanted: usize) -> Option<&[u8]> {
        let missing = wanted - self.buffer.len();
        let (some, rest) = bytes.split_at(missing.min(bytes.len()));
        self.buffer.extend_from_slice(some);
        *bytes = rest;
        (self.buffer.len() == wanted).then_some(&self.buffer)
    }

    /// What is to be done with a frame.
    fn begin(&self, frame: Frame) -> Result<State, Unreadable> {
        if let Some(block) = &self.block
            && (frame.kind != CONTINUATION || frame.stream != block.stream)
        {
            return Err(not_http2("a block of headers is broken off"));
        }
        Ok(match frame.kind {
            DATA if frame.stream == 0 => return Err(not_http2("data of no stream")),
            DATA if frame.has(PADDED) && frame.len == 0 => {
                return Err(not_http2("padding without a length"));
            }
            DATA if frame.has(PADDED) => State::Padded(frame),
            DATA => State::Data {
                stream: frame.stream,
                ends_stream: frame.has(END_STREAM),
                left: frame.len,
                padding: 0,
            },
            HEADERS | CONTINUATION if frame.len > BLOCK_BYTES_MAX => {
                return Err(not_http2("headers of more than 256 KiB"));
            }
            CONTINUATION if self.block.is_none() => {
                return Err(not_http2("headers that continue nothing"));
            }
            HEADERS | CONTINUATION => State::Whole(frame),
            RST_STREAM if frame.len == 4 => State::Whole(frame),
            RST_STREAM => return Err(not_http2("a reset of the wrong length")),
            PUSH_PROMISE => return Err(not_http2("a promise of the client's")),
            _ => State::Skip(frame.len),
        })
    }

    /// Meets a frame that has been read whole.
    fn whole(
        &mut self,
        frame: Frame,
        payload: &[u8],
        finished: &mut dyn FnMut(Finished),
    ) -> Result<(), Unreadable> {
        let mut block = match frame.kind {
            HEADERS => Block {
                stream: frame.stream,
                ends_stream: frame.has(END_STREAM),
                bytes: fragment(frame, payload)?.to_vec(),
            },
            CONTINUATION => {
                let Some(mut block) = self.block.take() else {
                    return Ok(());
                };
                block.bytes.extend_from_slice(payload);
                block
            }
            _ => {
                self.forget(frame.stream);
                return Ok(());
            }
        };
        if block.bytes.len() > BLOCK_BYTES_MAX {
            return Err(not_http2("headers of more than 256 KiB"));
        }
        if !frame.has(END_HEADERS) {
            self.block = Some(block);
            return Ok(());
        }
        let mut heading = Heading::default();
        let bytes = std::mem::take(&mut block.bytes);
        self.hpack
            .decode_with_cb(&bytes, |name, value| heading.header(&name, &value))
            .map_err(|error| not_http2(&error.to_string()))?;
        // What a stream has after its first headers are trailers, which say nothing here.
        if !self.streams.contains_key(&block.stream) {
            let wanted = heading.wanted();
            self.make_room(finished);
            let body = Body::new(wanted.is_some());
            self.streams.insert(block.stream, Stream { wanted, body });
        }
        if block.ends_stream {
            self.end(block.stream, finished);
        }
        Ok(())
    }

    /// Forgets the oldest stream where there are too many.
    fn make_room(&mut self, finished: &mut dyn FnMut(Finished)) {
        if self.streams.len() >= STREAMS_MAX
            && let Some(oldest) = self.streams.keys().next().copied()
            && let Some(Stream {
                wanted: Some(wanted),
                ..
            }) = self.forget(oldest)
        {
            let body = Body::Forgotten;
            finished(Finished { wanted, body });
        }
    }

    /// Keeps content of a stream, in place of that of older ones where there is no room.
    fn keep(&mut self, stream: u32, bytes: &[u8]) {
        let known = self.streams.get(&stream);
        if !known.is_some_and(|stream| matches!(stream.body, Body::Kept(_))) {
            return;
        }
        while self.kept_bytes + bytes.len() as u64 > self.max_request_bytes {
            let holding =
                |(id, other): &(&u32, &mut Stream)| **id != stream && other.body.len() > 0;
            let Some((_, oldest)) = self.streams.iter_mut().find(holding) else {
                break;
            };
            self.kept_bytes -= oldest.body.len();
            oldest.body = Body::TooLarge;
        }
        if let Some(stream) = self.streams.get_mut(&stream) {
            let before = stream.body.len();
            let room = self.max_request_bytes.saturating_sub(self.kept_bytes);
            stream.body.push(bytes, room);
            self.kept_bytes = self.kept_bytes + stream.body.len() - before;
        }
    }

    /// The client has sent the last of a stream.
    fn end(&mut self, stream: u32, finished: &mut dyn FnMut(Finished)) {
        if let Some(Stream {
            wanted: Some(wanted),
            body,
        }) = self.forget(stream)
        {
            finished(Finished { wanted, body });
        }
    }

    fn forget(&mut self, stream: u32) -> Option<Stream> {
        let stream = self.streams.remove(&stream)?;
        self.kept_bytes -= stream.body.len();
        Some(stream)
    }
}

impl fmt::Debug for Http2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http2")
            .field("streams", &self.streams.len())
            .field("kept_bytes", &self.kept_bytes)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// The part of a frame of headers that is headers.
fn fragment(frame: Frame, payload: &[u8]) -> Result<&[u8], Unreadable> {
    let short = || not_http2("a frame of headers is too short");
    let (padding, rest) = if frame.has(PADDED) {
        let (padding, rest) = payload.split_first().ok_or_else(short)?;
        (usize::from(*padding), rest)
    } else {
        (0, payload)
    };
    let skipped = if frame.has(PRIORITY) {
        PRIORITY_BYTES
    } else {
        0
    };
    let end = rest.len().checked_sub(padding).ok_or_else(short)?;
    rest.get(skipped..end).ok_or_else(short)
}

fn not_http2(why: &str) -> Unreadable {
    Unreadable::NotHttp2(why.to_owned())
}
