//! The options of a field, and the row of the table that follows from them.

use proc_macro2::{Span, TokenStream as Tokens};
use quote::{ToTokens, quote};
use syn::meta::ParseNestedMeta;
use syn::{Expr, Field, Ident, LitInt, LitStr, Token};

use crate::syntax::{documentation, each_option, key, name, text};

/// What `#[field(…)]` says.
#[derive(Default)]
struct FieldOptions {
    /// Members of the field's row, and their values.
    members: Vec<(Ident, Tokens)>,
    /// The link field whose resources it shows.
    embeds: Option<LitStr>,
    overrides: Vec<Override>,
}

/// What is different of one field that a flattened member brings.
struct Override {
    field: Ident,
    options: FieldOptions,
}

impl FieldOptions {
    fn parse(field: &Field) -> syn::Result<Self> {
        let mut options = Self::default();
        each_option(&field.attrs, "field", |meta| options.read(meta))?;
        Ok(options)
    }

    fn read(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        let option = key(meta);
        match option.as_str() {
            "required" | "read_only" | "personal" | "needs_login" => self.set(&option, quote!(true)),
            "inverse" | "one_of" | "v2_alias" => self.set(&option, some(&text(meta)?)),
            "min_items" | "max_items" => self.set(&option, some(&expression(meta)?)),
            "min" => self.set("min_length", some(&expression(meta)?)),
            "max" => self.set("max_length", some(&expression(meta)?)),
            "least" => self.set("minimum", some(&expression(meta)?)),
            "most" => self.set("maximum", some(&expression(meta)?)),
            "digits" => self.set("digits", digits(meta)?),
            "platform" => self.set("kind", quote!(::aiod_schema::model::Kind::Platform)),
            "blob" => self.set("kind", quote!(::aiod_schema::model::Kind::Blob)),
            "link" => self.set("kind", link(&text(meta)?)?),
            "term" => self.set("kind", term(&text(meta)?)?),
            "default" => self.set("default", default(&expression(meta)?)),
            "role" => self.set("role", role(&meta.value()?.parse()?)),
            "search" => self.set("searched", searched(&meta.value()?.parse()?)),
            "embeds" => {
                let link = text(meta)?;
                self.set("embeds", some(&link));
                self.embeds = Some(link);
            }
            "overrides" => self.overrides.push(Override::read(meta)?),
            _ => return Err(meta.error("unknown option of #[field]")),
        }
        Ok(())
    }

    fn set(&mut self, member: &str, value: Tokens) {
        self.members.push((Ident::new(member, Span::call_site()), value));
    }
}

/// Reads `digits(before, after)`.
fn digits(meta: &ParseNestedMeta<'_>) -> syn::Result<Tokens> {
    let content;
    syn::parenthesized!(content in meta.input);
    let before: LitInt = content.parse()?;
    content.parse::<Token![,]>()?;
    let after: LitInt = content.parse()?;
    Ok(quote!(Some(::aiod_schema::model::Digits { before: #before, after: #after })))
}

fn expression(meta: &ParseNestedMeta<'_>) -> syn::Result<Expr> {
    meta.value()?.parse()
}

fn some(value: &impl ToTokens) -> Tokens {
    quote!(Some(#value))
}

fn default(value: &Expr) -> Tokens {
    quote!(Some(::aiod_schema::model::FieldDefault::from(#value)))
}

fn role(name: &Ident) -> Tokens {
    quote!(Some(::aiod_schema::model::Role::#name))
}

fn searched(part: &Ident) -> Tokens {
    quote!(Some(::aiod_schema::model::Searched::#part))
}

impl Override {
    /// Reads `overrides(field, option, …)`.
    fn read(meta: &ParseNestedMeta<'_>) -> syn::Result<Self> {
        let content;
        syn::parenthesized!(content in meta.input);
        let field: Ident = content.parse()?;
        content.parse::<Token![,]>()?;
        let mut options = FieldOptions::default();
        let parser = syn::meta::parser(|meta| options.read(&meta));
        syn::parse::Parser::parse2(parser, content.parse()?)?;
        Ok(Self { field, options })
    }
}

/// The statement that adds a member of a struct to its table: `fields` grows by one row, or by those of a flattened struct.
pub(crate) fn push(owner: &Ident, member: &Field) -> syn::Result<Tokens> {
    let options = FieldOptions::parse(member)?;
    if is_flattened(member) { push_flattened(member, &options) } else { push_row(owner, member, &options) }
}

fn push_row(owner: &Ident, member: &Field, options: &FieldOptions) -> syn::Result<Tokens> {
    if let Some(Override { field, .. }) = options.overrides.first() {
        return Err(syn::Error::new_spanned(field, "only a member with #[serde(flatten)] brings fields that can be overridden"));
    }
    let (ty, name, doc) = (&member.ty, field_name(member), documentation(&member.attrs));
    let (members, values): (Vec<_>, Vec<_>) = options.members.iter().cloned().unzip();
    let check = options.embeds.as_ref().map(|link| check_member(&quote!(#owner), &link.value(), link.span())).transpose()?;
    Ok(quote! {
        #check
        fields.push(::aiod_schema::model::Field {
            #(#members: #values,)*
            ..::aiod_schema::model::Field::new(#name, #doc, <#ty as ::aiod_schema::model::FieldType>::SHAPE)
        });
    })
}

fn push_flattened(member: &Field, options: &FieldOptions) -> syn::Result<Tokens> {
    if let Some((option, _)) = options.members.first() {
        return Err(syn::Error::new_spanned(member, format!("'{option}' cannot be said of all fields of a flattened member")));
    }
    let ty = &member.ty;
    let overrides = options.overrides.iter().map(|o| override_row(ty, o)).collect::<syn::Result<Vec<_>>>()?;
    Ok(quote! {
        fields.extend(<#ty as ::aiod_schema::model::Model>::object().fields.iter().cloned());
        #(#overrides)*
    })
}

fn override_row(ty: &syn::Type, Override { field, options }: &Override) -> syn::Result<Tokens> {
    let name = field.to_string();
    let check = check_member(&quote!(#ty), &name, field.span())?;
    let (members, values): (Vec<_>, Vec<_>) = options.members.iter().cloned().unzip();
    Ok(quote! {
        #check
        for field in fields.iter_mut().filter(|field: &&mut ::aiod_schema::model::Field| field.name == #name) {
            #(field.#members = #values;)*
        }
    })
}

/// What compiles only when the struct has a member of this name.
fn check_member(owner: &Tokens, member: &str, span: Span) -> syn::Result<Tokens> {
    let member = name(member, span)?;
    Ok(quote! {
        const _: fn(&#owner) = |owner| {
            let _ = &owner.#member;
        };
    })
}

/// The kind of a link: each target is the name of a type or of a group of types.
fn link(targets: &LitStr) -> syn::Result<Tokens> {
    let names = targets.value();
    let targets = names.split(',').map(|target| name(target.trim(), targets.span())).collect::<syn::Result<Vec<_>>>()?;
    Ok(quote!(::aiod_schema::model::Kind::Link(&[#(::aiod_schema::resource::target::#targets),*])))
}

/// The kind of a term: the vocabulary is a constant of the module `vocabulary`.
fn term(vocabulary: &LitStr) -> syn::Result<Tokens> {
    let constant = name(&vocabulary.value().to_uppercase(), vocabulary.span())?;
    Ok(quote!(::aiod_schema::model::Kind::Term(&::aiod_schema::vocabulary::#constant)))
}

fn is_flattened(field: &Field) -> bool {
    let mut flattened = false;
    // Options other than `flatten` are serde's own business, and so are mistakes in them.
    let _ = each_option(&field.attrs, "serde", |meta| {
        flattened |= meta.path.is_ident("flatten");
        Ok(())
    });
    flattened
}

fn field_name(field: &Field) -> String {
    let name = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
    name.trim_start_matches("r#").to_owned()
}
