//! What machines do when they start, as a plan hands it to them.
//!
//! Guarantees: it fits (EC2 takes 16 KiB), holds no key, and runs nothing that it fetched without
//! having seen its checksum; a server sends its journal away and lets Session Manager in.
//!
//! Deliberately not here: whether it works; `tests/pipeline/user_data_test.py` and
//! `.ci/check-host` run it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::plan::{Plan, Resource};

/// What EC2 takes, before it is encoded ("Run commands when you launch an EC2 instance").
const BYTES_MAX: usize = 16 * 1024;

/// Checks the start-up scripts of launch templates and instances; gives the breaches.
pub(crate) fn check(plan: &Plan) -> Vec<String> {
    let templates = plan.of("aws_launch_template");
    let all = templates.chain(plan.of("aws_instance")).filter(|it| !it.is_unknown("user_data"));
    all.flat_map(|it| {
        let text = text_of(it);
        let mut breaches = breaches_of(&text);
        if it.kind == "aws_launch_template" {
            breaches.extend(breaches_of_server(&text));
        }
        breaches.into_iter().map(move |what| format!("{}: {what}", it.address))
    })
    .collect()
}

/// Launch templates hold it encoded, instances as it is.
pub(crate) fn text_of(resource: &Resource) -> String {
    let text = resource.text("user_data");
    let decoded = STANDARD.decode(&text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.unwrap_or(text)
}

fn breaches_of(text: &str) -> Vec<String> {
    let mut breaches = Vec::new();
    if !text.starts_with("#!") {
        breaches.push("user data is a script that names its interpreter".to_owned());
    }
    if text.len() >= BYTES_MAX {
        breaches.push(format!("user data has {} bytes, below {BYTES_MAX} are taken", text.len()));
    }
    for line in text.lines() {
        let Some((before, after)) = line.split_once('|') else { continue };
        let fetches = ["curl", "wget", "aws s3", "fetch"].iter().any(|word| before.contains(word));
        let runs = after.split_whitespace().any(|word| {
            ["sh", "bash", "dash", "python3", "sudo"]
                .contains(&word.rsplit('/').next().unwrap_or(word))
        });
        if fetches && runs {
            breaches.push(format!("user data runs what it fetched unseen: {}", line.trim()));
        }
    }
    let is_checked = text.contains("sha256sum --check") || text.contains("ballast-cloud fetch");
    if !is_checked {
        breaches.push("user data checks no checksum".to_owned());
    }
    breaches
}

/// A server's disk goes with it, and nobody comes to it but through Session Manager.
fn breaches_of_server(text: &str) -> Vec<String> {
    let services = [
        ("ballast-journal", "a server sends its journal to its log group"),
        ("amazon-ssm-agent", "a server runs the agent of the Session Manager"),
    ];
    services
        .into_iter()
        .filter(|(unit, _)| !text.contains(&format!("systemctl enable --now {unit}.service\n")))
        .map(|(_, rule)| rule.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_is_broken_by_something() {
        let good = "#!/bin/sh\nsha256sum --check sums | sort\n";
        let cases = [
            (good.to_owned(), 0),
            (good.replace("#!", "# "), 1),
            (format!("{good}{}", "x".repeat(BYTES_MAX)), 1),
            (format!("{good}curl -s https://example.com | sh\n"), 1),
            (format!("{good}wget -qO- https://example.com | sudo bash -\n"), 1),
            (format!("{good}aws s3 cp s3://a/b - | /bin/bash\n"), 1),
            ("#!/bin/sh\nexit\n".to_owned(), 1),
        ];
        for (text, expect) in cases {
            assert_eq!(breaches_of(&text).len(), expect, "{text}");
        }
    }
    #[test]
    fn a_server_is_seen_and_reached() {
        let start = |unit: &str| format!("systemctl enable --now {unit}.service\n");
        let both = start("ballast-journal") + &start("amazon-ssm-agent");
        assert_eq!(breaches_of_server(&both), Vec::<String>::new());
        assert_eq!(breaches_of_server(&start("ballast-journal")).len(), 1);
        assert_eq!(breaches_of_server(&start("amazon-ssm-agent")).len(), 1);
    }
}
