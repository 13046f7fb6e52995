//! Label selectors.

use serde_json::{Map, Value};

use crate::look::{list_at, map_at, text_at};

/// Whether labels satisfy an equality map (`spec.selector` of a Service, `matchLabels`).
#[must_use]
pub fn labels_match(
    wanted: &Map<alloc::string::String, Value>,
    labels: Option<&Map<alloc::string::String, Value>>,
) -> bool {
    wanted.iter().all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
}

/// Whether an object's labels satisfy a `LabelSelector` (`matchLabels` and `matchExpressions`). An empty selector
/// matches everything, as in Kubernetes.
#[must_use]
pub fn selector_matches(selector: &Value, object: &Value) -> bool {
    let labels = map_at(object, &["metadata", "labels"]);
    map_at(selector, &["matchLabels"]).is_none_or(|wanted| labels_match(wanted, labels))
        && list_at(selector, &["matchExpressions"])
            .iter()
            .all(|expression| expression_holds(expression, labels))
}

fn expression_holds(expression: &Value, labels: Option<&Map<alloc::string::String, Value>>) -> bool {
    let Some(key) = text_at(expression, &["key"]) else { return false };
    let value = labels.and_then(|labels| labels.get(key));
    let listed = value.is_some_and(|value| list_at(expression, &["values"]).contains(value));
    match text_at(expression, &["operator"]) {
        Some("In") => listed,
        Some("NotIn") => !listed,
        Some("Exists") => value.is_some(),
        Some("DoesNotExist") => value.is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selectors() {
        let pod = json!({"metadata": {"labels": {"app": "web", "tier": "front"}}});
        for (selector, matches) in [
            (json!({}), true),
            (json!({"matchLabels": {"app": "web"}}), true),
            (json!({"matchLabels": {"app": "db"}}), false),
            (
                json!({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["front", "back"]}]}),
                true,
            ),
            (json!({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["front"]}]}), false),
            (json!({"matchExpressions": [{"key": "gone", "operator": "DoesNotExist"}]}), true),
            (json!({"matchExpressions": [{"key": "gone", "operator": "Exists"}]}), false),
        ] {
            assert_eq!(selector_matches(&selector, &pod), matches, "{selector}");
        }
    }
}
