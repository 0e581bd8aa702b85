//! A browser without a window, driven by the WebDriver protocol: JSON over plain HTTP.
//!
//! Only what the tests need, on the standard library's TCP: one request, one answer.
//!
//! # Invariants
//! - Each [`Browser`] has a driver process of its own and ends it when dropped.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A session with a browser.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

impl Browser {
    /// Starts a browser with a window of 1400 by 1000, or `None` where no driver is installed.
    #[must_use]
    pub fn start() -> Option<Browser> {
        let mut driver = Command::new("chromedriver")
            .args(["--port=0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let port = port_in(driver.stdout.take().unwrap());
        let mut browser = Browser { driver, port, session: String::new() };
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--window-size=1400,1000",
            "--force-device-scale-factor=1",
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let session = browser.send("POST", "/session", &wanted);
        browser.session = format!("/session/{}", session["sessionId"].as_str().unwrap());
        Some(browser)
    }

    /// Opens a page from a file; `fragment` is what follows it, such as `#s=43`.
    pub fn open(&self, file: &Path, fragment: &str) {
        self.call("/url", &json!({ "url": "about:blank" }));
        self.call("/url", &json!({ "url": format!("file://{}{fragment}", file.display()) }));
    }

    /// Runs a script in the page and gives what it returns.
    pub fn js(&self, script: &str) -> Value {
        self.call("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// The step the page shows.
    #[must_use]
    pub fn step(&self) -> i64 {
        self.js("return inspector.n").as_i64().unwrap()
    }

    /// The text of the first element that matches.
    #[must_use]
    pub fn text(&self, selector: &str) -> String {
        let found = self.js(&format!("return document.querySelector({selector:?}).innerText"));
        found.as_str().unwrap_or("").to_owned()
    }

    /// How many elements match.
    #[must_use]
    pub fn count(&self, selector: &str) -> i64 {
        self.js(&format!("return document.querySelectorAll({selector:?}).length")).as_i64().unwrap()
    }

    /// Clicks the first element that matches, as a mouse does: it must be there to be seen.
    pub fn click(&self, selector: &str) {
        let place = json!({ "using": "css selector", "value": selector });
        let element = self.call("/element", &place);
        let id = element.as_object().unwrap().values().next().unwrap().as_str().unwrap();
        self.call(&format!("/element/{id}/click"), &json!({}));
    }

    /// Presses keys, one after the other; the last is pressed while the others are held.
    pub fn press(&self, keys: &[&str]) {
        let mut actions = Vec::new();
        actions.extend(keys.iter().map(|key| json!({ "type": "keyDown", "value": code(key) })));
        actions.extend(keys.iter().rev().map(|key| json!({ "type": "keyUp", "value": code(key) })));
        self.call(
            "/actions",
            &json!({ "actions": [{ "type": "key", "id": "keys", "actions": actions }] }),
        );
    }

    /// Presses the mouse at one point of an element, moves it to another, and lets go.
    pub fn drag(&self, selector: &str, from: (f64, f64), to: (f64, f64)) {
        let script = format!(
            "let e = document.querySelector({selector:?}); e.scrollIntoView({{ block: 'center' }});\
             let b = e.getBoundingClientRect(); return [b.x, b.y, b.width, b.height]"
        );
        let spot = self.js(&script);
        let at = |(x, y): (f64, f64)| {
            let part = |i: usize| spot[i].as_f64().unwrap();
            json!({ "type": "pointerMove", "duration": 20,
                "x": (part(0) + x * part(2)) as i64, "y": (part(1) + y * part(3)) as i64 })
        };
        let down = json!({ "type": "pointerDown", "button": 0 });
        let up = json!({ "type": "pointerUp", "button": 0 });
        self.call(
            "/actions",
            &json!({ "actions": [{ "type": "pointer", "id": "mouse",
            "actions": [at(from), down, at(to), up] }] }),
        );
    }

    /// A command of the browser's own protocol, for what WebDriver has no word for.
    pub fn command(&self, name: &str, parameters: Value) -> Value {
        self.call("/goog/cdp/execute", &json!({ "cmd": name, "params": parameters }))
    }

    /// Gives the page another size; below 700 pixels as a phone has it.
    pub fn size(&self, width: u32, height: u32) {
        self.command(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700 }),
        );
    }

    /// What the reader's system asks for: `media` may be `print`, features such as
    /// `("prefers-color-scheme", "dark")`.
    pub fn media(&self, media: &str, features: &[(&str, &str)]) {
        let features: Vec<_> =
            features.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        self.command("Emulation.setEmulatedMedia", json!({ "media": media, "features": features }));
    }

    /// The browser's back button.
    pub fn back(&self) {
        self.call("/back", &json!({}));
    }

    /// Waits until a script returns true, at most half a minute.
    pub fn wait_until(&self, script: &str) {
        let begin = Instant::now();
        while self.js(&format!("return Boolean({script})")) != true {
            assert!(begin.elapsed() < Duration::from_secs(30), "never came true: {script}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What the page wrote to the console: nothing, if all is well.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let lines = self.call("/se/log", &json!({ "type": "browser" }));
        let lines = lines.as_array().unwrap().iter();
        lines.map(|line| line["message"].as_str().unwrap_or("").to_owned()).collect()
    }

    /// The page as it would be printed.
    #[must_use]
    pub fn print(&self) -> String {
        self.call("/print", &json!({})).as_str().unwrap().to_owned()
    }

    fn call(&self, path: &str, body: &Value) -> Value {
        self.send("POST", &format!("{}{path}", self.session), body)
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the driver listens");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let answer = read_body(&mut BufReader::new(stream));
        let mut answer: Value =
            serde_json::from_slice(&answer).expect("the driver answers in JSON");
        let value = answer["value"].take();
        assert!(value.get("error").is_none(), "{method} {path} {body}: {}", value["message"]);
        value
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.send("DELETE", &self.session, &json!({}));
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The driver chooses a free port and says which.
fn port_in(output: impl Read) -> u16 {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        if let Some((_, rest)) = line.split_once("successfully on port ") {
            return rest.trim_end_matches('.').parse().expect("a port is a number");
        }
    }
    panic!("the driver ended before it said on which port it listens");
}

fn read_body(stream: &mut impl BufRead) -> Vec<u8> {
    let mut length = 0;
    let mut line = String::new();
    while stream.read_line(&mut line).is_ok_and(|count| count > 2) {
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).expect("the answer is whole");
    body
}

/// WebDriver's letters for keys without one.
fn code(key: &str) -> &str {
    match key {
        "Shift" => "\u{e008}",
        "Escape" => "\u{e00c}",
        "Tab" => "\u{e004}",
        "Enter" => "\u{e007}",
        "End" => "\u{e010}",
        "Home" => "\u{e011}",
        "Left" => "\u{e012}",
        "Right" => "\u{e014}",
        other => other,
    }
}
