//! One field line of a head or a trailer (RFC 9110 section 5, RFC 9112 section 5).

use super::violation::{FIELD_NAME, FIELD_VALUE, OBSOLETE_FOLD, Violation};

/// A valid field line, without the white space around its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
}

/// Bit n stands for the character n: `!#$%&'*+-.^_`|~`, digits and letters (RFC 9110 §5.6.2).
const TOKEN: u128 = token_bits();

const fn token_bits() -> u128 {
    let mut bits = 0;
    let mut byte = 0_u8;
    while byte < 128 {
        let is_mark = matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        );
        if is_mark || byte.is_ascii_alphanumeric() {
            bits |= 1_u128 << byte;
        }
        byte += 1;
    }
    bits
}

pub(super) fn is_token_byte(byte: u8) -> bool {
    byte < 128 && (TOKEN >> byte) & 1 == 1
}

/// May stand in a field value: anything but control characters, of which only the tab may.
/// Bytes above 127 may, because browsers send names of files in them (RFC 9110 §5.5, `obs-text`).
pub(super) fn is_value_byte(byte: u8) -> bool {
    byte >= 0x20 && byte != 0x7f || byte == b'\t'
}

/// Parses a line that came without its CR LF.
pub(super) fn parse(line: &[u8]) -> Result<Field<'_>, Violation> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(OBSOLETE_FOLD);
    }
    let colon = memchr::memchr(b':', line).ok_or(FIELD_NAME)?;
    let (name, rest) = line.split_at_checked(colon).ok_or(FIELD_NAME)?;
    let value = rest.get(1..).unwrap_or_default();
    if name.is_empty() || !name.iter().all(|byte| is_token_byte(*byte)) {
        return Err(FIELD_NAME);
    }
    // Without an early end, so that the compiler looks at many bytes at once.
    if value.iter().fold(false, |bad, byte| bad | !is_value_byte(*byte)) {
        return Err(FIELD_VALUE);
    }
    Ok(Field { name, value: trim(value) })
}

/// Without the spaces and tabs at both ends.
pub(super) fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}
