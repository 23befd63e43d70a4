//! The options of a field, and the row of the table that follows from them.

use proc_macro2::{Span, TokenStream as Tokens};
use quote::{ToTokens, quote};
use syn::meta::ParseNestedMeta;
use syn::{Expr, Field, Ident, LitStr, Token};

use crate::syntax::{documentation, each_option, key, name, text};

/// What `#[field(…)]` says.
#[derive(Default)]
struct FieldOptions {
    kind: Option<Tokens>,
    min: Option<Expr>,
    max: Option<Expr>,
    least: Option<Expr>,
    most: Option<Expr>,
    min_items: Option<Expr>,
    max_items: Option<Expr>,
    default: Option<Expr>,
    required: bool,
    read_only: bool,
    personal: bool,
    needs_login: bool,
    role: Option<Ident>,
    embeds: Option<LitStr>,
    inverse: Option<LitStr>,
    one_of: Option<LitStr>,
    v2_alias: Option<LitStr>,
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
        match key(meta).as_str() {
            "required" => self.required = true,
            "read_only" => self.read_only = true,
            "personal" => self.personal = true,
            "needs_login" => self.needs_login = true,
            "platform" => self.kind = Some(quote!(::aiod_schema::model::Kind::Platform)),
            "blob" => self.kind = Some(quote!(::aiod_schema::model::Kind::Blob)),
            "link" => self.kind = Some(link(&text(meta)?)?),
            "term" => self.kind = Some(term(&text(meta)?)?),
            "min" => self.min = Some(meta.value()?.parse()?),
            "max" => self.max = Some(meta.value()?.parse()?),
            "least" => self.least = Some(meta.value()?.parse()?),
            "most" => self.most = Some(meta.value()?.parse()?),
            "min_items" => self.min_items = Some(meta.value()?.parse()?),
            "max_items" => self.max_items = Some(meta.value()?.parse()?),
            "default" => self.default = Some(meta.value()?.parse()?),
            "role" => self.role = Some(meta.value()?.parse()?),
            "embeds" => self.embeds = Some(text(meta)?),
            "inverse" => self.inverse = Some(text(meta)?),
            "one_of" => self.one_of = Some(text(meta)?),
            "v2_alias" => self.v2_alias = Some(text(meta)?),
            "overrides" => self.overrides.push(Override::read(meta)?),
            _ => return Err(meta.error("unknown option of #[field]")),
        }
        Ok(())
    }

    /// The options as members of a row and their values; only those that were given.
    fn given(&self) -> Vec<(Ident, Tokens)> {
        let flag = |is_set: bool| is_set.then(|| quote!(true));
        let role = self.role.as_ref().map(|role| quote!(Some(::aiod_schema::model::Role::#role)));
        let default = self.default.as_ref().map(|value| quote!(Some(::aiod_schema::model::FieldDefault::from(#value))));
        let members = [
            ("kind", self.kind.clone()),
            ("min_length", some(self.min.as_ref())),
            ("max_length", some(self.max.as_ref())),
            ("minimum", some(self.least.as_ref())),
            ("maximum", some(self.most.as_ref())),
            ("min_items", some(self.min_items.as_ref())),
            ("max_items", some(self.max_items.as_ref())),
            ("default", default),
            ("required", flag(self.required)),
            ("read_only", flag(self.read_only)),
            ("personal", flag(self.personal)),
            ("needs_login", flag(self.needs_login)),
            ("role", role),
            ("embeds", some(self.embeds.as_ref())),
            ("inverse", some(self.inverse.as_ref())),
            ("one_of", some(self.one_of.as_ref())),
            ("v2_alias", some(self.v2_alias.as_ref())),
        ];
        let given = members.into_iter().filter_map(|(member, value)| Some((member, value?)));
        given.map(|(member, value)| (Ident::new(member, Span::call_site()), value)).collect()
    }
}

fn some(value: Option<&impl ToTokens>) -> Option<Tokens> {
    value.map(|value| quote!(Some(#value)))
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
    let (members, values): (Vec<_>, Vec<_>) = options.given().into_iter().unzip();
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
    if let Some((option, _)) = options.given().first() {
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
    let (members, values): (Vec<_>, Vec<_>) = options.given().into_iter().unzip();
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
