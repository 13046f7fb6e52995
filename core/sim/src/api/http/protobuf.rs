//! Bodies in protobuf. Go's typed clients send them without being asked to (client-go `gentype.PrefersProtobuf`): Helm its
//! release Secrets, ConfigMaps and Namespaces, and options of deletions. Only these kinds are known; for others the answer
//! is 415, as from a server that does not speak it. Answers are JSON, which every client takes.
//!
//! Field numbers: `k8s.io/api/core/v1/generated.proto`, `k8s.io/apimachinery/pkg/apis/meta/v1/generated.proto`.

use backstay_object::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// What comes before the envelope.
const MAGIC: &[u8] = b"k8s\0";

/// How a field is to be read.
#[derive(Clone, Copy)]
enum Field {
    Text,
    Int,
    Bool,
    Time,
    Message(Message),
    /// `map<string, string>`.
    Texts,
    /// `map<string, bytes>`, base64 in JSON.
    Bytes,
    List(&'static Field),
}

type Message = &'static [(u64, &'static str, Field)];

const OWNER: Message = &[
    (1, "kind", Field::Text),
    (3, "name", Field::Text),
    (4, "uid", Field::Text),
    (5, "apiVersion", Field::Text),
    (6, "controller", Field::Bool),
    (7, "blockOwnerDeletion", Field::Bool),
];
const METADATA: Message = &[
    (1, "name", Field::Text),
    (2, "generateName", Field::Text),
    (3, "namespace", Field::Text),
    (5, "uid", Field::Text),
    (6, "resourceVersion", Field::Text),
    (7, "generation", Field::Int),
    (8, "creationTimestamp", Field::Time),
    (9, "deletionTimestamp", Field::Time),
    (10, "deletionGracePeriodSeconds", Field::Int),
    (11, "labels", Field::Texts),
    (12, "annotations", Field::Texts),
    (13, "ownerReferences", Field::List(&Field::Message(OWNER))),
    (14, "finalizers", Field::List(&Field::Text)),
];
const SECRET: Message = &[
    (1, "metadata", Field::Message(METADATA)),
    (2, "data", Field::Bytes),
    (3, "type", Field::Text),
    (4, "stringData", Field::Texts),
    (5, "immutable", Field::Bool),
];
const CONFIG_MAP: Message = &[
    (1, "metadata", Field::Message(METADATA)),
    (2, "data", Field::Texts),
    (3, "binaryData", Field::Bytes),
    (4, "immutable", Field::Bool),
];
const NAMESPACE: Message = &[(1, "metadata", Field::Message(METADATA))];
const PRECONDITIONS: Message = &[(1, "uid", Field::Text), (2, "resourceVersion", Field::Text)];
const DELETE_OPTIONS: Message = &[
    (1, "gracePeriodSeconds", Field::Int),
    (2, "preconditions", Field::Message(PRECONDITIONS)),
    (3, "orphanDependents", Field::Bool),
    (4, "propagationPolicy", Field::Text),
    (5, "dryRun", Field::List(&Field::Text)),
];
const TYPE: Message = &[(1, "apiVersion", Field::Text), (2, "kind", Field::Text)];
const KINDS: [(&str, Message); 4] = [
    ("Secret", SECRET),
    ("ConfigMap", CONFIG_MAP),
    ("Namespace", NAMESPACE),
    ("DeleteOptions", DELETE_OPTIONS),
];

/// Whether a body is in protobuf.
pub(super) fn is_protobuf(body: &[u8]) -> bool {
    body.starts_with(MAGIC)
}

/// The JSON of a body in protobuf; the error names the kind that is not known, or what is wrong with the bytes.
pub(super) fn to_json(body: &[u8]) -> Result<Value, String> {
    let envelope = body.strip_prefix(MAGIC).ok_or("the envelope's first bytes are missing")?;
    let (mut type_of, mut raw) = (json!({}), &[][..]);
    for field in Fields(envelope) {
        match field? {
            (1, Wire::Bytes(bytes)) => type_of = read(TYPE, bytes)?,
            (2, Wire::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let kind = type_of["kind"].as_str().unwrap_or_default().to_owned();
    let (_, message) = KINDS
        .iter()
        .find(|(known, _)| *known == kind)
        .ok_or_else(|| format!("kind {kind:?} is not understood in protobuf; send JSON"))?;
    let mut object = read(message, raw)?;
    if let (Some(object), Value::Object(type_of)) = (object.as_object_mut(), type_of) {
        object.extend(type_of);
    }
    Ok(object)
}

fn read(message: Message, bytes: &[u8]) -> Result<Value, String> {
    let mut object = Map::new();
    for field in Fields(bytes) {
        let (number, wire) = field?;
        let Some((_, name, field)) = message.iter().find(|(known, ..)| *known == number) else { continue };
        match field {
            Field::Texts | Field::Bytes => {
                let (key, value) = entry(wire, matches!(field, Field::Bytes))?;
                let map = object.entry(*name).or_insert_with(|| json!({}));
                if let Some(map) = map.as_object_mut() {
                    map.insert(key, value);
                }
            }
            Field::List(of) => {
                let value = single(of, wire)?;
                let list = object.entry(*name).or_insert_with(|| json!([]));
                if let Some(list) = list.as_array_mut() {
                    list.push(value);
                }
            }
            field => {
                let value = single(field, wire)?;
                // Go writes empty texts for unset fields; in JSON these are left out.
                if value != json!("") && !value.is_null() {
                    object.insert((*name).to_owned(), value);
                }
            }
        }
    }
    Ok(Value::Object(object))
}

fn single(field: &Field, wire: Wire<'_>) -> Result<Value, String> {
    Ok(match (field, wire) {
        (Field::Int, Wire::Number(number)) => json!(number.cast_signed()),
        (Field::Bool, Wire::Number(number)) => json!(number != 0),
        (Field::Text, Wire::Bytes(bytes)) => json!(text(bytes)?),
        (Field::Message(message), Wire::Bytes(bytes)) => read(message, bytes)?,
        (Field::Time, Wire::Bytes(bytes)) => time(bytes)?,
        _ => return Err("a field has another wire type than its kind says".to_owned()),
    })
}

/// `meta/v1.Time`: seconds and nanoseconds; nothing for the zero time.
fn time(bytes: &[u8]) -> Result<Value, String> {
    let mut seconds = 0_i64;
    for field in Fields(bytes) {
        if let (1, Wire::Number(number)) = field? {
            seconds = number.cast_signed();
        }
    }
    let Ok(seconds) = u64::try_from(seconds) else { return Ok(Value::Null) };
    if seconds == 0 {
        return Ok(Value::Null);
    }
    Ok(json!(Timestamp(seconds.saturating_mul(1000)).to_rfc3339_seconds()))
}

fn entry(wire: Wire<'_>, binary: bool) -> Result<(String, Value), String> {
    let Wire::Bytes(bytes) = wire else { return Err("a map's entry is not a message".to_owned()) };
    let (mut key, mut value) = (String::new(), json!(""));
    for field in Fields(bytes) {
        match field? {
            (1, Wire::Bytes(bytes)) => text(bytes)?.clone_into(&mut key),
            (2, Wire::Bytes(bytes)) if binary => value = json!(STANDARD.encode(bytes)),
            (2, Wire::Bytes(bytes)) => value = json!(text(bytes)?),
            _ => {}
        }
    }
    Ok((key, value))
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| "a text is not UTF-8".to_owned())
}

/// A field's content.
enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Wire<'a>), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or_else(|| "the message is cut off".to_owned()))
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Wire<'a>)> {
        let tag = self.number()?;
        let wire = match tag & 7 {
            0 => Wire::Number(self.number()?),
            1 => Wire::Bytes(self.take(8)?),
            2 => {
                let length = usize::try_from(self.number()?).ok()?;
                Wire::Bytes(self.take(length)?)
            }
            5 => Wire::Bytes(self.take(4)?),
            _ => return None,
        };
        Some((tag >> 3, wire))
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut field = vec![number << 3 | 2, u8::try_from(bytes.len()).unwrap()];
        field.extend_from_slice(bytes);
        field
    }

    fn body(kind: &str, raw: &[u8]) -> Vec<u8> {
        let type_of = [field(1, b"v1"), field(2, kind.as_bytes())].concat();
        [MAGIC.to_vec(), field(1, &type_of), field(2, raw), field(3, b"")].concat()
    }

    #[test]
    fn a_secret_is_read() {
        let label = field(11, &[field(1, b"owner"), field(2, b"helm")].concat());
        let metadata = field(1, &[field(1, b"a"), field(2, b""), label].concat());
        let data = field(2, &[field(1, b"release"), field(2, &[0, 255])].concat());
        let secret = [metadata, data, field(3, b"helm.sh/release.v1")].concat();
        let expected = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
            "metadata": {"name": "a", "labels": {"owner": "helm"}}, "data": {"release": "AP8="},
        });
        assert_eq!(to_json(&body("Secret", &secret)), Ok(expected));
    }

    #[test]
    fn damaged_and_unknown_bodies_are_refused() {
        let good = body("Secret", &field(1, &field(1, b"a")));
        assert!(is_protobuf(&good) && to_json(&good).is_ok());
        for length in [0, 3, 6, 10, 15, good.len() - 3] {
            let cut = good.get(..length).unwrap();
            assert!(to_json(cut).is_err(), "{length}");
        }
        assert!(to_json(&body("Deployment", &[])).unwrap_err().contains("Deployment"));
    }
}
