//! A demo with somebody at its console.

use hutong_e2e::browser::{DESK, PHONE};
use hutong_e2e::{Browser, Demo};

/// Bytes that a page may transfer at first, with everything that it loads.
pub(crate) const BYTES_MAX: u64 = 300_000;

/// Signs in on the page for it.
pub(crate) fn sign_in(browser: &Browser, name: &str, password: &str) {
    browser.type_into("[name=name]", name);
    browser.type_into("[name=password]", password);
    browser.click_named("button", "登录");
    browser.find("nav.side");
}

/// A demo, and a browser in which its user is signed in.
pub(crate) struct Desk {
    pub(crate) demo: Demo,
    pub(crate) browser: Browser,
    _folder: tempfile::TempDir,
}

impl Desk {
    pub(crate) fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let demo = Demo::start(&folder.path().join("data"), &[]);
        let browser = Browser::start();
        let desk = Self { demo, browser, _folder: folder };
        desk.sign_in();
        desk
    }

    fn sign_in(&self) {
        let load = self.browser.first_load(self.address(), "/");
        assert!(load.bytes <= BYTES_MAX, "{load:?}");
        self.look_at("sign-in");
        sign_in(&self.browser, self.demo.setting("CONSOLE_USER"), self.demo.setting("CONSOLE_PASSWORD"));
    }

    pub(crate) fn address(&self) -> &str {
        self.demo.server.address()
    }

    /// A page of the demo's company.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("/c/{}/{path}", self.demo.setting("COMPANY_ID"))
    }

    /// Goes to a page of the demo's company: it loads nothing from elsewhere, and not much.
    pub(crate) fn go(&self, path: &str) {
        let load = self.browser.first_load(self.address(), &self.path(path));
        assert_eq!(load.elsewhere(self.address()), [""; 0]);
        assert!(load.bytes <= BYTES_MAX, "{load:?}");
    }

    /// The page has no serious fault of accessibility on a desk and in a hand, by day and by night, and nothing of it
    /// stands beyond its edge.
    pub(crate) fn look_at(&self, name: &str) {
        let faults = self.faults(name);
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    /// What is wrong with the page, as [`Self::look_at`] looks.
    pub(crate) fn faults(&self, name: &str) -> Vec<String> {
        let mut faults = Vec::new();
        for (width, dark) in [(PHONE, true), (DESK, true), (PHONE, false), (DESK, false)] {
            self.browser.set_width(width);
            self.browser.dark(dark);
            let beyond = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
            let beyond = self.browser.evaluate(beyond).as_i64();
            if beyond != Some(0) {
                faults.push(format!("{name}: {beyond:?} pixels stand beyond the edge at {width}"));
            }
            faults.extend(self.browser.barriers());
            self.browser.screenshot(name);
        }
        faults
    }

    /// Ends it: fails where a page has complained.
    pub(crate) fn close(self) {
        let Self { demo, browser, _folder } = self;
        browser.finish();
        assert!(demo.server.stop().status.success());
    }
}
