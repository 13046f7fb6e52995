//! Addresses and node ports of Services (source: Kubernetes `pkg/registry/core/service`).

use backstay_object::{at, int_at, list_at, name, namespace, remove_at, set_at, text_at};
use serde_json::Value;

use crate::api::kinds::Served;
use crate::api::validate::{FieldError, invalid};
use crate::json::json;
use crate::ordered::Set;
use crate::store::{ApiError, Store, mix};

/// The node ports that may be given.
const NODE_PORTS: std::ops::RangeInclusive<i64> = 30_000..=32_767;

/// Service addresses are 10.96.x.y; these are given by number, the first 256 left for those who choose their own.
const FIRST_ADDRESS: u64 = 256;
const ADDRESSES: u64 = 65_536;

/// Fields an update may leave out and keeps.
pub(in crate::api) fn carry_over(old: &Value, new: &mut Value) {
    let kind = text_at(new, &["spec", "type"]).unwrap_or("ClusterIP").to_owned();
    let (old_external, external) =
        (text_at(old, &["spec", "type"]) == Some("ExternalName"), kind == "ExternalName");
    if external {
        for field in ["clusterIP", "clusterIPs"] {
            if at(new, &["spec", field]) == at(old, &["spec", field]) {
                remove_at(new, &["spec", field]);
            }
        }
    } else if !old_external {
        if text_at(new, &["spec", "clusterIP"]).is_none_or(str::is_empty) {
            for field in ["clusterIP", "clusterIPs"] {
                if let Some(value) = at(old, &["spec", field]).cloned() {
                    set_at(new, &["spec", field], value);
                }
            }
        } else if at(new, &["spec", "clusterIP"]) != at(old, &["spec", "clusterIP"])
            && at(new, &["spec", "clusterIPs"]) == at(old, &["spec", "clusterIPs"])
        {
            let address = at(new, &["spec", "clusterIP"]).cloned().unwrap_or(Value::Null);
            set_at(new, &["spec", "clusterIPs"], json!([address]));
        }
    }
    let old_ports = list_at(old, &["spec", "ports"]).to_vec();
    let with_ports = matches!(kind.as_str(), "NodePort" | "LoadBalancer");
    if let Some(Value::Array(ports)) = backstay_object::at_mut(new, &["spec", "ports"]) {
        for port in ports {
            let before = old_ports.iter().find(|other| {
                at(other, &["port"]) == at(port, &["port"])
                    && at(other, &["protocol"]) == at(port, &["protocol"])
            });
            let old_number =
                before.and_then(|before| int_at(before, &["nodePort"])).filter(|number| *number > 0);
            let number = int_at(port, &["nodePort"]).filter(|number| *number > 0);
            match (with_ports, number, old_number) {
                (true, None, Some(kept)) => set_at(port, &["nodePort"], json!(kept)),
                // The type no longer has node ports: those that were there go by themselves.
                (false, Some(number), Some(old)) if number == old => {
                    remove_at(port, &["nodePort"]);
                }
                _ => {}
            }
        }
    }
}

/// Gives addresses and node ports, or refuses those asked for.
pub(in crate::api) fn allocate(
    store: &Store,
    kind: &Served,
    object: &mut Value,
    old: Option<&Value>,
) -> Result<(), ApiError> {
    let service_type = text_at(object, &["spec", "type"]).unwrap_or("ClusterIP").to_owned();
    if service_type == "ExternalName" {
        return Ok(());
    }
    let own_name = name(object).to_owned();
    let mut errors = Vec::new();
    let mut addresses = Set::new();
    let mut ports = Set::new();
    let own_space = namespace(object).to_owned();
    for other in store.list("", "Service", None) {
        if namespace(other) == own_space && name(other) == own_name {
            continue;
        }
        addresses.extend(text_at(other, &["spec", "clusterIP"]).map(str::to_owned));
        ports
            .extend(list_at(other, &["spec", "ports"]).iter().filter_map(|port| int_at(port, &["nodePort"])));
    }
    give_address(store, object, old, &addresses, &mut errors);
    if matches!(service_type.as_str(), "NodePort" | "LoadBalancer") {
        give_ports(store, object, &ports, &mut errors);
    }
    match invalid(kind, &own_name, &errors) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

fn give_address(
    store: &Store,
    object: &mut Value,
    old: Option<&Value>,
    taken: &Set<String>,
    errors: &mut Vec<FieldError>,
) {
    let asked =
        text_at(object, &["spec", "clusterIP"]).filter(|address| !address.is_empty()).map(str::to_owned);
    let address = match asked {
        Some(address) if address == "None" => address,
        Some(address) if old.is_some_and(|old| text_at(old, &["spec", "clusterIP"]) == Some(&address)) => {
            address
        }
        Some(address) => {
            if !address.starts_with("10.96.") {
                let detail = format!(
                    "failed to allocate IP {address}: the provided network does not match the current range"
                );
                errors.push(FieldError::invalid("spec.clusterIPs", &json!([address]), &detail));
            } else if taken.contains(&address) {
                let detail = format!("failed to allocate IP {address}: provided IP is already allocated");
                errors.push(FieldError::invalid("spec.clusterIPs", &json!([address]), &detail));
            }
            address
        }
        None => {
            let start = mix(store.seed() ^ 0xADD2, store.resource_version()) % (ADDRESSES - FIRST_ADDRESS);
            (0..ADDRESSES)
                .map(|step| FIRST_ADDRESS + (start + step) % (ADDRESSES - FIRST_ADDRESS))
                .map(|number| format!("10.96.{}.{}", number >> 8, number & 255))
                .find(|address| !taken.contains(address))
                .unwrap_or_default()
        }
    };
    set_at(object, &["spec", "clusterIPs"], json!([address]));
    set_at(object, &["spec", "clusterIP"], Value::String(address));
}

fn give_ports(store: &Store, object: &mut Value, taken: &Set<i64>, errors: &mut Vec<FieldError>) {
    let seed = mix(store.seed() ^ 0x2027, store.resource_version());
    let mut own: Set<i64> =
        list_at(object, &["spec", "ports"]).iter().filter_map(|port| int_at(port, &["nodePort"])).collect();
    let Some(Value::Array(ports)) = backstay_object::at_mut(object, &["spec", "ports"]) else { return };
    for (index, port) in ports.iter_mut().enumerate() {
        let field = format!("spec.ports[{index}].nodePort");
        match int_at(port, &["nodePort"]).filter(|number| *number != 0) {
            Some(number) if !NODE_PORTS.contains(&number) => errors.push(FieldError::invalid(
                field,
                &json!(number),
                "provided port is not in the valid range. The range of valid ports is 30000-32767",
            )),
            Some(number) if taken.contains(&number) => {
                errors.push(FieldError::invalid(field, &json!(number), "provided port is already allocated"));
            }
            Some(_) => {}
            None => {
                let count = NODE_PORTS.end() - NODE_PORTS.start() + 1;
                let start = i64::try_from(seed % 2768).unwrap_or(0);
                let free = (0..count)
                    .map(|step| NODE_PORTS.start() + (start + step) % count)
                    .find(|number| !taken.contains(number) && !own.contains(number));
                if let Some(number) = free {
                    own.insert(number);
                    set_at(port, &["nodePort"], json!(number));
                }
            }
        }
    }
}
