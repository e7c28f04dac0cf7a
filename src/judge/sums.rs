//! The second equation of metrics: what arrived adds up to what was recorded, unless points that
//! carried the difference were lost.

use super::measure::Measured;
use crate::evidence::SeriesSum;
use crate::record::SumsResult;

/// Examples that a result lists.
const EXAMPLES: usize = 5;

impl SeriesSum {
    /// Relative difference that no lost point explains; 0 where there is none.
    ///
    /// Recorded values are whole numbers far below 2^53, so sums of doubles are exact.
    fn unexplained(&self) -> f64 {
        let missing = self.recorded - self.received;
        if missing == 0.0 || (missing - self.lost).abs() <= f64::EPSILON * self.recorded.abs() {
            return 0.0;
        }
        (missing - self.lost).abs() / self.recorded.abs().max(1.0)
    }
}

/// Counts and examples for the record.
pub(super) fn result(sums: &[SeriesSum]) -> SumsResult {
    let equal = sums
        .iter()
        .filter(|sum| sum.recorded == sum.received)
        .count();
    let unexplained = sums.iter().filter(|sum| sum.unexplained() > 0.0).count();
    SumsResult {
        series: sums.len() as u64,
        equal: equal as u64,
        explained: (sums.len() - equal - unexplained) as u64,
        unexplained: unexplained as u64,
        recorded_total: sums.iter().map(|sum| sum.recorded).sum(),
        received_total: sums.iter().map(|sum| sum.received).sum(),
        examples: sums
            .iter()
            .filter(|sum| sum.recorded != sum.received)
            .take(EXAMPLES)
            .map(|sum| {
                format!(
                    "{}: recorded {}, received {}, lost with points or a killed client {}",
                    sum.series, sum.recorded, sum.received, sum.lost
                )
            })
            .collect(),
    }
}

/// The largest unexplained difference of any series, relative to what it recorded.
pub(super) fn unexplained(sums: &[SeriesSum]) -> Measured {
    sums.iter()
        .map(SeriesSum::unexplained)
        .reduce(f64::max)
        .ok_or_else(|| "no metric series was recorded".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(recorded: f64, received: f64, lost: f64) -> SeriesSum {
        SeriesSum {
            series: "s".to_owned(),
            hash: 1,
            recorded,
            received,
            lost,
        }
    }

    #[test]
    fn a_difference_is_explained_only_by_what_lost_points_carried() {
        let sums = [
            sum(10.0, 10.0, 0.0),
            sum(10.0, 7.0, 3.0),
            sum(10.0, 7.0, 2.0),
        ];
        let result = result(&sums);
        assert_eq!(
            (result.equal, result.explained, result.unexplained),
            (1, 1, 1)
        );
        assert_eq!(unexplained(&sums), Ok(0.1));
        assert!(unexplained(&[]).is_err());
    }
}
