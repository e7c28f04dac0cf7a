//! A request's body as it goes out: stamped, compressed and framed.

use std::io::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{BufMut, Bytes, BytesMut};
use flate2::write::GzEncoder;

use super::template::{Stamp, Template};
use crate::otlp::headers::PREFIX_BYTES;
use crate::plan::{Compression, Protocol};

/// Effort of gzip: the fastest. What is measured is the pipeline, not the generator.
const GZIP_LEVEL: flate2::Compression = flate2::Compression::fast();
/// Effort of zstd: the fastest that is not negative.
const ZSTD_LEVEL: i32 = 1;
/// Bodies of a template that are kept to be stamped anew.
const SPARE_MAX: usize = 8;

/// A template, and the bodies of it that have been sent. They are as long as the next one and differ from
/// it in the stamp alone, so that nothing has to be copied.
#[derive(Debug)]
pub struct Laid {
    pub template: Template,
    spare: Mutex<Vec<BytesMut>>,
    spare_max: usize,
}

impl Laid {
    pub const fn new(template: Template) -> Self {
        Self {
            template,
            spare: Mutex::new(Vec::new()),
            spare_max: SPARE_MAX,
        }
    }

    /// One of many templates, of which none comes soon again: its bodies are not kept.
    pub const fn once(template: Template) -> Self {
        Self {
            template,
            spare: Mutex::new(Vec::new()),
            spare_max: 0,
        }
    }

    fn spare(&self) -> MutexGuard<'_, Vec<BytesMut>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes back a body that was sent, for the next one of this template.
    pub fn reuse(&self, body: Bytes) {
        let Ok(body) = body.try_into_mut() else {
            return;
        };
        let mut spare = self.spare();
        if spare.len() < self.spare_max {
            spare.push(body);
        }
    }
}

/// Writes bodies, one after another; each worker has its own, all of one kind.
pub struct BodyWriter {
    /// A gRPC message has its length before it.
    framed: bool,
    packer: Packer,
    stamped: BytesMut,
}

enum Packer {
    None,
    Gzip,
    Zstd(Box<zstd::bulk::Compressor<'static>>),
}

impl BodyWriter {
    /// # Errors
    /// When the compression cannot be set up.
    pub fn new(protocol: Protocol, compression: Compression) -> io::Result<Self> {
        Ok(Self {
            framed: protocol == Protocol::Grpc,
            packer: match compression {
                Compression::None => Packer::None,
                Compression::Gzip => Packer::Gzip,
                Compression::Zstd => {
                    Packer::Zstd(Box::new(zstd::bulk::Compressor::new(ZSTD_LEVEL)?))
                }
            },
            stamped: BytesMut::new(),
        })
    }

    /// The body of a template with this stamp.
    ///
    /// # Errors
    /// When it cannot be compressed.
    pub fn write(&mut self, laid: &Laid, stamp: &Stamp) -> io::Result<Bytes> {
        let template = &laid.template;
        let prefix = if self.framed { PREFIX_BYTES } else { 0 };
        let mut body = laid.spare().pop().unwrap_or_default();
        if matches!(self.packer, Packer::None) && !body.is_empty() {
            template.stamp(stamp, &mut body[prefix..]);
            return Ok(body.freeze());
        }
        body.clear();
        body.put_bytes(0, prefix);
        match &mut self.packer {
            Packer::None => template.write(stamp, &mut body),
            packer => {
                self.stamped.clear();
                template.write(stamp, &mut self.stamped);
                packer.pack(&self.stamped, &mut body)?;
            }
        }
        if self.framed {
            let length = u32::try_from(body.len() - PREFIX_BYTES).map_err(io::Error::other)?;
            body[0] = u8::from(!matches!(self.packer, Packer::None));
            body[1..PREFIX_BYTES].copy_from_slice(&length.to_be_bytes());
        }
        Ok(body.freeze())
    }
}

impl Packer {
    fn pack(&mut self, bytes: &[u8], into: &mut BytesMut) -> io::Result<()> {
        match self {
            Self::None => into.put_slice(bytes),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(into.writer(), GZIP_LEVEL);
                encoder.write_all(bytes)?;
                encoder.finish()?;
            }
            Self::Zstd(compressor) => into.put_slice(&compressor.compress(bytes)?),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::Encoding;
    use crate::otlp::headers::unframe;
    use crate::otlp::inflate::{self, inflate};
    use crate::raw::template::{Patch, PatchValue};
    use crate::signal::Signal;

    const STAMP: Stamp = Stamp {
        producer: 3,
        first_sequence: 8,
        arrival: 7,
        due_unix_ns: 1_700_000_000_000_000_001,
        trace_high: 0xabcd,
    };

    fn template() -> Template {
        Template {
            signal: Signal::Traces,
            encoding: Encoding::Protobuf,
            bytes: vec![0xee; 100],
            patches: std::iter::once(Patch {
                at: 4,
                value: PatchValue::SpanId { item: 2 },
            })
            .collect(),
            items: 3,
        }
    }

    #[test]
    fn a_body_is_framed_and_inflates_to_the_stamped_template() {
        let mut stamped = BytesMut::new();
        template().write(&STAMP, &mut stamped);
        assert_eq!(stamped[4..12], [0, 3, 0, 0, 0, 0, 0, 10]);
        for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
            for (compression, packed) in [
                (Compression::None, inflate::Compression::None),
                (Compression::Gzip, inflate::Compression::Gzip),
                (Compression::Zstd, inflate::Compression::Zstd),
            ] {
                let mut writer = BodyWriter::new(protocol, compression).unwrap();
                let laid = Laid::new(template());
                // The second is written where the first was.
                for other in [STAMP.first_sequence + 9, STAMP.first_sequence] {
                    let mut stamp = STAMP;
                    stamp.first_sequence = other;
                    let mut stamped = BytesMut::new();
                    template().write(&stamp, &mut stamped);
                    let body = writer.write(&laid, &stamp).unwrap();
                    let at = body.as_ptr();
                    let message = match protocol {
                        Protocol::Grpc => {
                            let (compressed, _) = unframe(&body).unwrap();
                            assert_eq!(compressed, compression != Compression::None);
                            body.slice(PREFIX_BYTES..)
                        }
                        _ => body.clone(),
                    };
                    assert_eq!(inflate(packed, message, 1000).unwrap(), stamped);
                    laid.reuse(body);
                    assert_eq!(laid.spare()[0].as_ptr(), at);
                }
            }
        }
    }
}
