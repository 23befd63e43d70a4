//! `#[derive(Model)]`: turns a plain struct into the table of fields that the rest of the catalogue reads.
//!
//! The table says of each field its kind (text, number, link, term, …), its limits and its documentation; OpenAPI schemas,
//! validation, links, vocabulary terms and the search mapping all follow from it. The server derives it for what else goes over the wire.
//!
//! On the struct: `#[model(resource, path = "…", prefix = "…", class = "…")]` for a resource type (`images` where it has pictures,
//! `title = "…"` where the OpenAPI name is not the struct's), `#[model(closed)]` where unknown fields are refused.
//! On a field: `#[field(…)]` with `max`, `min` (characters), `least`, `most` (numbers), `min_items`, `max_items`, `default`, `required`,
//! `read_only`, `personal`, `platform`, `date`, `link = "a, b"` (with `inverse = "…"`, the field of the other end that says the same, and
//! `one_of = "…"`, where only one field of this group may refer to anything), `term = "…"`, `v2_alias = "…"`, `blob`;
//! `#[serde(flatten)]` takes over the fields of another struct.
#![allow(clippy::expect_used, reason = "a macro reports misuse by panicking at compile time")]

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::{Attribute, Data, DeriveInput, Fields, LitStr, meta::ParseNestedMeta, parse_macro_input};

/// Derives `Model` (and, with `#[model(resource, …)]`, `Resource`) for a struct with named fields.
#[proc_macro_derive(Model, attributes(model, field))]
pub fn derive_model(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

fn expand(input: &DeriveInput) -> syn::Result<Tokens> {
    let Data::Struct(data) = &input.data else {
        return Err(syn::Error::new_spanned(input, "Model is for structs"));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(syn::Error::new_spanned(input, "Model is for structs with named fields"));
    };
    let ident = &input.ident;
    let options = ModelOptions::parse(&input.attrs)?;
    let title = options.title.clone().unwrap_or_else(|| ident.to_string());
    let doc = documentation(&input.attrs);
    let closed = options.closed;
    let pushes = fields.named.iter().map(push_field).collect::<syn::Result<Vec<_>>>()?;
    let resource = options.resource.then(|| options.resource_impl(ident, &title));
    Ok(quote! {
        impl ::aiod_schema::model::Model for #ident {
            fn object() -> &'static ::aiod_schema::model::Object {
                static OBJECT: ::std::sync::LazyLock<::aiod_schema::model::Object> = ::std::sync::LazyLock::new(|| {
                    let mut fields = ::std::vec::Vec::new();
                    #(#pushes)*
                    ::aiod_schema::model::Object { title: #title, doc: #doc, closed: #closed, fields }
                });
                &OBJECT
            }
        }
        impl ::aiod_schema::model::FieldType for #ident {
            const SHAPE: ::aiod_schema::model::Shape = ::aiod_schema::model::Shape::one(::aiod_schema::model::Kind::Object(<#ident as ::aiod_schema::model::Model>::object));
        }
        #resource
    })
}

#[derive(Default)]
struct ModelOptions {
    resource: bool,
    closed: bool,
    images: bool,
    title: Option<String>,
    name: Option<String>,
    path: Option<String>,
    prefix: Option<String>,
    class: Option<String>,
    rule: Option<syn::Path>,
}

impl ModelOptions {
    fn parse(attributes: &[Attribute]) -> syn::Result<Self> {
        let mut options = Self::default();
        for attribute in attributes.iter().filter(|a| a.path().is_ident("model")) {
            attribute.parse_nested_meta(|meta| {
                let key = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
                match key.as_str() {
                    "resource" => options.resource = true,
                    "closed" => options.closed = true,
                    "images" => options.images = true,
                    "title" => options.title = Some(text(&meta)?),
                    "name" => options.name = Some(text(&meta)?),
                    "path" => options.path = Some(text(&meta)?),
                    "prefix" => options.prefix = Some(text(&meta)?),
                    "class" => options.class = Some(text(&meta)?),
                    "rule" => options.rule = Some(meta.value()?.parse()?),
                    _ => return Err(meta.error("unknown option of #[model]")),
                }
                Ok(())
            })?;
        }
        Ok(options)
    }

    fn resource_impl(&self, ident: &syn::Ident, title: &str) -> Tokens {
        let name = self.name.clone().unwrap_or_else(|| snake_case(&ident.to_string()));
        let path = self.path.as_deref().expect("#[model(resource)] needs path");
        let prefix = self.prefix.as_deref().expect("#[model(resource)] needs prefix");
        let class = syn::Ident::new(self.class.as_deref().expect("#[model(resource)] needs class"), ident.span());
        let images = self.images;
        let rule = match &self.rule {
            Some(path) => quote!(Some(#path)),
            None => quote!(None),
        };
        quote! {
            impl ::aiod_schema::model::Resource for #ident {
                fn resource_type() -> ::aiod_schema::model::ResourceType {
                    ::aiod_schema::model::ResourceType {
                        name: #name, title: #title, path: #path, prefix: #prefix,
                        class: ::aiod_schema::model::Class::#class, images: #images, rule: #rule,
                        object: <#ident as ::aiod_schema::model::Model>::object(),
                    }
                }
            }
        }
    }
}

fn push_field(field: &syn::Field) -> syn::Result<Tokens> {
    let ty = &field.ty;
    if is_flattened(field) {
        return Ok(quote! { fields.extend(<#ty as ::aiod_schema::model::Model>::object().fields.iter().cloned()); });
    }
    let name = field_name(field);
    let doc = documentation(&field.attrs);
    let (mut min, mut max) = (quote!(None), quote!(None));
    let (mut required, mut read_only, mut personal) = (false, false, false);
    let (mut least, mut most, mut min_items, mut max_items) = (quote!(None), quote!(None), quote!(None), quote!(None));
    let (mut alias, mut default) = (quote!(None), quote!(None));
    let (mut inverse, mut one_of) = (quote!(None), quote!(None));
    let mut kind = quote!(<#ty as ::aiod_schema::model::FieldType>::SHAPE.kind);
    for attribute in field.attrs.iter().filter(|a| a.path().is_ident("field")) {
        attribute.parse_nested_meta(|meta| {
            let key = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
            match key.as_str() {
                "required" => required = true,
                "read_only" => read_only = true,
                "personal" => personal = true,
                "platform" => kind = quote!(::aiod_schema::model::Kind::Platform),
                "blob" => kind = quote!(::aiod_schema::model::Kind::Blob),
                "min" => min = some_number(&meta)?,
                "max" => max = some_number(&meta)?,
                "least" => least = some_number(&meta)?,
                "most" => most = some_number(&meta)?,
                "min_items" => min_items = some_number(&meta)?,
                "max_items" => max_items = some_number(&meta)?,
                "default" => {
                    let literal = meta.value()?.parse::<syn::Lit>()?;
                    default = quote!(Some(::aiod_schema::model::FieldDefault::from(#literal)));
                }
                "v2_alias" => alias = some_text(&meta)?,
                "inverse" => inverse = some_text(&meta)?,
                "one_of" => one_of = some_text(&meta)?,
                "link" => {
                    let targets: Vec<String> = text(&meta)?.split(',').map(|t| t.trim().to_owned()).collect();
                    kind = quote!(::aiod_schema::model::Kind::Link(&[#(#targets),*]));
                }
                "term" => {
                    let vocabulary = text(&meta)?;
                    kind = quote!(::aiod_schema::model::Kind::Term(#vocabulary));
                }
                _ => return Err(meta.error("unknown option of #[field]")),
            }
            Ok(())
        })?;
    }
    Ok(quote! {
        fields.push(::aiod_schema::model::Field {
            name: #name, doc: #doc, kind: #kind, list: <#ty as ::aiod_schema::model::FieldType>::SHAPE.list, optional: <#ty as ::aiod_schema::model::FieldType>::SHAPE.optional,
            min_length: #min, max_length: #max, minimum: #least, maximum: #most, min_items: #min_items, max_items: #max_items,
            required: #required, default: #default, read_only: #read_only, personal: #personal, v2_alias: #alias,
            inverse: #inverse, one_of: #one_of,
        });
    })
}

fn is_flattened(field: &syn::Field) -> bool {
    let mut flattened = false;
    for attribute in field.attrs.iter().filter(|a| a.path().is_ident("serde")) {
        // Options other than `flatten` are serde's own business.
        let _ = attribute.parse_nested_meta(|meta| {
            flattened |= meta.path.is_ident("flatten");
            Ok(())
        });
    }
    flattened
}

fn field_name(field: &syn::Field) -> String {
    let name = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
    name.trim_start_matches("r#").to_owned()
}

fn documentation(attributes: &[Attribute]) -> String {
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

fn text(meta: &ParseNestedMeta<'_>) -> syn::Result<String> {
    Ok(meta.value()?.parse::<LitStr>()?.value())
}

fn some_text(meta: &ParseNestedMeta<'_>) -> syn::Result<Tokens> {
    let text = text(meta)?;
    Ok(quote!(Some(#text)))
}

fn some_number(meta: &ParseNestedMeta<'_>) -> syn::Result<Tokens> {
    let number = meta.value()?.parse::<syn::Expr>()?;
    Ok(quote!(Some(#number)))
}

fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for (i, c) in name.chars().enumerate() {
        if c.is_uppercase() && i > 0 {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}
