//! Reading attributes: what options of structs and fields have in common.

use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Ident, LitStr};

/// Goes through the options of the attributes of this name.
pub(crate) fn each_option(
    attributes: &[Attribute],
    name: &str,
    mut read: impl FnMut(&ParseNestedMeta<'_>) -> syn::Result<()>,
) -> syn::Result<()> {
    attributes.iter().filter(|a| a.path().is_ident(name)).try_for_each(|a| a.parse_nested_meta(|meta| read(&meta)))
}

/// What an option is called.
pub(crate) fn key(meta: &ParseNestedMeta<'_>) -> String {
    meta.path.get_ident().map(ToString::to_string).unwrap_or_default()
}

/// The text behind an option's `=`.
pub(crate) fn text(meta: &ParseNestedMeta<'_>) -> syn::Result<LitStr> {
    meta.value()?.parse()
}

/// A text as a name of Rust, so that the compiler points at the text when there is nothing of this name.
pub(crate) fn name(text: &str, span: Span) -> syn::Result<Ident> {
    syn::parse_str::<Ident>(text).map(|_| Ident::new(text, span)).map_err(|_| syn::Error::new(span, format!("'{text}' is not a name")))
}

/// The comment above a struct or a field, as one line.
pub(crate) fn documentation(attributes: &[Attribute]) -> String {
    let mut lines = Vec::new();
    for attribute in attributes.iter().filter(|a| a.path().is_ident("doc")) {
        if let syn::Meta::NameValue(pair) = &attribute.meta
            && let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(line), .. }) = &pair.value
        {
            lines.push(line.value().trim().to_owned());
        }
    }
    lines.join(" ").trim().to_owned()
}

/// `CaseStudy` as `case_study`.
pub(crate) fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for (i, c) in name.chars().enumerate() {
        if c.is_uppercase() && i > 0 {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}
