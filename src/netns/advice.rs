//! What to allow where the kernel refuses a packet link.

/// What the machine says about unprivileged namespaces; each is absent where the kernel has no such
/// switch.
#[derive(Debug, Clone, Default)]
pub struct Switches {
    /// `kernel.apparmor_restrict_unprivileged_userns`
    pub apparmor_restricts: Option<String>,
    /// `kernel.unprivileged_userns_clone`
    pub userns_clone: Option<String>,
    /// `user.max_user_namespaces`
    pub user_namespaces_max: Option<String>,
    /// `user.max_net_namespaces`
    pub net_namespaces_max: Option<String>,
}

impl Switches {
    /// What to allow, one way a line: first the switch that is known to stand in the way.
    pub fn advice(&self) -> String {
        let is = |switch: &Option<String>, value| switch.as_deref() == Some(value);
        let mut lines = Vec::new();
        if is(&self.user_namespaces_max, "0") {
            lines.push("allow user namespaces: sysctl user.max_user_namespaces=10000");
        }
        if is(&self.net_namespaces_max, "0") {
            lines.push("allow network namespaces: sysctl user.max_net_namespaces=10000");
        }
        if is(&self.userns_clone, "0") {
            lines.push(
                "allow unprivileged user namespaces: sysctl kernel.unprivileged_userns_clone=1",
            );
        }
        if is(&self.apparmor_restricts, "1") {
            lines.push(
                "AppArmor restricts unprivileged user namespaces: give squall a profile with `userns,`, \
                 or sysctl kernel.apparmor_restrict_unprivileged_userns=0",
            );
        }
        if lines.is_empty() {
            lines.push(
                "in a container, its seccomp profile must allow unshare, or grant the capabilities below",
            );
        }
        lines.push("or run as root, or with CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_NET_RAW");
        lines.push("or use `via: proxy`, which needs nothing and knows no packets");
        let lines: Vec<String> = lines.iter().map(|line| format!("  - {line}")).collect();
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_switch_in_the_way_is_named() {
        let on = || Some("1".to_owned());
        let apparmor = Switches {
            apparmor_restricts: on(),
            userns_clone: on(),
            ..Switches::default()
        };
        insta::assert_snapshot!(apparmor.advice());
        let nothing_known = Switches::default().advice();
        assert!(nothing_known.contains("seccomp") && nothing_known.contains("CAP_NET_ADMIN"));
        let none_left = Switches {
            user_namespaces_max: Some("0".to_owned()),
            net_namespaces_max: Some("0".to_owned()),
            userns_clone: Some("0".to_owned()),
            ..Switches::default()
        };
        assert_eq!(none_left.advice().lines().count(), 5);
    }
}
