//! axe-core in a real browser: every page as four people see it.

use serde_json::Value;

use super::collect::Page;
use super::markup::tool;
use crate::browser::chromium::Browser;
use crate::browser::chromium::devtools::Look;

const fn look(dark: bool, width: u32, height: u32) -> Look {
    Look { dark, width, height }
}

/// On a desk and on a phone, light and dark.
const LOOKS: [(&str, Look); 4] = [
    ("wide, light", look(false, 1_280, 900)),
    ("wide, dark", look(true, 1_280, 900)),
    ("phone, dark", look(true, 390, 844)),
    ("phone, light", look(false, 390, 844)),
];

/// Everything that WCAG 2.2 asks for at level AA, as far as a program can tell.
const ALL: &str =
    "{ type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }";
/// What of it depends on who looks: colours, and where things are. The rest is the same markup.
const OF_LOOKS: &str = "{ type: 'rule', values: ['color-contrast', 'link-in-text-block', 'target-size', \
     'scrollable-region-focusable', 'meta-viewport'] }";

fn script(rules: &str) -> String {
    format!(
        "const done = arguments[arguments.length - 1];
        axe.run(document, {{ runOnly: {rules}, resultTypes: ['violations'] }})
            .then((found) => done(found.violations.flatMap((rule) => rule.nodes.map((node) =>
                `${{rule.id}} at ${{node.target}}: ${{node.failureSummary.replaceAll('\\n', ' ')}}`))))
            .catch((error) => done([`axe-core failed: ${{error}}`]));"
    )
}

pub(super) struct Looks {
    browser: Browser,
}

impl Looks {
    pub(super) async fn open(url: &str) -> Self {
        let browser = Browser::open(url).await;
        browser.run_in_every_page(&std::fs::read_to_string(tool("axe.min.js")).unwrap()).await;
        Self { browser }
    }

    pub(super) async fn faults(&self, number: usize, page: &Page) -> Vec<String> {
        let mut faults = Vec::new();
        self.browser.go(&format!("/page/{number}")).await;
        for (position, (name, look)) in LOOKS.into_iter().enumerate() {
            self.browser.look(look).await;
            for fault in self.violations(if position == 0 { ALL } else { OF_LOOKS }).await {
                faults.push(format!("{} ({name}): {fault}", page.name));
            }
            let wider = "document.documentElement.scrollWidth > window.innerWidth";
            if self.browser.value_of(wider).await == true {
                faults.push(format!("{} ({name}): wider than the screen", page.name));
            }
        }
        faults
    }

    async fn violations(&self, rules: &str) -> Vec<String> {
        let found = self.browser.value_later(&script(rules)).await;
        let texts = found.as_array().unwrap().iter();
        texts.map(|text: &Value| text.as_str().unwrap().to_owned()).collect()
    }

    pub(super) async fn close(self) {
        self.browser.close().await;
    }
}

/// A page whose faults depend on who looks.
pub(super) fn trial() -> Page {
    Page {
        name: "the trial of axe-core".to_owned(),
        html: "<!doctype html><html lang=en><meta name=viewport content='width=device-width'>\
               <title>Trial</title><style>\
               @media (prefers-color-scheme: dark) { .dark { color: #777; background: #666 } }\
               @media (max-width: 40rem) { .phone { color: #777; background: #666 } }\
               </style><main><h1>Trial</h1><img src=/status/icon.svg>\
               <p class=dark>dark</p><p class=phone>phone</p></main>"
            .to_owned(),
        policy: String::new(),
        wrong: None,
    }
}

/// What is found on it.
pub(super) fn is_convincing(found: &[String]) -> bool {
    let count = |name: &str, rule: &str| {
        let here = |fault: &&String| fault.contains(&format!("({name}): {rule}"));
        found.iter().filter(here).count()
    };
    let images = LOOKS.iter().map(|(name, _)| count(name, "image-alt")).sum::<usize>();
    let contrasts = |(name, look): &(&str, Look)| {
        let expect = usize::from(look.dark) + usize::from(look.width < 640);
        count(name, "color-contrast") == expect
    };
    images == 1 && LOOKS.iter().all(contrasts)
}
