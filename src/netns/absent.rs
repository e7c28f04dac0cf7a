//! Where there is no Linux there is no packet link, and the reason is told.

use std::io;
use std::process::Command;

use serde::{Deserialize, Serialize};

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

/// The way into nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Door {}

impl Door {
    /// # Errors
    /// Never: there is no such door.
    pub fn enter_on_spawn(&self, _command: &mut Command) -> io::Result<()> {
        match *self {}
    }
}
