//! What the controller itself does to a process, or has a target's role do to its program.

use std::io;

use rustix::process::Signal;

use crate::limits::{self, Limit};
use crate::plan::{ProcessFault, RoleName};
use crate::role::control::{Command, ProgramCommand};
use crate::target::family;
use crate::topology::Topology;

/// Stops a role's process, or a target's program.
pub(super) async fn pause(topology: &mut Topology, role: RoleName) -> io::Result<()> {
    match role {
        RoleName::Target(_) => {
            let command = Command::Program(ProgramCommand::Pause);
            topology.tell(role, &command).await
        }
        _ => topology.role(role)?.signal(Signal::STOP),
    }
}

/// Lets it go on.
pub(super) async fn resume(topology: &mut Topology, role: RoleName) -> io::Result<()> {
    match role {
        RoleName::Target(_) => {
            let command = Command::Program(ProgramCommand::Resume);
            topology.tell(role, &command).await
        }
        _ => topology.role(role)?.signal(Signal::CONT),
    }
}

/// Puts a limit on a role. A control group is made known to the guard first.
pub(super) fn limit(
    fault: ProcessFault,
    topology: &mut Topology,
    role: RoleName,
) -> io::Result<Box<dyn Limit>> {
    let process = topology.role(role)?;
    let pid = match role {
        RoleName::Target(_) => process.program,
        _ if process.has_ended() => None,
        _ => Some(process.pid),
    };
    let pid = pid.ok_or_else(|| io::Error::other("its process has ended"))?;
    let role_pid = process.pid;
    // What a target's program has started is a part of it.
    let family = || match role {
        RoleName::Target(_) => family_of(role_pid, pid),
        _ => vec![pid],
    };
    let mut announce = |folder: &std::path::Path| topology.guard()?.watch(folder);
    match fault {
        ProcessFault::CpuLimit { millicores } => limits::cpu(&family, millicores, &mut announce),
        ProcessFault::MemoryLimit { bytes } => limits::memory(&family, bytes, &mut announce),
        ProcessFault::Descriptors { left } => limits::descriptors(pid, left),
        _ => Err(io::Error::other("it is not a limit")),
    }
}

/// A target's program and what it has started. Orphans among them are the role's, where the program
/// is; a container's are elsewhere.
fn family_of(role: u32, program: u32) -> Vec<u32> {
    let of_role = family::descendants(role);
    let rest = match of_role.contains(&program) {
        true => of_role,
        false => family::descendants(program),
    };
    let others = rest.into_iter().filter(|pid| *pid != program);
    std::iter::once(program).chain(others).collect()
}
