//! Reading the compact table of shapes.

use super::{Field, ListKind, Schema, Struct, Type};
use crate::ordered::Map;

pub(super) fn parse(text: &str) -> Schema {
    let lines = || text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let names: Map<&str, usize> = lines()
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split(' ').next())
        .enumerate()
        .map(|(index, name)| (name, index))
        .collect();
    let mut schema = Schema::default();
    for line in lines() {
        if let Some(field) = line.strip_prefix(' ') {
            if let Some((name, field)) = parse_field(field, &names)
                && let Some(last) = schema.structs.last_mut()
            {
                last.fields.insert(name.to_owned(), field);
            }
        } else {
            parse_head(line, &mut schema);
        }
    }
    schema
}

fn parse_head(line: &str, schema: &mut Schema) {
    let mut words = line.split(' ');
    let mut head = Struct { name: words.next().unwrap_or("").to_owned(), ..Struct::default() };
    for word in words {
        let mut parts = word.splitn(3, '/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some("A"), None, None) => head.atomic = true,
            (Some(group), Some(version), Some(kind)) => {
                let root = (group.to_owned(), version.to_owned(), kind.to_owned());
                schema.roots.insert(root, Type::Struct(schema.structs.len()));
            }
            _ => {}
        }
    }
    schema.structs.push(head);
}

fn parse_field<'t>(line: &'t str, names: &Map<&str, usize>) -> Option<(&'t str, Field)> {
    let mut words = line.split(' ');
    let name = words.next()?;
    let mut field = Field::of(parse_type(words.next()?, names));
    for word in words {
        match word.split_once('=').unwrap_or((word, "")) {
            ("A", _) => field.atomic = true,
            ("S", _) => field.list = ListKind::Set,
            ("K", keys) => field.list = ListKind::Keyed(keys.split(',').map(str::to_owned).collect()),
            ("P", key) => field.merge_key = Some(key.to_owned()),
            ("R", _) => field.retain_keys = true,
            ("!", _) => field.required = true,
            ("D", value) => field.default = serde_json::from_str(value).ok(),
            _ => {}
        }
    }
    Some((name, field))
}

fn parse_type(text: &str, names: &Map<&str, usize>) -> Type {
    match text.split_at_checked(1) {
        Some(("&", name)) => names.get(name).map_or(Type::Any, |index| Type::Struct(*index)),
        Some(("[", element)) => Type::List(Box::new(parse_type(element, names))),
        Some(("{", element)) => Type::Map(Box::new(parse_type(element, names))),
        Some(("s", _)) => Type::Text,
        Some(("i", _)) => Type::Int32,
        Some(("l", _)) => Type::Int64,
        Some(("f", _)) => Type::Float,
        Some(("b", _)) => Type::Bool,
        Some(("q", _)) => Type::Quantity,
        Some(("n", _)) => Type::IntOrText,
        Some(("t", _)) => Type::Time,
        Some(("y", _)) => Type::Bytes,
        _ => Type::Any,
    }
}

impl Field {
    pub(super) fn of(ty: Type) -> Self {
        Self {
            ty,
            atomic: false,
            list: ListKind::Atomic,
            merge_key: None,
            retain_keys: false,
            required: false,
            default: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::api::schema::{ListKind, Type, builtin};

    #[test]
    fn the_table_knows_the_container_ports() {
        let schema = builtin();
        let pod = schema.root("", "v1", "Pod").known().unwrap();
        let Type::Struct(spec) = pod.fields.get("spec").unwrap().ty else { panic!("spec is a struct") };
        let containers = &schema.at(spec).unwrap().fields.get("containers").unwrap();
        assert_eq!(containers.merge_key.as_deref(), Some("name"));
        assert_eq!(containers.list, ListKind::Keyed(vec!["name".into()]));
        let Type::List(element) = &containers.ty else { panic!("a list") };
        let Type::Struct(container) = **element else { panic!("of structs") };
        let ports = &schema.at(container).unwrap().fields.get("ports").unwrap();
        assert_eq!(ports.list, ListKind::Keyed(vec!["containerPort".into(), "protocol".into()]));
        // every kind of the object crate that the table should have
        for (group, version, kind) in
            [("apps", "v1", "Deployment"), ("batch", "v1", "Job"), ("", "v1", "Secret")]
        {
            assert!(schema.root(group, version, kind).known().is_some(), "{kind}");
        }
    }
}
