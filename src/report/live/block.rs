//! Lines of text that stay in their place on a terminal.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Refreshes per second on a terminal.
const REFRESH_HZ: u8 = 5;

/// A block of lines, each a progress bar without a bar.
#[derive(Debug)]
pub(super) struct Lines {
    all: MultiProgress,
    texts: Vec<ProgressBar>,
}

impl Lines {
    pub fn new() -> Self {
        Self {
            all: MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(REFRESH_HZ)),
            texts: Vec::new(),
        }
    }

    /// Puts a bar of another kind among the lines.
    pub fn add(&self, bar: ProgressBar) -> ProgressBar {
        self.all.add(bar)
    }

    pub fn show(&mut self, lines: &[String]) {
        while self.texts.len() < lines.len() {
            let text = self.all.add(ProgressBar::no_length());
            text.set_style(style("{wide_msg}"));
            self.texts.push(text);
        }
        for (index, text) in self.texts.iter().enumerate() {
            text.set_message(lines.get(index).cloned().unwrap_or_default());
        }
    }

    /// Takes the block off the terminal.
    pub fn clear(self) {
        for text in &self.texts {
            text.finish_and_clear();
        }
        // A terminal that is gone needs no cleaning.
        let _ = self.all.clear();
    }
}

pub(super) fn style(template: &str) -> ProgressStyle {
    // The templates are constants; a bad one would only look plain.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
