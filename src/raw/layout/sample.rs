//! Numbers of a generated request that stand for what each sending puts there.
//!
//! A request is built once, with these in the places that change; the places are found in its bytes.
//! Numbers that occur in telemetry are far from them: real times come before the year 2116.

/// Stands for the due time.
pub const DUE_UNIX_NS: u64 = 1 << 62;
/// How far from the due time a time can be that moves with it.
const REACH_NS: u64 = 1 << 40;
/// Stands for the arrival's number; numbers above it for that and so many more.
pub const ORDINAL: u64 = 1 << 62;
/// As [`ORDINAL`], as a double, above which whole numbers are exact up to twice of it.
pub const ORDINAL_DOUBLE: f64 = (1_u64 << 52) as f64;

/// The id of an item's span, or of the trace whose root it is.
pub const fn id(item: u32) -> u64 {
    item as u64 + 1
}

/// How long after the due time, if the time moves with it.
pub fn offset_ns(time: u64) -> Option<i64> {
    let near = DUE_UNIX_NS - REACH_NS..DUE_UNIX_NS + REACH_NS;
    near.contains(&time)
        .then(|| time.wrapping_sub(DUE_UNIX_NS) as i64)
}

/// What is added to the arrival's number, if it stands for that.
pub const fn ordinal(number: u64) -> Option<u64> {
    number.checked_sub(ORDINAL)
}

/// As [`ordinal`], for a double.
pub fn ordinal_double(number: f64) -> Option<u64> {
    (number >= ORDINAL_DOUBLE).then_some((number - ORDINAL_DOUBLE) as u64)
}
