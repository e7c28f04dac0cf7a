//! Where there is no Linux there is no packet link, and the reason is told.

use super::{NetnsError, Rights, Setup};

/// A link that cannot be.
#[derive(Debug)]
pub enum PacketLink {}

impl PacketLink {
    /// # Errors
    /// Always.
    pub fn probe() -> Result<Rights, NetnsError> {
        Err(NetnsError::NotLinux)
    }

    /// # Errors
    /// Always.
    pub fn up(_setup: &Setup) -> Result<Self, NetnsError> {
        Err(NetnsError::NotLinux)
    }
}
