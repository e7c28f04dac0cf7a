//! Plain text for terminals: tables, wrapping, colour.

/// Which way the cells of a column lean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

/// Colours by meaning; none where the reader cannot show them.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    pub colour: bool,
}

impl Paint {
    pub fn good(self, text: &str) -> String {
        self.code("32", text)
    }
    pub fn bad(self, text: &str) -> String {
        self.code("1;31", text)
    }
    pub fn unsure(self, text: &str) -> String {
        self.code("33", text)
    }
    pub fn bold(self, text: &str) -> String {
        self.code("1", text)
    }
    pub fn faint(self, text: &str) -> String {
        self.code("2", text)
    }

    fn code(self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Number of columns that a text takes. Our own texts hold no wide characters.
pub fn columns(text: &str) -> usize {
    text.chars().count()
}

/// Rows with their cells padded to the width of their column, two spaces apart.
pub fn table(rows: &[Vec<String>], aligns: &[Align]) -> Vec<String> {
    let widths: Vec<usize> = (0..aligns.len())
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| columns(cell)).max().unwrap_or(0)
        })
        .collect();
    rows.iter()
        .map(|row| {
            let cells = row
                .iter()
                .zip(aligns)
                .zip(&widths)
                .map(|((cell, align), width)| {
                    let space = " ".repeat(width - columns(cell));
                    match align {
                        Align::Left => format!("{cell}{space}"),
                        Align::Right => format!("{space}{cell}"),
                    }
                });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect()
}

/// As [`table`], in lines of at most `room` columns: the longest rows are left out of the table,
/// so that they do not push the others apart, and come back as `None`.
pub fn fitted_table(rows: &[Vec<String>], aligns: &[Align], room: usize) -> Vec<Option<String>> {
    let length = |row: &[String]| row.iter().map(|cell| columns(cell)).sum::<usize>();
    let mut kept: Vec<usize> = (0..rows.len()).collect();
    loop {
        let tight: Vec<Vec<String>> = kept.iter().map(|index| rows[*index].clone()).collect();
        let lines = table(&tight, aligns);
        if lines.iter().all(|line| columns(line) <= room) {
            let mut texts = vec![None; rows.len()];
            for (index, line) in kept.into_iter().zip(lines) {
                texts[index] = Some(line);
            }
            return texts;
        }
        let longest = (0..kept.len()).max_by_key(|at| length(&rows[kept[*at]]));
        if let Some(longest) = longest {
            kept.remove(longest);
        }
    }
}

/// A line of a table whose last column, `indent` columns in, goes on below itself where it is
/// longer than `width`.
pub fn hang(line: &str, width: usize, indent: usize) -> String {
    if columns(line) <= width || indent >= width {
        return line.to_owned();
    }
    let head: String = line.chars().take(indent).collect();
    let tail: String = line.chars().skip(indent).collect();
    let space = " ".repeat(indent);
    let lines = wrap(&tail, width - indent, "");
    head + &lines.replace('\n', &format!("\n{space}"))
}

/// Breaks a text at spaces so that no line is longer than `width`, where its words allow it. Lines
/// after the first begin with `indent`.
pub fn wrap(text: &str, width: usize, indent: &str) -> String {
    let mut out = String::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let length = columns(word);
        if used == 0 {
            out.push_str(word);
            used = length;
        } else if used + 1 + length <= width {
            out.push(' ');
            out.push_str(word);
            used += 1 + length;
        } else {
            out.push('\n');
            out.push_str(indent);
            out.push_str(word);
            used = columns(indent) + length;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_padded_to_the_widest_cell() {
        let row = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
        let lines = table(
            &[row("a", "1"), row("long", "234")],
            &[Align::Left, Align::Right],
        );
        assert_eq!(lines, ["a       1", "long  234"]);
    }

    #[test]
    fn long_rows_are_left_out_of_a_table_that_must_fit() {
        let row = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
        let rows = [row("a", "1"), row("quite a long one", "2"), row("bc", "34")];
        let aligns = [Align::Left, Align::Right];
        let texts = fitted_table(&rows, &aligns, 8);
        assert_eq!(texts, [Some("a    1".into()), None, Some("bc  34".into())]);
        assert!(fitted_table(&rows, &aligns, 0).iter().all(Option::is_none));
    }

    #[test]
    fn a_last_column_goes_on_below_itself() {
        assert_eq!(
            hang("name  one two three", 13, 6),
            "name  one two\n      three"
        );
        assert_eq!(hang("name  one", 13, 6), "name  one");
    }

    #[test]
    fn long_texts_are_broken_at_spaces() {
        assert_eq!(wrap("one two three", 8, "  "), "one two\n  three");
        assert_eq!(wrap("incomprehensible", 5, ""), "incomprehensible");
    }
}
