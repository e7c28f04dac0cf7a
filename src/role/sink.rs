//! The sink role: `squall role sink`.

use super::stdio::RoleError;

/// Plays the role until it is told to finish.
///
/// # Errors
/// When the controller's lines cannot be understood or the role cannot do its work.
pub fn run() -> Result<(), RoleError> {
    Ok(())
}
