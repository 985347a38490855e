//! The chunked transfer coding (RFC 9112 section 7.1), byte by byte, and by leaps through data.
//!
//! Guarantees: exactly the grammar, without the white space that it tolerates; extensions and
//! trailer are bounded over the whole body. Not here: removing either (the HTTP library does).

use super::field::{is_token_byte, is_value_byte};
use super::violation::{CHUNK, CHUNK_EXTENSION, TRAILER, Violation};

/// Most digits of a chunk's size. 15: the size then stays below 2^60.
const SIZE_DIGITS_MAX: u32 = 15;
/// All extensions of a body. 4 KiB: nobody uses them, attackers pad with them.
const EXTENSION_BYTES_MAX: usize = 4 * 1_024;
/// The whole trailer. 4 KiB: a checksum and a signature need a tenth.
const TRAILER_BYTES_MAX: usize = 4 * 1_024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Size,
    SizeLf,
    ExtensionBegin,
    ExtensionName,
    ExtensionEquals,
    ExtensionToken,
    ExtensionQuoted,
    ExtensionEscape,
    ExtensionQuoteEnd,
    Data,
    DataCr,
    DataLf,
    TrailerBegin,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
}

/// A chunked body under way.
#[derive(Debug)]
pub(super) struct Chunked {
    state: State,
    /// What is left of the chunk.
    size: u64,
    digits: u32,
    extension_bytes: usize,
    trailer_bytes: usize,
}

impl Chunked {
    pub(super) fn new() -> Self {
        Self { state: State::Size, size: 0, digits: 0, extension_bytes: 0, trailer_bytes: 0 }
    }

    /// How many of the bytes belong to the body, and whether it ends with them.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Result<(usize, bool), Violation> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if self.state == State::Data {
                let here = u64::try_from(bytes.len() - at).unwrap_or(u64::MAX).min(self.size);
                self.size -= here;
                // `here` is at most the length of a slice.
                at += usize::try_from(here).unwrap_or(usize::MAX);
                if self.size == 0 {
                    self.state = State::DataCr;
                }
                continue;
            }
            at += 1;
            if self.state == State::EndLf && *byte == b'\n' {
                return Ok((at, true));
            }
            self.state = self.step(*byte)?;
        }
        Ok((at, false))
    }

    fn step(&mut self, byte: u8) -> Result<State, Violation> {
        match self.state {
            State::Size => self.on_size(byte),
            State::SizeLf if byte == b'\n' => {
                self.digits = 0;
                Ok(if self.size == 0 { State::TrailerBegin } else { State::Data })
            }
            State::DataCr if byte == b'\r' => Ok(State::DataLf),
            State::DataLf if byte == b'\n' => Ok(State::Size),
            State::TrailerBegin | State::TrailerName | State::TrailerValue | State::TrailerLf => {
                self.on_trailer(byte)
            }
            State::SizeLf | State::Data | State::DataCr | State::DataLf | State::EndLf => {
                Err(CHUNK)
            }
            State::ExtensionBegin
            | State::ExtensionName
            | State::ExtensionEquals
            | State::ExtensionToken
            | State::ExtensionQuoted
            | State::ExtensionEscape
            | State::ExtensionQuoteEnd => self.on_extension(byte),
        }
    }

    fn on_size(&mut self, byte: u8) -> Result<State, Violation> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'\r' if self.digits > 0 => return Ok(State::SizeLf),
            b';' if self.digits > 0 => return Ok(State::ExtensionBegin),
            _ => return Err(CHUNK),
        };
        if self.digits == SIZE_DIGITS_MAX {
            return Err(CHUNK);
        }
        self.digits += 1;
        self.size = self.size * 16 + u64::from(digit);
        Ok(State::Size)
    }

    fn on_extension(&mut self, byte: u8) -> Result<State, Violation> {
        self.extension_bytes += 1;
        if self.extension_bytes > EXTENSION_BYTES_MAX {
            return Err(CHUNK_EXTENSION);
        }
        match (self.state, byte) {
            (State::ExtensionBegin, byte) if is_token_byte(byte) => Ok(State::ExtensionName),
            (State::ExtensionName, byte) if is_token_byte(byte) => Ok(State::ExtensionName),
            (State::ExtensionName, b'=') => Ok(State::ExtensionEquals),
            (State::ExtensionEquals, b'"') => Ok(State::ExtensionQuoted),
            (State::ExtensionEquals | State::ExtensionToken, byte) if is_token_byte(byte) => {
                Ok(State::ExtensionToken)
            }
            (State::ExtensionQuoted, b'"') => Ok(State::ExtensionQuoteEnd),
            (State::ExtensionQuoted, b'\\') => Ok(State::ExtensionEscape),
            (State::ExtensionQuoted | State::ExtensionEscape, byte) if is_value_byte(byte) => {
                Ok(State::ExtensionQuoted)
            }
            (State::ExtensionName | State::ExtensionToken | State::ExtensionQuoteEnd, b';') => {
                Ok(State::ExtensionBegin)
            }
            (State::ExtensionName | State::ExtensionToken | State::ExtensionQuoteEnd, b'\r') => {
                Ok(State::SizeLf)
            }
            _ => Err(CHUNK_EXTENSION),
        }
    }

    fn on_trailer(&mut self, byte: u8) -> Result<State, Violation> {
        self.trailer_bytes += 1;
        if self.trailer_bytes > TRAILER_BYTES_MAX {
            return Err(TRAILER);
        }
        match (self.state, byte) {
            (State::TrailerBegin, b'\r') => Ok(State::EndLf),
            (State::TrailerBegin | State::TrailerName, byte) if is_token_byte(byte) => {
                Ok(State::TrailerName)
            }
            (State::TrailerName, b':') => Ok(State::TrailerValue),
            (State::TrailerValue, b'\r') => Ok(State::TrailerLf),
            (State::TrailerValue, byte) if is_value_byte(byte) => Ok(State::TrailerValue),
            (State::TrailerLf, b'\n') => Ok(State::TrailerBegin),
            _ => Err(TRAILER),
        }
    }
}
