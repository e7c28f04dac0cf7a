//! Texts with places for what squall chose: `{{ listen.grpc }}`.

use std::collections::BTreeMap;
use std::ops::Range;

/// Why a template cannot be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("`{{{{ {name} }}}}` is not known")]
    Unknown { name: String, at: Range<usize> },
    #[error("`{{{{` is never closed")]
    Open { at: Range<usize> },
}

impl TemplateError {
    /// The bytes of the template that are meant.
    pub fn at(&self) -> Range<usize> {
        match self {
            TemplateError::Unknown { at, .. } | TemplateError::Open { at } => at.clone(),
        }
    }
}

/// The names that a text uses, in order, each with its place.
///
/// # Errors
/// When a `{{` is not closed.
pub fn names(text: &str) -> Result<Vec<(String, Range<usize>)>, TemplateError> {
    let mut names = Vec::new();
    let mut from = 0;
    while let Some(open) = text[from..].find("{{") {
        let open = from + open;
        let inside = open + 2;
        let Some(close) = text[inside..].find("}}") else {
            let at = open..text.len();
            return Err(TemplateError::Open { at });
        };
        let close = inside + close;
        names.push((text[inside..close].trim().to_owned(), open..close + 2));
        from = close + 2;
    }
    Ok(names)
}

/// The text with every name replaced by its value.
///
/// # Errors
/// When a name has no value, or a `{{` is not closed.
pub fn render(text: &str, values: &BTreeMap<String, String>) -> Result<String, TemplateError> {
    let mut rendered = String::with_capacity(text.len());
    let mut from = 0;
    for (name, at) in names(text)? {
        let Some(value) = values.get(&name) else {
            return Err(TemplateError::Unknown { name, at });
        };
        rendered.push_str(&text[from..at.start]);
        rendered.push_str(value);
        from = at.end;
    }
    rendered.push_str(&text[from..]);
    Ok(rendered)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> BTreeMap<String, String> {
        [("listen.grpc", "127.0.0.1:1"), ("folder", "/x")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn names_become_values() {
        let text = "a: {{ listen.grpc }}, b: {{folder}}/{{ folder }}";
        assert_eq!(render(text, &values()).unwrap(), "a: 127.0.0.1:1, b: /x//x");
        assert_eq!(render("${X} { } }}", &values()).unwrap(), "${X} { } }}");
    }

    #[test]
    fn what_is_wrong_has_a_place() {
        let unknown = render("ab {{ listen.grcp }}", &values()).unwrap_err();
        assert_eq!(unknown.at(), 3..20);
        assert_eq!(unknown.to_string(), "`{{ listen.grcp }}` is not known");
        let open = render("ab {{ listen", &values()).unwrap_err();
        assert_eq!(
            (open.at(), open.to_string()),
            (3..12, "`{{` is never closed".to_owned())
        );
    }

    proptest! {
        #[test]
        fn no_text_panics_and_none_without_braces_changes(text: String) {
            let rendered = render(&text, &values());
            if !text.contains("{{") {
                prop_assert_eq!(rendered.unwrap(), text);
            }
        }
    }
}
