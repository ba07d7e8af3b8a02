//! The scenes that come with hutong.

/// A scene that comes with hutong.
#[derive(Debug, Clone, Copy)]
pub struct BuiltIn {
    /// File name, for example `real-estate.yaml`.
    pub file: &'static str,
    /// The scene.
    pub yaml: &'static str,
    /// Its dialogue tests, a script for [`super::script::run`].
    pub tests: &'static str,
}

/// Every scene that comes with hutong.
pub const BUILT_IN: &[BuiltIn] = &[
    BuiltIn {
        file: "real-estate.yaml",
        yaml: include_str!("../../scenes/real-estate.yaml"),
        tests: include_str!("../../scenes/real-estate.tests.yaml"),
    },
    BuiltIn {
        file: "debt-collection.yaml",
        yaml: include_str!("../../scenes/debt-collection.yaml"),
        tests: include_str!("../../scenes/debt-collection.tests.yaml"),
    },
    BuiltIn {
        file: "satisfaction-survey.yaml",
        yaml: include_str!("../../scenes/satisfaction-survey.yaml"),
        tests: include_str!("../../scenes/satisfaction-survey.tests.yaml"),
    },
    BuiltIn {
        file: "appointment-reminder.yaml",
        yaml: include_str!("../../scenes/appointment-reminder.yaml"),
        tests: include_str!("../../scenes/appointment-reminder.tests.yaml"),
    },
];
