//! The rate over time.

use super::super::file::ShapeFile;
use super::super::units::{RATE, Rate};
use super::{Planner, SECOND};
use crate::plan::{ArrivalPlan, RatePoint, RateProfile, RateStep, RunPlan};

const RATE_HELP: &str = "a number and a unit, for example `2k/s`";

impl Planner<'_> {
    pub(super) fn profile(
        &mut self,
        path: &str,
        rate: Option<Rate>,
        shape: Option<&ShapeFile>,
        run: &RunPlan,
    ) -> RateProfile {
        let rate_path = format!("{path}.rate");
        let replaces = match shape {
            Some(ShapeFile::Ramp(_)) => Some("ramp"),
            Some(ShapeFile::Steps(_)) => Some("steps"),
            Some(ShapeFile::Recorded(_)) => Some("recorded"),
            Some(ShapeFile::Spike(_) | ShapeFile::Sine(_)) | None => None,
        };
        let base = match replaces {
            Some(shape) => {
                if self.document.has(&rate_path) {
                    self.problem(
                        &rate_path,
                        format!("`rate` and `shape.{shape}` both say the rate"),
                        "leave one of the two out",
                    );
                }
                0.0
            }
            // A shape that could not be read may have said the rate itself.
            None if shape.is_none() && self.document.has(&format!("{path}.shape")) => 0.0,
            None => {
                let help = format!("{RATE_HELP}; or `closed_loop`");
                self.required(&rate_path, rate, &help)
                    .map_or(0.0, |rate| rate.0)
            }
        };
        let shape_path = format!("{path}.shape");
        match shape {
            None => RateProfile::Constant { rate: base },
            Some(ShapeFile::Ramp(ramp)) => RateProfile::Ramp {
                from: self.rate_of(&format!("{shape_path}.ramp.from"), ramp.from),
                to: self.rate_of(&format!("{shape_path}.ramp.to"), ramp.to),
                over_ns: self.length(&format!("{shape_path}.ramp.over"), ramp.over),
            },
            Some(ShapeFile::Steps(steps)) => {
                let paths = self.document.elements(&format!("{shape_path}.steps"));
                if paths.is_empty() {
                    self.problem(&shape_path, "there are no steps", "list `{ rate, for }`");
                }
                let steps = paths.iter().zip(steps).map(|(path, step)| RateStep {
                    rate: self.rate_of(&format!("{path}.rate"), step.rate),
                    for_ns: self.length(&format!("{path}.for"), step.length),
                });
                RateProfile::Steps {
                    steps: steps.collect(),
                }
            }
            Some(ShapeFile::Spike(spike)) => {
                let peak = self.rate_of(&format!("{shape_path}.spike.peak"), spike.peak);
                let at = self.required(&format!("{shape_path}.spike.at"), spike.at, "such as 5s");
                let at_ns = at.map_or(0, |at| at.0);
                if at_ns >= run.duration_ns {
                    self.problem(
                        &format!("{shape_path}.spike.at"),
                        "the spike comes after the run's end",
                        "it starts before `run.duration`",
                    );
                }
                RateProfile::Spike {
                    base,
                    peak,
                    at_ns,
                    for_ns: self.length(&format!("{shape_path}.spike.for"), spike.length),
                }
            }
            Some(ShapeFile::Sine(sine)) => {
                let amplitude =
                    self.rate_of(&format!("{shape_path}.sine.amplitude"), sine.amplitude);
                if amplitude > base && base > 0.0 {
                    self.problem(
                        &format!("{shape_path}.sine.amplitude"),
                        "the wave would fall below zero",
                        "the amplitude is at most `rate`",
                    );
                }
                RateProfile::Sine {
                    mean: base,
                    amplitude,
                    period_ns: self.length(&format!("{shape_path}.sine.period"), sine.period),
                }
            }
            Some(ShapeFile::Recorded(file)) => RateProfile::Recorded {
                points: self.recorded(&format!("{shape_path}.recorded"), file),
            },
        }
    }

    /// A rate that must be there.
    fn rate_of(&mut self, path: &str, value: Option<Rate>) -> f64 {
        self.required(path, value, RATE_HELP)
            .map_or(0.0, |rate| rate.0)
    }

    /// A duration that must be there and not be zero.
    fn length(&mut self, path: &str, value: Option<super::super::units::Time>) -> u64 {
        let ns = self
            .required(path, value, "a duration such as `5s`")
            .map_or(SECOND, |time| time.0);
        if ns == 0 {
            self.problem(path, "this takes no time", "more than 0s");
        }
        ns.max(1)
    }

    fn recorded(&mut self, path: &str, file: &str) -> Vec<RatePoint> {
        let file = self.beside(file);
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) => {
                let message = format!("{} cannot be read: {error}", file.display());
                self.problem(path, message, "the path starts at the scenario's folder");
                return Vec::new();
            }
        };
        let (points, wrong) = recorded_points(&text);
        for (line, why) in wrong {
            let message = format!("line {line} of {}: {why}", file.display());
            self.problem(
                path,
                message,
                "each line is `seconds,rate`; `#` begins a comment",
            );
        }
        points
    }
}

/// The points of a recorded file, and what is wrong with it by line.
fn recorded_points(text: &str) -> (Vec<RatePoint>, Vec<(usize, String)>) {
    let mut points: Vec<RatePoint> = Vec::new();
    let mut wrong = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or("").trim();
        if line.is_empty() {
            continue;
        }
        match point(line, points.last()) {
            Ok(point) => points.push(point),
            Err(why) => wrong.push((index + 1, why)),
        }
        // A file that is something else entirely need not be listed to its end.
        if wrong.len() == 5 {
            return (points, wrong);
        }
    }
    if points.is_empty() && wrong.is_empty() {
        wrong.push((1, "the file has no points".to_owned()));
    }
    (points, wrong)
}

fn point(line: &str, before: Option<&RatePoint>) -> Result<RatePoint, String> {
    let (seconds, rate) = line
        .split_once(',')
        .ok_or_else(|| "there is no comma".to_owned())?;
    let number = |text: &str| match text.trim().parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 => Ok(number),
        _ => Err(format!("`{}` is not a number of zero or more", text.trim())),
    };
    let seconds = number(seconds)?;
    // A rate may carry a unit, as elsewhere.
    let rate = match RATE.parse(rate) {
        Ok(rate) => rate,
        Err(_) => number(rate)?,
    };
    if seconds > 9e6 {
        return Err("this is more than a hundred days".to_owned());
    }
    let at_ns = (seconds * SECOND as f64).round() as u64;
    if before.is_some_and(|before| before.at_ns >= at_ns) {
        return Err("its time is not after the line before".to_owned());
    }
    Ok(RatePoint { at_ns, rate })
}

/// The profile's largest rate.
pub(super) fn peak_rate(profile: &RateProfile) -> f64 {
    match profile {
        RateProfile::Constant { rate } => *rate,
        RateProfile::Ramp { from, to, .. } => from.max(*to),
        RateProfile::Steps { steps } => steps.iter().map(|step| step.rate).fold(0.0, f64::max),
        RateProfile::Spike { base, peak, .. } => base.max(*peak),
        RateProfile::Sine {
            mean, amplitude, ..
        } => mean + amplitude,
        RateProfile::Recorded { points } => {
            points.iter().map(|point| point.rate).fold(0.0, f64::max)
        }
    }
}

/// About how many arrivals the run has, by sampling the rate.
pub(super) fn arrivals_of(plan: &ArrivalPlan, duration_ns: u64) -> f64 {
    const SAMPLES: u64 = 100_000;
    let step_ns = (duration_ns / SAMPLES).max(1);
    let steps = duration_ns / step_ns;
    let sum: f64 = (0..steps)
        .map(|step| plan.profile.rate_at(step * step_ns + step_ns / 2))
        .sum();
    sum * step_ns as f64 / 1e9 / f64::from(plan.items_per_arrival.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_file_names_its_broken_lines() {
        let text = "# a day\n0,100\n1.5, 2k/s\n\n1,5\nx,1\n3\n4,-1\n";
        let (points, wrong) = recorded_points(text);
        assert_eq!(points.len(), 2);
        assert_eq!(points[1].at_ns, 1_500_000_000);
        assert_eq!(points[1].rate, 2000.0);
        let lines: Vec<usize> = wrong.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [5, 6, 7, 8]);
    }

    #[test]
    fn arrivals_are_the_rates_integral() {
        let plan = ArrivalPlan {
            process: crate::plan::ArrivalProcess::Constant,
            profile: RateProfile::Ramp {
                from: 0.0,
                to: 1000.0,
                over_ns: 10 * SECOND,
            },
            items_per_arrival: 5,
            producers: 1,
        };
        assert!((arrivals_of(&plan, 10 * SECOND) - 1000.0).abs() < 1.0);
    }
}
