//! The one place of this crate that reads the clock.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::UnixMs;

/// Milliseconds since 1970-01-01 UTC by this machine's clock.
#[must_use]
pub fn now_ms() -> UnixMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMs::try_from(since.as_millis()).unwrap_or(UnixMs::MAX)
}
