//! Pictures of pages, for people to look at.

use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::Browser;

/// Names the folder, where somebody wants to look.
const FOLDER: &str = "E2E_SCREENSHOTS";
/// What is below this much of a page is not on the picture, in pixels.
const HEIGHT_MAX: f64 = 4000.0;

impl Browser {
    /// Takes a picture of the whole page, as `NAME-WIDTH-light.png`, where somebody wants to look at it.
    ///
    /// # Panics
    /// When it cannot be kept.
    pub fn screenshot(&self, name: &str) {
        let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
        let size = self.command("Page.getLayoutMetrics", &json!({}))["cssContentSize"].clone();
        let height = size["height"].as_f64().unwrap_or_default().min(HEIGHT_MAX);
        let clip = json!({"x": 0, "y": 0, "width": size["width"], "height": height, "scale": 1});
        let wanted = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let taken = self.command("Page.captureScreenshot", &wanted);
        let png = STANDARD.decode(taken["data"].as_str().unwrap_or_default()).expect("pictures come in base64");
        let theme = if self.is_dark.get() { "dark" } else { "light" };
        let file = folder.join(format!("{name}-{}-{theme}.png", self.width.get()));
        fs::create_dir_all(&folder).and_then(|()| fs::write(&file, png)).expect("a screenshot can be kept");
    }

    /// What a test that fails leaves behind, to be looked at.
    pub(super) fn show_where_it_failed(&self) {
        eprintln!("the browser is at {}", self.path());
        for fault in self.take_faults() {
            eprintln!("it complains: {fault}");
        }
        let test = std::thread::current().name().unwrap_or("a test").replace("::", "-");
        self.screenshot(&format!("last-seen-by-{test}"));
    }
}
