//! A browser that looks at the pages of a server as people do: Debian's Chromium without a window, one per test.
//!
//! Whatever a page complains about while a test looks at it (an error of its scripts, something that its policy forbids,
//! an asset that is not there) fails the test at its end: see [`Browser::finish`].

mod accessibility;
mod driver;
mod load;
mod screenshots;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use serde_json::{Value, json};
use thirtyfour::components::SelectElement;
use thirtyfour::error::{WebDriverErrorInner, WebDriverResult};
use thirtyfour::{By, TypingData, WebElement};

pub use load::Load;
pub use thirtyfour::Key;

use crate::wait;
use driver::Driver;
use load::Log;

/// How wide a page is on a desk.
pub const DESK: u32 = 1280;
/// How wide it is in a hand.
pub const PHONE: u32 = 390;
/// What people in China have their browsers ask for.
const CHINESE: &str = "zh-CN";
/// Fields that browsers have controls of their own for: what is typed into them depends on the language.
const PICKED: &str = "date time datetime-local month week color range";

/// A browser with one page.
pub struct Browser {
    driver: Driver,
    log: RefCell<Log>,
    width: Cell<u32>,
    is_dark: Cell<bool>,
}

impl Browser {
    /// Starts one that asks for Chinese, as wide as on a desk.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_in(CHINESE)
    }

    /// Starts one that asks for pages in this language, `en` for example.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start_in(language: &str) -> Self {
        let driver = Driver::start(language);
        let browser = Self { driver, log: RefCell::default(), width: Cell::new(DESK), is_dark: Cell::new(false) };
        browser.set_width(DESK);
        browser.dark(false);
        browser
    }

    /// Loads a page of the server at `HOST:PORT`, and waits until it is loaded.
    ///
    /// # Panics
    /// When there is no such server.
    pub fn go(&self, address: &str, path: &str) {
        let url = format!("http://{address}{path}");
        self.driver.run(self.driver.goto(&url)).unwrap_or_else(|error| panic!("cannot load {url}: {error}"));
    }

    /// Loads a page as one who was never there before does, and waits until it has loaded all that it asks for.
    ///
    /// # Panics
    /// When there is no such server, or it does not send everything.
    #[must_use]
    pub fn first_load(&self, address: &str, path: &str) -> Load {
        self.command("Network.clearBrowserCache", &json!({}));
        self.log.borrow_mut().begin(&self.driver);
        self.go(address, path);
        wait::until("the page has loaded all that it asks for", || self.log.borrow_mut().loaded(&self.driver))
    }

    /// Loads the page again.
    ///
    /// # Panics
    /// When it cannot.
    pub fn reload(&self) {
        self.driver.run(self.driver.refresh()).expect("a page can be loaded again");
    }

    /// Path and query of the page.
    ///
    /// # Panics
    /// When the browser has gone.
    #[must_use]
    pub fn path(&self) -> String {
        let url = self.driver.run(self.driver.current_url()).expect("a page has an address");
        url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
    }

    /// Clicks on what this selector of CSS finds.
    ///
    /// # Panics
    /// When nothing comes that can be clicked on.
    pub fn click(&self, css: &str) {
        self.act(&format!("click on {css}"), async || self.shown(css).await?.click().await);
    }

    /// Clicks on the first of those that the selector finds whose text is this.
    ///
    /// # Panics
    /// When nothing comes that can be clicked on.
    pub fn click_named(&self, css: &str, text: &str) {
        const FIND: &str = "const [css, text] = arguments; const spaced = it => it.innerText.replace(/\\s+/g, ' ').trim(); \
                            return [...document.querySelectorAll(css)].find(it => spaced(it) === text);";
        self.act(&format!("click on {css} named {text}"), async || {
            self.driver.execute(FIND, vec![json!(css), json!(text)]).await?.element()?.click().await
        });
    }

    /// Types into a field in place of what is in it.
    ///
    /// # Panics
    /// When no field comes that can be typed into.
    pub fn type_into(&self, css: &str, text: &str) {
        const SET: &str = "const [field, text] = arguments; field.value = text; \
                           for (const name of ['input', 'change']) field.dispatchEvent(new Event(name, {bubbles: true}));";
        self.act(&format!("type into {css}"), async || {
            let field = self.shown(css).await?;
            let kind = field.prop("type").await?.unwrap_or_default();
            if PICKED.split(' ').any(|it| it == kind) {
                self.driver.execute(SET, vec![field.to_json()?, json!(text)]).await.map(drop)
            } else {
                field.clear().await?;
                field.send_keys(text).await
            }
        });
    }

    /// Chooses what reads like this in a list of choices.
    ///
    /// # Panics
    /// When no list with that choice comes.
    pub fn choose(&self, css: &str, text: &str) {
        self.act(&format!("choose {text} in {css}"), async || {
            SelectElement::new(&self.shown(css).await?).await?.select_by_exact_text(text).await
        });
    }

    /// Gives this file to a field for files.
    ///
    /// # Panics
    /// When no such field comes, or there is no such file.
    pub fn upload(&self, css: &str, file: &Path) {
        let file = file.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let path = file.to_str().expect("tests name their files in UTF-8");
        self.act(&format!("upload into {css}"), async || self.driver.find(By::Css(css)).await?.send_keys(path).await);
    }

    /// Presses a key, or types a text, where the focus is.
    ///
    /// # Panics
    /// When the browser has gone.
    pub fn press(&self, keys: impl Into<TypingData>) {
        let pressed = async { self.driver.active_element().await?.send_keys(keys).await };
        self.driver.run(pressed).expect("keys can be pressed");
    }

    /// Answers the question that the page asks in a dialog of the browser's; what it asks.
    ///
    /// # Panics
    /// When it asks nothing.
    pub fn answer(&self, yes: bool) -> String {
        self.act("answer a question", async || {
            let question = self.driver.get_alert_text().await?;
            if yes {
                self.driver.accept_alert().await?;
            } else {
                self.driver.dismiss_alert().await?;
            }
            Ok(question)
        })
    }

    /// What can be read there, without spaces around.
    ///
    /// # Panics
    /// When it does not come.
    #[must_use]
    pub fn text(&self, css: &str) -> String {
        self.act(&format!("read {css}"), async || Ok(self.shown(css).await?.text().await?.trim().to_owned()))
    }

    /// What is in a field.
    ///
    /// # Panics
    /// When it does not come.
    #[must_use]
    pub fn value(&self, css: &str) -> String {
        self.act(&format!("read {css}"), async || Ok(self.shown(css).await?.value().await?.unwrap_or_default()))
    }

    /// How many there are on the page now.
    ///
    /// # Panics
    /// When this is no selector.
    #[must_use]
    pub fn count(&self, css: &str) -> usize {
        self.driver.run(self.driver.find_all(By::Css(css))).expect("a selector of CSS").len()
    }

    /// Waits until something that the selector finds is to be seen.
    ///
    /// # Panics
    /// When it does not come.
    pub fn find(&self, css: &str) {
        self.act(&format!("see {css}"), async || {
            let is_shown = self.shown(css).await?.is_displayed().await?;
            if is_shown { Ok(()) } else { Err(WebDriverErrorInner::Timeout("it is hidden".to_owned()).into()) }
        });
    }

    /// Waits until an expression of JavaScript holds on the page.
    ///
    /// # Panics
    /// When it does not; `what` says what was waited for.
    pub fn until(&self, what: &str, expression: &str) {
        self.act(what, async || {
            let value = self.driver.execute(format!("return !!({expression});"), []).await?;
            let holds = value.json() == &Value::Bool(true);
            if holds { Ok(()) } else { Err(WebDriverErrorInner::Timeout(expression.to_owned()).into()) }
        });
    }

    /// What an expression of JavaScript is on the page.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn evaluate(&self, expression: &str) -> Value {
        let result = self.driver.run(self.driver.execute(format!("return {expression};"), []));
        result.unwrap_or_else(|error| panic!("{expression}: {error}")).json().clone()
    }

    /// Makes the page as wide as on a [`DESK`], or in a hand on a [`PHONE`].
    ///
    /// # Panics
    /// When the browser has gone.
    pub fn set_width(&self, width: u32) {
        let is_phone = width < 768;
        let height = if is_phone { 844 } else { 800 };
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone});
        self.command("Emulation.setDeviceMetricsOverride", &size);
        self.width.set(width);
    }

    /// Lets the system prefer dark pages, or light ones.
    ///
    /// # Panics
    /// When the browser has gone.
    pub fn dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let feature = json!({"features": [{"name": "prefers-color-scheme", "value": value}]});
        self.command("Emulation.setEmulatedMedia", &feature);
        self.is_dark.set(dark);
    }

    /// What the page has complained about since this was called last, for a test that expects it.
    ///
    /// # Panics
    /// When the browser has gone.
    #[must_use]
    pub fn take_faults(&self) -> Vec<String> {
        self.log.borrow_mut().take_faults(&self.driver)
    }

    /// Ends it; what else would be done where it goes out of scope. A server that is stopped before it breaks the
    /// connections of its pages, which they complain about.
    ///
    /// # Panics
    /// When a page has complained about something.
    pub fn finish(self) {
        drop(self);
    }

    /// Where it keeps what it writes, until it ends.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.driver.folder()
    }

    fn command(&self, name: &str, parameters: &Value) -> Value {
        let done = self.driver.run(self.driver.cdp().send_raw(name, parameters));
        done.unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The first that the selector finds and that is shown, else the first.
    async fn shown(&self, css: &str) -> WebDriverResult<WebElement> {
        let all = self.driver.find_all(By::Css(css)).await?;
        if all.len() > 1 {
            for element in &all {
                if element.is_displayed().await? {
                    return Ok(element.clone());
                }
            }
        }
        let none = || WebDriverErrorInner::NotFound(css.to_owned(), "nothing on the page fits".to_owned()).into();
        all.into_iter().next().ok_or_else(none)
    }

    /// Does something again and again until it succeeds: pages change under one's hands.
    fn act<T>(&self, what: &str, action: impl AsyncFn() -> WebDriverResult<T>) -> T {
        let mut last = String::new();
        let done = wait::within(wait::BOUND_OF_PAGES, || {
            self.driver.run(action()).map_err(|error| last = error.to_string()).ok()
        });
        done.unwrap_or_else(|| panic!("could not {what}: {last}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // A browser that has gone is why the test fails, or comes of it.
            let _ = catch_unwind(AssertUnwindSafe(|| self.show_where_it_failed()));
            return;
        }
        let faults = self.take_faults();
        if !faults.is_empty() {
            self.show_where_it_failed();
            panic!("the pages complained:\n{}", faults.join("\n"));
        }
    }
}
