//! Which request is which: a table of paths and verbs.

use hyper::Method;

/// What a request asks for. Names are decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    Version,
    Metrics,
    Populate,
    Reset,
    Proxies,
    CreateProxy,
    Proxy(String),
    UpdateProxy(String),
    DeleteProxy(String),
    Toxics(String),
    CreateToxic(String),
    /// Not of Toxiproxy.
    ReplaceToxics(String),
    Toxic(String, String),
    UpdateToxic(String, String),
    DeleteToxic(String, String),
}

/// Why a request is none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    Path,
    Verb,
}

impl Call {
    /// Whether its body matters.
    pub const fn takes_body(&self) -> bool {
        matches!(
            self,
            Call::Populate
                | Call::CreateProxy
                | Call::UpdateProxy(_)
                | Call::CreateToxic(_)
                | Call::ReplaceToxics(_)
                | Call::UpdateToxic(..)
        )
    }
}

/// Finds what is asked for.
///
/// # Errors
/// When there is no such path, or it does not take this verb.
pub fn find(method: &Method, path: &str) -> Result<Call, Unknown> {
    let decoded = percent_decoded(path).ok_or(Unknown::Path)?;
    let mut segments = decoded.strip_prefix('/').ok_or(Unknown::Path)?.split('/');
    let parts: Vec<&str> = segments.by_ref().take(5).collect();
    let name = |text: &str| text.to_owned();
    let (get, post) = (method == Method::GET, method == Method::POST);
    let update = post || method == Method::PATCH;
    let delete = method == Method::DELETE;
    let calls: &[(bool, Call)] = match parts.as_slice() {
        ["version"] => &[(get, Call::Version)],
        ["metrics"] => &[(true, Call::Metrics)],
        ["populate"] => &[(post, Call::Populate)],
        ["reset"] => &[(post, Call::Reset)],
        ["proxies"] => &[(get, Call::Proxies), (post, Call::CreateProxy)],
        ["proxies", _, ..] if parts.iter().any(|part| part.is_empty()) => &[],
        ["proxies", proxy] => &[
            (get, Call::Proxy(name(proxy))),
            (update, Call::UpdateProxy(name(proxy))),
            (delete, Call::DeleteProxy(name(proxy))),
        ],
        ["proxies", proxy, "toxics"] => &[
            (get, Call::Toxics(name(proxy))),
            (post, Call::CreateToxic(name(proxy))),
            (method == Method::PUT, Call::ReplaceToxics(name(proxy))),
        ],
        ["proxies", proxy, "toxics", toxic] => &[
            (get, Call::Toxic(name(proxy), name(toxic))),
            (update, Call::UpdateToxic(name(proxy), name(toxic))),
            (delete, Call::DeleteToxic(name(proxy), name(toxic))),
        ],
        _ => &[],
    };
    if calls.is_empty() {
        return Err(Unknown::Path);
    }
    let found = calls.iter().find(|(fits, _)| *fits);
    found.map(|(_, call)| call.clone()).ok_or(Unknown::Verb)
}

/// `%41` is `A`; `None` where an escape is broken or the text is not UTF-8.
fn percent_decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded_and_have_no_slash() {
        let found = find(&Method::GET, "/proxies/a%20b");
        assert_eq!(found, Ok(Call::Proxy("a b".to_owned())));
        for path in [
            "/proxies/a%2Fb",
            "/proxies/a%2",
            "/proxies/%ff",
            "/proxies/",
            "/",
            "",
        ] {
            assert_eq!(find(&Method::GET, path), Err(Unknown::Path), "{path}");
        }
    }

    #[test]
    fn a_known_path_with_another_verb_is_told_apart() {
        assert_eq!(find(&Method::PUT, "/proxies/a"), Err(Unknown::Verb));
        assert_eq!(find(&Method::HEAD, "/version"), Err(Unknown::Verb));
        assert_eq!(find(&Method::PUT, "/metrics"), Ok(Call::Metrics));
        assert_eq!(
            find(&Method::GET, "/proxies/a/toxics/b/c"),
            Err(Unknown::Path)
        );
    }
}
