//! A region's root asks its own region of AWS and no other, so that it is planned and applied while
//! another is gone (`WITHOUT_REGION` of the pipeline).
//!
//! Guarantees: one provider, no resource and no look-up with a region of its own, no other root's
//! state.
//!
//! Deliberately not here: `live/global`, which joins the regions and is left as it is then.

use super::plan::Plan;

/// Checks the plan of one region's root; gives the breaches.
pub(crate) fn check(plan: &Plan) -> Vec<String> {
    let rule = "a region's root asks its own region only; another may be gone";
    let mut breaches: Vec<String> =
        plan.elsewhere.iter().map(|address| format!("{address}: {rule}")).collect();
    let regions = plan.provider_arguments.iter().filter(|name| *name == "region").count();
    if regions > 1 {
        breaches.push(format!("providers of {regions} regions: {rule}"));
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn breaches(resource: &Value, providers: &[&str]) -> usize {
        let config = json!({"full_name": "hashicorp/aws", "expressions": {"region": {}}});
        let configs: serde_json::Map<String, Value> =
            providers.iter().map(|key| ((*key).to_owned(), config.clone())).collect();
        let plan = json!({"resource_changes": [], "configuration": {"provider_config": configs,
            "root_module": {"module_calls": {"region": {"module": {"resources": [resource]}}}}}});
        check(&Plan::parse(&plan.to_string()).unwrap()).len()
    }

    #[test]
    fn each_rule_is_broken_by_something() {
        let look_up = |expressions: &Value| {
            json!({"address": "data.aws_lb.this", "type": "aws_lb", "mode": "data",
                "provider_config_key": "aws.west", "expressions": expressions})
        };
        let own = look_up(&json!({"name": {}}));
        let state = json!({"address": "data.terraform_remote_state.east", "mode": "data",
            "type": "terraform_remote_state", "provider_config_key": "terraform"});
        assert_eq!(breaches(&own, &["aws.west"]), 0);
        assert_eq!(breaches(&own, &["aws.west", "aws.east"]), 1);
        assert_eq!(breaches(&look_up(&json!({"name": {}, "region": {}})), &["aws.west"]), 1);
        assert_eq!(breaches(&state, &["aws.west"]), 1);
    }
}
