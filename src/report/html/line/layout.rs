//! Where each station stands in the picture: columns from left to right, a lane for each branch.

use crate::report::line::{Line, Stop};

/// Height of a station's box.
pub const BOX: f64 = 84.0;
/// Between the boxes of two columns.
pub const GAP: f64 = 34.0;
/// A line of text above or below a box.
pub const TEXT: f64 = 15.0;
/// Most faults that are shown at one station.
pub const FAULTS: usize = 3;
/// Lines of text that one fault takes.
pub const FAULT_LINES: usize = 3;
/// Around a block of text.
pub const PAD: f64 = 6.0;

const WIDE: f64 = 150.0;
const NARROW: f64 = 132.0;
/// Between what belongs to two lanes.
const BETWEEN_LANES: f64 = 22.0;
const MARGIN: f64 = 12.0;

/// The box of a station.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot {
    pub x: f64,
    pub y: f64,
    pub width: f64,
}

/// The picture's size and the boxes, in the order of the line's stations.
#[derive(Debug)]
pub struct Layout {
    pub width: f64,
    pub height: f64,
    pub spots: Vec<Spot>,
}

impl Layout {
    pub fn new(line: &Line) -> Self {
        let next: Vec<Vec<usize>> = line.stops.iter().map(|stop| line.next(stop)).collect();
        let columns = columns(&next);
        let lanes = lanes(&next, &columns);
        let (left, widths) = across(line, &columns);
        let (middle, height) = down(line, &lanes);
        let spots = (0..line.stops.len()).map(|number| {
            let column = columns[number];
            let width = width(&line.stops[number]);
            Spot {
                x: left[column] + (widths[column] - width) / 2.0,
                y: between(&middle, lanes[number]) - BOX / 2.0,
                width,
            }
        });
        let right = left.last().zip(widths.last());
        Self {
            width: right.map_or(0.0, |(left, width)| left + width) + MARGIN,
            height,
            spots: spots.collect(),
        }
    }
}

/// Height of what stands above a station: its faults.
pub fn above(stop: &Stop) -> f64 {
    let shown = stop.faults.len().min(FAULTS);
    let more = usize::from(stop.faults.len() > FAULTS);
    match shown * FAULT_LINES + more {
        0 => 0.0,
        lines => lines as f64 * TEXT + 3.0 * PAD,
    }
}

/// Height of what stands below it: what was left and copied there.
fn below(stop: &Stop) -> f64 {
    match stop.left.len() + stop.copied.len() {
        0 => 0.0,
        lines => lines as f64 * TEXT + 2.0 * PAD,
    }
}

fn width(stop: &Stop) -> f64 {
    if stop.station.role.starts_with("link") {
        NARROW
    } else {
        WIDE
    }
}

/// Each station behind all that send to it.
fn columns(next: &[Vec<usize>]) -> Vec<usize> {
    let mut columns = vec![0; next.len()];
    // As often as the longest way can be long; a circle cannot be drawn and ends here as well.
    for _ in 0..next.len() {
        for (from, followers) in next.iter().enumerate() {
            for to in followers {
                columns[*to] = columns[*to].max(columns[from] + 1).min(next.len());
            }
        }
    }
    columns
}

/// The first that a station sends to goes on in its lane, each other has one of its own; where lanes
/// part or meet, the station stands in their middle.
fn lanes(next: &[Vec<usize>], columns: &[usize]) -> Vec<f64> {
    let mut lanes: Vec<Option<f64>> = vec![None; next.len()];
    let mut free = 0.0;
    let reached: Vec<usize> = next.iter().flatten().copied().collect();
    let mut under_way: Vec<usize> = (0..next.len())
        .rev()
        .filter(|n| !reached.contains(n))
        .collect();
    let mut new_lane = true;
    while let Some(number) = under_way.pop() {
        if lanes[number].is_some() {
            continue;
        }
        if new_lane {
            free += 1.0;
        }
        lanes[number] = Some(free - 1.0);
        let fresh = |follower: &&usize| lanes[**follower].is_none();
        new_lane = next[number].iter().find(fresh).is_none();
        under_way.extend(next[number].iter().rev());
    }
    let mut lanes: Vec<f64> = lanes.into_iter().map(Option::unwrap_or_default).collect();
    let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
    let mut by_column: Vec<usize> = (0..next.len()).collect();
    by_column.sort_by_key(|number| columns[*number]);
    for number in by_column.iter().rev() {
        let followers: Vec<f64> = next[*number].iter().map(|to| lanes[*to]).collect();
        if followers.len() > 1 {
            lanes[*number] = mean(&followers);
        }
    }
    for number in &by_column {
        let senders = (0..next.len()).filter(|from| next[*from].contains(number));
        let senders: Vec<f64> = senders.map(|from| lanes[from]).collect();
        if senders.len() > 1 {
            lanes[*number] = mean(&senders);
        }
    }
    apart(&mut lanes, columns);
    lanes
}

/// No two stations of one column at one place.
fn apart(lanes: &mut [f64], columns: &[usize]) {
    for column in 0..=columns.iter().copied().max().unwrap_or(0) {
        let mut here: Vec<usize> = (0..lanes.len()).filter(|n| columns[*n] == column).collect();
        here.sort_by(|a, b| lanes[*a].total_cmp(&lanes[*b]));
        for pair in here.windows(2) {
            lanes[pair[1]] = lanes[pair[1]].max(lanes[pair[0]] + 1.0);
        }
    }
}

/// Left edge and width of each column.
fn across(line: &Line, columns: &[usize]) -> (Vec<f64>, Vec<f64>) {
    let count = columns.iter().copied().max().map_or(0, |last| last + 1);
    let mut widths = vec![NARROW; count];
    for (stop, column) in line.stops.iter().zip(columns) {
        widths[*column] = width(stop).max(widths[*column]);
    }
    let mut x = MARGIN;
    let left = widths.iter().map(|width| {
        let left = x;
        x += width + GAP;
        left
    });
    (left.collect(), widths)
}

/// The middle of each lane, and the height of all.
fn down(line: &Line, lanes: &[f64]) -> (Vec<f64>, f64) {
    let count = lanes
        .iter()
        .fold(0.0_f64, |most, lane| most.max(*lane))
        .ceil() as usize
        + 1;
    let mut room = vec![(0.0_f64, 0.0_f64); count];
    for (stop, lane) in line.stops.iter().zip(lanes) {
        // One between two lanes needs the room of both.
        for lane in [lane.floor() as usize, lane.ceil() as usize] {
            let (over, under) = room[lane];
            room[lane] = (over.max(above(stop)), under.max(below(stop)));
        }
    }
    let mut y = MARGIN;
    let middle = room.iter().map(|(over, under)| {
        let middle = y + over + BOX / 2.0;
        y = middle + BOX / 2.0 + under + BETWEEN_LANES;
        middle
    });
    let middle: Vec<f64> = middle.collect();
    (middle, y - BETWEEN_LANES + MARGIN)
}

/// The middle at a lane that may lie between two.
fn between(middle: &[f64], lane: f64) -> f64 {
    let at = |lane: f64| middle.get(lane as usize).copied().unwrap_or(0.0);
    let (first, second) = (at(lane.floor()), at(lane.ceil()));
    first + (second - first) * lane.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_one_lane() {
        let next = [vec![1], vec![2], vec![3], vec![]];
        let columns = columns(&next);
        assert_eq!(columns, [0, 1, 2, 3]);
        assert_eq!(lanes(&next, &columns), [0.0; 4]);
    }

    #[test]
    fn branches_have_lanes_and_their_ends_stand_in_the_middle() {
        // The client by two links to two targets, the second of which goes to the sink by itself.
        let next = [
            vec![1, 3],
            vec![2],
            vec![5],
            vec![4],
            vec![6],
            vec![7],
            vec![7],
            vec![],
        ];
        let columns = columns(&next);
        assert_eq!(columns, [0, 1, 2, 1, 2, 3, 3, 4]);
        let lanes = lanes(&next, &columns);
        assert_eq!(lanes, [0.5, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.5]);
    }

    #[test]
    fn two_that_would_meet_stand_apart() {
        // 0 sends to 1, 2 and 3; 1 and 3 meet in 4, beside 5, to which 2 sends.
        let next = [vec![1, 2, 3], vec![4], vec![5], vec![4], vec![], vec![]];
        let columns = columns(&next);
        let lanes = lanes(&next, &columns);
        assert_eq!(columns[4], columns[5]);
        assert!((lanes[4] - lanes[5]).abs() >= 1.0, "{lanes:?}");
    }

    #[test]
    fn a_circle_is_drawn_somehow() {
        let next = [vec![1], vec![2], vec![1]];
        assert!(columns(&next).iter().all(|column| *column <= 3));
    }
}
