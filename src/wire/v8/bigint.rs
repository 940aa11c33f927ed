//! Big integers, as they travel.

use std::fmt;

/// A JavaScript `BigInt`: a sign and a magnitude of any size. It does not calculate: convert it
/// into one of Rust's integers, or give [`magnitude`](BigInt::magnitude) to a library that does.
///
/// ```
/// use crossfork::v8::BigInt;
///
/// let n = BigInt::from(-3);
/// assert_eq!(i64::try_from(&n), Ok(-3));
/// assert_eq!(BigInt::from(1u64 << 40).to_string(), "1099511627776n");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct BigInt {
    negative: bool,
    /// Little-endian, without zeros at the end, so that equal numbers are equal here.
    magnitude: Box<[u64]>,
}

impl BigInt {
    /// The number with this sign and these 64-bit digits, the lowest first.
    pub fn new(negative: bool, magnitude: &[u64]) -> Self {
        let used = magnitude.iter().rposition(|digit| *digit != 0).map_or(0, |last| last + 1);
        BigInt { negative: negative && used > 0, magnitude: magnitude[..used].into() }
    }

    /// From bytes, the lowest first.
    pub(super) fn from_bytes(negative: bool, bytes: &[u8]) -> Self {
        let digit = |chunk: &[u8]| {
            let mut digit = [0; 8];
            digit[..chunk.len()].copy_from_slice(chunk);
            u64::from_le_bytes(digit)
        };
        BigInt::new(negative, &bytes.chunks(8).map(digit).collect::<Vec<_>>())
    }

    /// Whether it is less than zero.
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// Its absolute value in 64-bit digits, the lowest first; none for zero.
    pub fn magnitude(&self) -> &[u64] {
        &self.magnitude
    }

    fn to_u128(&self) -> Option<u128> {
        match *self.magnitude {
            [] => Some(0),
            [low] => Some(u128::from(low)),
            [low, high] => Some(u128::from(low) | u128::from(high) << 64),
            _ => None,
        }
    }
}

/// In decimal up to 128 bits, in hexadecimal above.
impl fmt::Display for BigInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negative {
            f.write_str("-")?;
        }
        if let Some(small) = self.to_u128() {
            return write!(f, "{small}n");
        }
        let mut digits = self.magnitude.iter().rev();
        write!(f, "0x{:x}", digits.next().unwrap_or(&0))?;
        digits.try_for_each(|digit| write!(f, "{digit:016x}"))?;
        f.write_str("n")
    }
}

/// The number is outside the range of the integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutOfRange;

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the BigInt is outside the range of this integer")
    }
}

impl std::error::Error for OutOfRange {}

impl From<u128> for BigInt {
    fn from(n: u128) -> Self {
        BigInt::new(false, &[n as u64, (n >> 64) as u64])
    }
}

impl From<i128> for BigInt {
    fn from(n: i128) -> Self {
        BigInt { negative: n < 0, ..BigInt::from(n.unsigned_abs()) }
    }
}

impl TryFrom<&BigInt> for u128 {
    type Error = OutOfRange;
    fn try_from(n: &BigInt) -> Result<u128, OutOfRange> {
        n.to_u128().filter(|_| !n.negative).ok_or(OutOfRange)
    }
}

impl TryFrom<&BigInt> for i128 {
    type Error = OutOfRange;
    fn try_from(n: &BigInt) -> Result<i128, OutOfRange> {
        let magnitude = n.to_u128().ok_or(OutOfRange)?;
        match n.negative {
            false => i128::try_from(magnitude).map_err(|_| OutOfRange),
            true => 0i128.checked_sub_unsigned(magnitude).ok_or(OutOfRange),
        }
    }
}

macro_rules! narrower {
    ($($int:ty as $wide:ty),*) => {$(
        impl From<$int> for BigInt {
            fn from(n: $int) -> Self {
                <$wide>::from(n).into()
            }
        }

        impl TryFrom<&BigInt> for $int {
            type Error = OutOfRange;
            fn try_from(n: &BigInt) -> Result<$int, OutOfRange> {
                <$wide>::try_from(n)?.try_into().map_err(|_| OutOfRange)
            }
        }
    )*};
}

narrower!(i32 as i128, i64 as i128, u32 as u128, u64 as u128);
