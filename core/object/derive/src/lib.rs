//! `#[derive(FromJson)]`: how a type is read from JSON, see `backstay_object::from_json`.
//!
//! It takes the attributes of serde that the wire types have, as what is read has to be what serde writes: `rename_all`,
//! `rename`, `tag`, `transparent`, `default`, `flatten`, `deny_unknown_fields`. Any other attribute that bears upon reading
//! is an error of compilation, never ignored.

mod attributes;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DataEnum, DeriveInput, Error, Field, Fields, Ident};

use crate::attributes::{Absent, Container, Member};

/// Writes `FromJson` and, upon it, serde's `Deserialize`.
#[proc_macro_derive(FromJson, attributes(serde))]
pub fn from_json(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let written = syn::parse(input).and_then(|input: DeriveInput| write(&input));
    written.unwrap_or_else(|error| error.to_compile_error()).into()
}

fn write(input: &DeriveInput) -> Result<TokenStream, Error> {
    let name = &input.ident;
    let container = Container::of(&input.attrs)?;
    let body = match &input.data {
        Data::Struct(data) => write_struct(name, &container, &data.fields)?,
        Data::Enum(data) => write_enum(name, &container, data)?,
        Data::Union(_) => return Err(Error::new_spanned(name, "a union cannot be read from JSON")),
    };
    Ok(quote! {
        #[automatically_derived]
        impl ::backstay_object::FromJson for #name {
            fn from_json(
                given: &mut ::backstay_object::from_json::Value,
            ) -> ::core::result::Result<Self, ::backstay_object::FromJsonError> {
                use ::backstay_object::from_json::{FromJson as _, read};
                #body
            }
        }
        #[automatically_derived]
        impl<'de> ::backstay_object::from_json::serde::Deserialize<'de> for #name {
            fn deserialize<D: ::backstay_object::from_json::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                ::backstay_object::from_json::deserialize(deserializer)
            }
        }
    })
}

fn write_struct(name: &Ident, container: &Container, fields: &Fields) -> Result<TokenStream, Error> {
    if container.tag.is_some() {
        return Err(Error::new_spanned(name, "a struct has no tag"));
    }
    if container.transparent {
        let Fields::Unnamed(_) = fields else {
            return Err(Error::new_spanned(name, "`transparent` is for `struct Name(Inner)`"));
        };
        return Ok(quote! { ::core::result::Result::Ok(Self(read::inner(given)?)) });
    }
    let Fields::Named(fields) = fields else {
        return Err(Error::new_spanned(name, "needs named fields, or `transparent`"));
    };
    let expected = format!("struct {name}");
    let members = members(fields.named.iter(), container)?;
    let known = if container.deny_unknown_fields {
        if let Some(flat) = members.iter().find(|member| member.flatten) {
            return Err(Error::new_spanned(flat.ident, "`flatten` does not go with `deny_unknown_fields`"));
        }
        let names = members.iter().map(|member| &member.key);
        quote! { read::only(given, &[#(#names),*])?; }
    } else {
        TokenStream::new()
    };
    let built = if container.default {
        let puts = members.iter().map(|Member { ident, key, .. }| {
            quote! { read::over(given, #key, &mut built.#ident)?; }
        });
        quote! {
            let mut built = <Self as ::core::default::Default>::default();
            #(#puts)*
            ::core::result::Result::Ok(built)
        }
    } else {
        let inits = members.iter().map(Member::read);
        quote! { ::core::result::Result::Ok(Self { #(#inits),* }) }
    };
    Ok(quote! {
        read::object(given, #expected)?;
        #known
        #built
    })
}

fn write_enum(name: &Ident, container: &Container, data: &DataEnum) -> Result<TokenStream, Error> {
    if container.transparent || container.default || container.deny_unknown_fields {
        let message = "`transparent`, `default` and `deny_unknown_fields` are for structs";
        return Err(Error::new_spanned(name, message));
    }
    let mut keys = Vec::new();
    let mut arms = Vec::new();
    for variant in &data.variants {
        let ident = &variant.ident;
        keys.push(attributes::name_of_variant(variant, container)?);
        arms.push(match &variant.fields {
            Fields::Unit => quote! { Self::#ident },
            _ if container.tag.is_none() => {
                return Err(Error::new_spanned(variant, "an enum with fields needs a `tag`"));
            }
            // `rename_all` of an enum is about its variants, not about their fields.
            Fields::Named(fields) => {
                let members = members(fields.named.iter(), &Container::default())?;
                let inits = members.iter().map(Member::read);
                quote! { Self::#ident { #(#inits),* } }
            }
            Fields::Unnamed(_) => return Err(Error::new_spanned(variant, "needs named fields")),
        });
    }
    let which = match &container.tag {
        Some(tag) => quote! { read::tag(given, #tag, &[#(#keys),*])? },
        None => quote! { read::variant(given, &[#(#keys),*])? },
    };
    let Some(last) = arms.pop() else {
        return Err(Error::new_spanned(name, "an enum without variants cannot be read"));
    };
    let places = 0..arms.len();
    Ok(quote! {
        ::core::result::Result::Ok(match #which {
            #(#places => #arms,)*
            _ => #last,
        })
    })
}

fn members<'a>(
    fields: impl Iterator<Item = &'a Field>,
    container: &Container,
) -> Result<Vec<Member<'a>>, Error> {
    fields.map(|field| Member::of(field, container)).collect()
}

impl Member<'_> {
    /// `name: how it is read`.
    fn read(&self) -> TokenStream {
        let Self { ident, key, .. } = self;
        if self.flatten {
            return quote! { #ident: read::inner(given)? };
        }
        match &self.absent {
            Absent::None => quote! { #ident: read::field(given, #key)? },
            Absent::Trait => {
                quote! { #ident: read::field_or(given, #key, ::core::default::Default::default)? }
            }
            Absent::Function(path) => quote! { #ident: read::field_or(given, #key, #path)? },
        }
    }
}
