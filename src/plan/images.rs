//! Images that are known by a short name: `target: { container: otelcol }`.

/// A collector that squall has a name for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownImage {
    /// What the scenario says.
    pub name: &'static str,
    /// What the engine is asked for.
    pub image: &'static str,
    /// Where it reads its configuration from when it is told nothing.
    pub config: &'static str,
    /// What it finds there where the scenario does not say. A template.
    pub text: &'static str,
}

/// Every one of them, at a version that was released.
pub const KNOWN_IMAGES: &[KnownImage] = &[
    KnownImage {
        name: "otelcol",
        image: "otel/opentelemetry-collector:0.153.0",
        config: "/etc/otelcol/config.yaml",
        text: include_str!("../../scenarios/targets/otelcol-core.yaml"),
    },
    KnownImage {
        name: "otelcol-contrib",
        image: "otel/opentelemetry-collector-contrib:0.153.0",
        config: "/etc/otelcol-contrib/config.yaml",
        text: include_str!("../../scenarios/targets/otelcol.yaml"),
    },
];

/// The image that a short name means; nothing for one that is an image's own.
pub fn known_image(name: &str) -> Option<&'static KnownImage> {
    KNOWN_IMAGES.iter().find(|known| known.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_means_a_version_and_an_image_means_itself() {
        let contrib = known_image("otelcol-contrib").unwrap();
        assert!(
            contrib
                .image
                .starts_with("otel/opentelemetry-collector-contrib:")
        );
        assert_eq!(known_image("otelcol:0.1"), None);
        for known in KNOWN_IMAGES {
            let (_, tag) = known.image.rsplit_once(':').unwrap();
            assert!(
                tag.starts_with(|first: char| first.is_ascii_digit()),
                "{tag}"
            );
            assert!(known.config.starts_with('/'));
        }
    }
}
