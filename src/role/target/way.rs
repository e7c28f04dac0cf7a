//! How a container reaches what squall serves on this machine, for those who bring the line up.

use super::setup::Way;
use super::subject::Trouble;
use crate::plan::ContainerNetwork;

/// Where what follows a container in `network` has to listen, and how the container calls it.
///
/// # Errors
/// When no engine answers, or it has no such network.
#[cfg(feature = "containers")]
pub async fn from_container(network: ContainerNetwork) -> Result<Way, Trouble> {
    let way = crate::target::container::engine::way_to_us(network).await;
    way.map_err(super::container::trouble)
}

/// Without the cargo feature there is none.
///
/// # Errors
/// Always.
#[cfg(not(feature = "containers"))]
pub async fn from_container(_network: ContainerNetwork) -> Result<Way, Trouble> {
    Err(not_built_in())
}

/// Containers were left out of this executable.
#[cfg(not(feature = "containers"))]
pub(super) fn not_built_in() -> Trouble {
    Trouble::Refused {
        why: "this squall was built without the cargo feature `containers`".to_owned(),
        help: "build it with its default features, or run the collector as a process: `target: { process: .. }`".to_owned(),
    }
}
