//! [`Histogram`]: how long something took, over many times, in little memory.

use std::time::Duration;

/// Each power of two has so many steps: a figure is an eighth too large at most.
const STEPS: usize = 8;
/// 2^44 microseconds are half a year.
const POWERS: usize = 44;

pub(super) struct Histogram {
    counts: Box<[u64; STEPS * POWERS]>,
    count: u64,
    sum: Duration,
    min: Duration,
    max: Duration,
}

/// How long something took. The percentiles are an eighth too large at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Times {
    /// How many times were measured.
    pub count: u64,
    /// The shortest.
    pub min: Duration,
    /// The mean.
    pub mean: Duration,
    /// Half of the times were no longer than this.
    pub p50: Duration,
    /// 90 of 100 were no longer.
    pub p90: Duration,
    /// 99 of 100 were no longer.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram {
            counts: Box::new([0; STEPS * POWERS]),
            count: 0,
            sum: Duration::ZERO,
            min: Duration::MAX,
            max: Duration::ZERO,
        }
    }
}

impl Histogram {
    pub(super) fn record(&mut self, time: Duration) {
        self.count += 1;
        self.sum = self.sum.saturating_add(time);
        self.min = self.min.min(time);
        self.max = self.max.max(time);
        self.counts[place_of(time.as_micros().try_into().unwrap_or(u64::MAX))] += 1;
    }

    pub(super) fn times(&self) -> Times {
        if self.count == 0 {
            return Times::default();
        }
        Times {
            count: self.count,
            min: self.min,
            mean: Duration::from_secs_f64(self.sum.as_secs_f64() / self.count as f64),
            p50: self.percentile(50),
            p90: self.percentile(90),
            p99: self.percentile(99),
            max: self.max,
        }
    }

    fn percentile(&self, percent: u64) -> Duration {
        let mut left = (self.count * percent).div_ceil(100);
        let place = self.counts.iter().position(|count| {
            left = left.saturating_sub(*count);
            left == 0
        });
        let end = place.map_or(self.max, |place| Duration::from_micros(end_of(place)));
        end.clamp(self.min, self.max)
    }
}

fn place_of(micros: u64) -> usize {
    if micros < STEPS as u64 {
        return micros as usize;
    }
    let power = micros.ilog2() as usize;
    let step = ((micros >> (power - 3)) as usize) & (STEPS - 1);
    ((power - 2) * STEPS + step).min(STEPS * POWERS - 1)
}

/// The largest value of a place.
fn end_of(place: usize) -> u64 {
    if place < STEPS {
        return place as u64 + 1;
    }
    let (power, step) = (place / STEPS + 2, place % STEPS);
    (1 << power) + ((step as u64 + 1) << (power - 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_an_eighth_too_large_at_most() {
        let mut histogram = Histogram::default();
        for micros in 1..=100_000 {
            histogram.record(Duration::from_micros(micros));
        }
        let times = histogram.times();
        for (told, true_one) in [(times.p50, 50_000), (times.p90, 90_000), (times.p99, 99_000)] {
            let told = told.as_micros();
            assert!(told >= true_one && told <= true_one * 9 / 8 + 1, "{told} for {true_one}");
        }
        assert_eq!((times.min, times.max), (Duration::from_micros(1), Duration::from_millis(100)));
    }

    #[test]
    fn any_time_has_a_place() {
        let mut histogram = Histogram::default();
        for time in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            histogram.record(time);
        }
        assert_eq!(histogram.times().max, Duration::MAX);
    }
}
