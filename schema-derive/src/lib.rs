//! `#[derive(Model)]`: turns a plain struct into the table of fields that the rest of the catalogue reads.
//!
//! The table says of each field its kind (text, number, link, term, …), its limits, its role and its documentation; OpenAPI schemas,
//! validation, links, vocabulary terms and masking all follow from it. Resource types have such a table, and so has every other
//! body of a request or an answer.
//!
//! On the struct, `#[model(…)]`:
//!
//! * `resource, path = "…", prefix = "…", class = "…"` for a resource type; `images` where it has pictures, `name = "…"` and
//!   `title = "…"` where its names are not those of the struct, `phrase = "…"` where a sentence calls one neither "a NAME" nor "an NAME",
//!   `rule = function` for a rule over several fields;
//! * `closed` where unknown fields are refused.
//!
//! On a field, `#[field(…)]`:
//!
//! * what a value is, where the type does not say it: `platform`, `blob`, `link = "type or group, …"`, `term = "vocabulary"`;
//! * of a link: `inverse = "field"`, the field of the other end that says the same; `one_of = "group"`, where only one field of this group
//!   may refer to anything;
//! * its limits: `required`, `min = …` and `max = …` (characters), `least = …` and `most = …` (whole numbers),
//!   `digits(2, 1)` (of other numbers: at most so many before the point, and after it), `min_items = …` and `max_items = …`;
//!   `default = …` for what is absent;
//! * who sets and sees it: `read_only`, `personal`, `needs_login`;
//! * what the catalogue does with it: `role = Role`, as what part of the resource searches find it: `search = Searched`, `embeds = "link field"`;
//! * `v2_alias = "…"`: its other name in `/v2`.
//!
//! On a member with `#[serde(flatten)]`, which brings all fields of another struct: `#[field(overrides(field, …))]`, what is different of one of
//! these fields here.
//!
//! A link's target, a vocabulary, a class, a role, and a field that is named by `embeds` or `overrides` are checked by the compiler.

mod field;
mod model;
mod syntax;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::{Data, DataStruct, DeriveInput, Fields, parse_macro_input};

use crate::model::ModelOptions;

/// Derives `Model` (and, with `#[model(resource, …)]`, `Resource`) for a struct with named fields.
#[proc_macro_derive(Model, attributes(model, field))]
pub fn derive_model(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

fn expand(input: &DeriveInput) -> syn::Result<Tokens> {
    let Data::Struct(DataStruct { fields: Fields::Named(fields), .. }) = &input.data else {
        return Err(syn::Error::new_spanned(input, "Model is for structs with named fields"));
    };
    let options = ModelOptions::parse(&input.attrs)?;
    let members = fields.named.iter().map(|member| field::push(&input.ident, member)).collect::<syn::Result<Vec<_>>>()?;
    let object = options.object(input, &members);
    let resource = options.resource(input)?;
    Ok(quote!(#object #resource))
}
