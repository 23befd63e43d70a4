//! The options of a struct, and what is generated for it as a whole.

use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::{Attribute, DeriveInput, LitStr, Path};

use crate::syntax::{documentation, each_option, key, name, snake_case, text};

/// What `#[model(…)]` says.
#[derive(Default)]
pub(crate) struct ModelOptions {
    resource: bool,
    closed: bool,
    images: bool,
    title: Option<LitStr>,
    name: Option<LitStr>,
    phrase: Option<LitStr>,
    path: Option<LitStr>,
    prefix: Option<LitStr>,
    class: Option<LitStr>,
    rule: Option<Path>,
}

impl ModelOptions {
    pub(crate) fn parse(attributes: &[Attribute]) -> syn::Result<Self> {
        let mut options = Self::default();
        each_option(attributes, "model", |meta| {
            match key(meta).as_str() {
                "resource" => options.resource = true,
                "closed" => options.closed = true,
                "images" => options.images = true,
                "title" => options.title = Some(text(meta)?),
                "name" => options.name = Some(text(meta)?),
                "phrase" => options.phrase = Some(text(meta)?),
                "path" => options.path = Some(text(meta)?),
                "prefix" => options.prefix = Some(text(meta)?),
                "class" => options.class = Some(text(meta)?),
                "rule" => options.rule = Some(meta.value()?.parse()?),
                _ => return Err(meta.error("unknown option of #[model]")),
            }
            Ok(())
        })?;
        Ok(options)
    }

    fn title(&self, input: &DeriveInput) -> String {
        self.title.as_ref().map_or_else(|| input.ident.to_string(), LitStr::value)
    }

    /// The table of the struct's fields, each of which `members` adds to `fields`.
    pub(crate) fn object(&self, input: &DeriveInput, members: &[Tokens]) -> Tokens {
        let (ident, title, closed) = (&input.ident, self.title(input), self.closed);
        let doc = documentation(&input.attrs);
        quote! {
            impl ::aiod_schema::model::Model for #ident {
                fn object() -> &'static ::aiod_schema::model::Object {
                    static OBJECT: ::std::sync::LazyLock<::aiod_schema::model::Object> = ::std::sync::LazyLock::new(|| {
                        let mut fields = ::std::vec::Vec::new();
                        #(#members)*
                        ::aiod_schema::model::Object { title: #title, doc: #doc, closed: #closed, fields }
                    });
                    &OBJECT
                }
            }
            impl ::aiod_schema::model::FieldType for #ident {
                const SHAPE: ::aiod_schema::model::Shape =
                    ::aiod_schema::model::Shape::one(::aiod_schema::model::Kind::Object(<#ident as ::aiod_schema::model::Model>::object));
            }
        }
    }

    /// What makes a resource type of the struct, where it is one.
    pub(crate) fn resource(&self, input: &DeriveInput) -> syn::Result<Option<Tokens>> {
        if !self.resource {
            return Ok(None);
        }
        let needed = |option: &Option<LitStr>, key: &str| {
            option.clone().ok_or_else(|| syn::Error::new_spanned(&input.ident, format!("#[model(resource)] needs {key} = \"…\"")))
        };
        let (path, prefix, class) = (needed(&self.path, "path")?, needed(&self.prefix, "prefix")?, needed(&self.class, "class")?);
        let (ident, title, images) = (&input.ident, self.title(input), self.images);
        let type_name = self.name.as_ref().map_or_else(|| snake_case(&ident.to_string()), LitStr::value);
        let class = name(&class.value(), class.span())?;
        let phrase = self.phrase.as_ref().map_or_else(|| with_article(&type_name.replace('_', " ")), LitStr::value);
        let rule = self.rule.as_ref().map_or_else(|| quote!(None), |rule| quote!(Some(#rule)));
        Ok(Some(quote! {
            impl ::aiod_schema::model::Resource for #ident {
                fn resource_type() -> ::aiod_schema::model::ResourceType {
                    ::aiod_schema::model::ResourceType {
                        name: #type_name, phrase: #phrase, title: #title, path: #path, prefix: #prefix,
                        class: ::aiod_schema::model::Class::#class, images: #images, rule: #rule,
                        object: <#ident as ::aiod_schema::model::Model>::object(),
                    }
                }
            }
        }))
    }
}

/// A noun with its indefinite article, by its spelling.
fn with_article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {noun}")
}
