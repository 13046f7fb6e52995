//! What serde's attributes say about reading.

use syn::{Attribute, Error, ExprPath, Field, Ident, LitStr, Token, Variant, meta::ParseNestedMeta};

/// Attributes of a type.
#[derive(Default)]
pub(crate) struct Container {
    pub(crate) deny_unknown_fields: bool,
    pub(crate) default: bool,
    pub(crate) transparent: bool,
    pub(crate) tag: Option<String>,
    rename_all: Case,
}

/// How names are written in JSON.
#[derive(Clone, Copy, Default)]
enum Case {
    #[default]
    AsWritten,
    Lower,
    Kebab,
    Camel,
}

/// A field and its attributes.
pub(crate) struct Member<'a> {
    pub(crate) ident: &'a Ident,
    /// Its name in JSON.
    pub(crate) key: String,
    pub(crate) flatten: bool,
    pub(crate) absent: Absent,
}

/// What stands for a field that is not there.
#[derive(Default)]
pub(crate) enum Absent {
    #[default]
    None,
    Trait,
    Function(ExprPath),
}

impl Container {
    pub(crate) fn of(attributes: &[Attribute]) -> Result<Self, Error> {
        let mut container = Self::default();
        each(attributes, |meta| {
            if meta.path.is_ident("deny_unknown_fields") {
                container.deny_unknown_fields = true;
            } else if meta.path.is_ident("transparent") {
                container.transparent = true;
            } else if meta.path.is_ident("default") && !meta.input.peek(Token![=]) {
                container.default = true;
            } else if meta.path.is_ident("tag") {
                container.tag = Some(text(meta)?.value());
            } else if meta.path.is_ident("rename_all") {
                let case = text(meta)?;
                container.rename_all = match case.value().as_str() {
                    "lowercase" => Case::Lower,
                    "kebab-case" => Case::Kebab,
                    "camelCase" => Case::Camel,
                    _ => return Err(Error::new(case.span(), "FromJson does not know this case")),
                };
            } else {
                return Err(unknown(meta));
            }
            Ok(())
        })?;
        Ok(container)
    }
}

impl<'a> Member<'a> {
    pub(crate) fn of(field: &'a Field, container: &Container) -> Result<Self, Error> {
        let ident =
            field.ident.as_ref().ok_or_else(|| Error::new_spanned(field, "a field without a name"))?;
        let key = container.rename_all.of_field(&ident.to_string());
        let mut member = Self { ident, key, flatten: false, absent: Absent::None };
        each(&field.attrs, |meta| {
            if meta.path.is_ident("default") {
                member.absent = if meta.input.peek(Token![=]) {
                    Absent::Function(text(meta)?.parse()?)
                } else {
                    Absent::Trait
                };
            } else if meta.path.is_ident("flatten") {
                member.flatten = true;
            } else if meta.path.is_ident("rename") {
                member.key = text(meta)?.value();
            } else if meta.path.is_ident("skip_serializing_if") {
                text(meta)?;
            } else {
                return Err(unknown(meta));
            }
            Ok(())
        })?;
        Ok(member)
    }
}

/// A variant's name in JSON.
pub(crate) fn name_of_variant(variant: &Variant, container: &Container) -> Result<String, Error> {
    let mut name = container.rename_all.of_variant(&variant.ident.to_string());
    each(&variant.attrs, |meta| {
        if !meta.path.is_ident("rename") {
            return Err(unknown(meta));
        }
        name = text(meta)?.value();
        Ok(())
    })?;
    Ok(name)
}

impl Case {
    /// `snake_case` to this case, as serde does it.
    fn of_field(self, name: &str) -> String {
        let joined = || name.split('_').map(capital).collect::<String>();
        match self {
            Self::AsWritten | Self::Lower => name.to_owned(),
            Self::Kebab => name.replace('_', "-"),
            Self::Camel => small(&joined()),
        }
    }

    /// `PascalCase` to this case, as serde does it.
    fn of_variant(self, name: &str) -> String {
        match self {
            Self::AsWritten => name.to_owned(),
            Self::Lower => name.to_ascii_lowercase(),
            Self::Camel => small(name),
            Self::Kebab => {
                let mut kebab = String::new();
                for (place, letter) in name.char_indices() {
                    if place > 0 && letter.is_uppercase() {
                        kebab.push('-');
                    }
                    kebab.push(letter.to_ascii_lowercase());
                }
                kebab
            }
        }
    }
}

fn capital(word: &str) -> String {
    word.chars()
        .enumerate()
        .map(|(place, letter)| if place == 0 { letter.to_ascii_uppercase() } else { letter })
        .collect()
}

fn small(word: &str) -> String {
    word.chars()
        .enumerate()
        .map(|(place, letter)| if place == 0 { letter.to_ascii_lowercase() } else { letter })
        .collect()
}

/// Goes through what stands in `#[serde(…)]`.
fn each(
    attributes: &[Attribute],
    mut take: impl FnMut(&ParseNestedMeta<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let serde = attributes.iter().filter(|attribute| attribute.path().is_ident("serde"));
    for attribute in serde {
        attribute.parse_nested_meta(|meta| take(&meta))?;
    }
    Ok(())
}

fn text(meta: &ParseNestedMeta<'_>) -> Result<LitStr, Error> {
    meta.value()?.parse()
}

fn unknown(meta: &ParseNestedMeta<'_>) -> Error {
    meta.error("FromJson does not know this attribute; write the implementation by hand")
}
