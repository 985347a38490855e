//! A Terraform plan as JSON (`terraform show -json`), as far as the rules need it.
//!
//! Guarantees: what is known only after an apply is told apart from what is missing.
//!
//! Deliberately not here: the rules.

use anyhow::Context;
use serde_json::Value;

/// One managed resource as it will be.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) address: String,
    pub(crate) kind: String,
    /// Whether the plan removes it, alone or to make it anew.
    pub(crate) is_removed: bool,
    after: Value,
    unknown: Value,
}

/// A whole plan.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) resources: Vec<Resource>,
    /// Addresses in the configuration whose provider is the default one, which has no region.
    pub(crate) without_region: Vec<String>,
    /// Addresses in the configuration that name a region of their own, or another root's state.
    pub(crate) elsewhere: Vec<String>,
    /// Names of arguments in the providers' configurations.
    pub(crate) provider_arguments: Vec<String>,
    /// Names of the providers, as in `registry.terraform.io/hashicorp/aws`.
    pub(crate) providers: Vec<String>,
}

impl Plan {
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let json: Value = serde_json::from_str(text).context("the plan is not JSON")?;
        let changes = json.get("resource_changes").and_then(Value::as_array);
        let changes = changes.context("the plan has no resource_changes")?;
        let managed = changes.iter().filter(|change| text_at(change, "/mode") == "managed");
        let resources = managed.map(|change| {
            let actions = change.pointer("/change/actions").and_then(Value::as_array);
            Resource {
                address: text_at(change, "/address"),
                kind: text_at(change, "/type"),
                is_removed: actions.is_some_and(|all| all.iter().any(|action| action == "delete")),
                after: change.pointer("/change/after").cloned().unwrap_or_default(),
                unknown: change.pointer("/change/after_unknown").cloned().unwrap_or_default(),
            }
        });
        let mut plan = Self {
            resources: resources.collect(),
            without_region: Vec::new(),
            elsewhere: Vec::new(),
            provider_arguments: Vec::new(),
            providers: Vec::new(),
        };
        if let Some(root) = json.pointer("/configuration/root_module") {
            plan.walk(root, "");
        }
        let configs = json.pointer("/configuration/provider_config").and_then(Value::as_object);
        for config in configs.into_iter().flat_map(serde_json::Map::values) {
            plan.providers.push(text_at(config, "/full_name"));
            let arguments = config.get("expressions").and_then(Value::as_object);
            plan.provider_arguments.extend(arguments.into_iter().flatten().map(|(k, _)| k.clone()));
        }
        Ok(plan)
    }

    /// The resources of one type that will be there.
    pub(crate) fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Resource> {
        self.resources.iter().filter(move |it| it.kind == kind && !it.after.is_null())
    }

    fn walk(&mut self, module: &Value, path: &str) {
        for resource in module.get("resources").and_then(Value::as_array).into_iter().flatten() {
            if resource.pointer("/expressions/region").is_some()
                || text_at(resource, "/type") == "terraform_remote_state"
            {
                self.elsewhere.push(format!("{path}{}", text_at(resource, "/address")));
            }
            // `aws` alone is the default provider; one with a region is `aws.NAME`.
            if text_at(resource, "/provider_config_key").ends_with("aws") {
                self.without_region.push(format!("{path}{}", text_at(resource, "/address")));
            }
        }
        let calls = module.get("module_calls").and_then(Value::as_object);
        for (name, call) in calls.into_iter().flatten() {
            if let Some(inner) = call.get("module") {
                self.walk(inner, &format!("{path}module.{name}."));
            }
        }
    }
}

impl Resource {
    /// The value at a path like `health_check/0/path`; nothing when it is not set or not known yet.
    pub(crate) fn at(&self, path: &str) -> &Value {
        self.after.pointer(&format!("/{path}")).unwrap_or(&Value::Null)
    }

    /// Whether the value, or what it lies in, is known only after the apply.
    pub(crate) fn is_unknown(&self, path: &str) -> bool {
        let mut value = &self.unknown;
        for part in path.split('/') {
            if value == &Value::Bool(true) {
                return true;
            }
            value = match value {
                Value::Array(items) => part.parse().ok().and_then(|index: usize| items.get(index)),
                other => other.get(part),
            }
            .unwrap_or(&Value::Null);
        }
        value == &Value::Bool(true)
    }

    /// Whether the value is `wanted`, or may still become it.
    pub(crate) fn is(&self, path: &str, wanted: &Value) -> bool {
        self.is_unknown(path) || self.at(path) == wanted
    }

    /// The value as text; empty when it is none.
    pub(crate) fn text(&self, path: &str) -> String {
        self.at(path).as_str().unwrap_or_default().to_owned()
    }

    /// The value as a number.
    pub(crate) fn number(&self, path: &str) -> Option<i64> {
        self.at(path).as_i64()
    }

    /// How many items a list has.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.at(path).as_array().map_or(0, Vec::len)
    }
}

fn text_at(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}
