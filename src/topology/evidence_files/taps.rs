//! The files in which a tap notes the items that it sees.

use std::io;
use std::path::Path;

use crate::evidence::Side;
use crate::mapped::{Bitmap, Words, names};
use crate::role::control::ExpectedProducer;

/// Makes those of one link. They take room only for what is seen.
///
/// # Errors
/// When a file cannot be made.
pub fn create(link: usize, expected: &[ExpectedProducer], folder: &Path) -> io::Result<()> {
    for side in Side::ALL {
        for one in expected {
            let (signal, producer, sequences) = (one.signal, one.producer, one.sequences);
            let file = |name: String| folder.join(name);
            let seen = file(names::tapped(link, side, signal, producer));
            Bitmap::create_sparse(&seen, sequences)?;
            let again = file(names::tapped_again(link, side, signal, producer));
            Bitmap::create_sparse(&again, sequences)?;
            let extra = file(names::tapped_extra_copies(link, side, signal, producer));
            Words::create(&extra, 2)?;
            let first = file(names::tapped_first(link, side, signal, producer));
            let slots = usize::try_from(sequences + 1).map_err(io::Error::other)?;
            Words::create_sparse(&first, slots)?;
        }
    }
    Ok(())
}
