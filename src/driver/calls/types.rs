//! [`typed`] and [`Declarations`]: the types of a service's methods, for TypeScript.

use std::any::TypeId;
use std::collections::{BTreeMap, HashSet};
use std::io;
use std::marker::PhantomData;

use ts_rs::{Config, TS, TypeVisitor};

use super::declarations::{interface, with_optional_fields};
use super::handler::{Handler, Prepared};
use super::reply::{Handed, Items, Plain, Stream, TryItems, TryStream};
use crate::calls::{Bytes, Upload, WithHandle};

/// A handler whose types are known to TypeScript: made by [`typed`].
pub struct Typed<F>(F);

/// Adds to a handler what TypeScript has to know of it: its parameters and its result implement
/// [`ts_rs::TS`], which is derived beside serde's traits.
///
/// ```
/// use crossfork::blocking::{Context, Service, typed};
///
/// #[derive(serde::Deserialize, ts_rs::TS)]
/// struct Rectangle {
///     width: f64,
///     height: f64,
/// }
///
/// fn area(r: Rectangle, _: &Context) -> Result<f64, std::fmt::Error> {
///     Ok(r.width * r.height)
/// }
///
/// # fn main() -> std::io::Result<()> {
/// let service = Service::new().method("area", typed(area));
/// # let path = std::env::temp_dir().join(format!("crossfork-typed-{}.d.ts", std::process::id()));
/// service.types(&path)?; // export interface Api { area(params: Rectangle): number; }
/// # assert!(std::fs::read_to_string(&path)?.contains("area(params: Rectangle): number;"));
/// # std::fs::remove_file(path) }
/// ```
pub fn typed<F>(handler: F) -> Typed<F> {
    Typed(handler)
}

/// A handler of the kind `M` with types.
pub struct Typing<M>(PhantomData<M>);

impl<P, M, F> Handler<P, Typing<M>> for Typed<F>
where
    P: 'static,
    F: Handler<P, M>,
    F::Params: TS + 'static,
    F::Output: Returns<F::Kind>,
{
    type Params = F::Params;
    type Output = F::Output;
    type Kind = F::Kind;

    fn prepare(self) -> Prepared<P> {
        let signature = Signature { params: params::<F::Params>, result: F::Output::describe };
        Prepared { signature: Some(signature), ..self.0.prepare() }
    }
}

/// What a handler returns, as TypeScript knows it. It is implemented for what a handler can return, if the
/// values implement [`ts_rs::TS`].
#[diagnostic::on_unimplemented(
    message = "TypeScript does not know the result of this handler",
    note = "derive `ts_rs::TS` for the type of the result, or of the items of a stream"
)]
pub trait Returns<K> {
    #[doc(hidden)]
    fn describe(declarations: &mut Declarations) -> String;
}

impl<T: TS + 'static, E> Returns<Plain> for Result<T, E> {
    fn describe(declarations: &mut Declarations) -> String {
        declarations.name::<T>()
    }
}

impl<T: TS + 'static, E> Returns<Handed> for Result<WithHandle<T>, E> {
    fn describe(declarations: &mut Declarations) -> String {
        declarations.name::<T>()
    }
}

macro_rules! streams {
    ($($kind:ident: $($trait:ident)::+),*; $($try_kind:ident: $($try_trait:ident)::+),*) => {
        $(impl<I: $($trait)::+<Item = T>, T: TS + 'static, E> Returns<$kind> for Result<I, E> {
            fn describe(declarations: &mut Declarations) -> String {
                declarations.name::<Upload<T>>()
            }
        })*
        $(impl<I: $($try_trait)::+<Item = Result<T, F>>, T: TS + 'static, E, F> Returns<$try_kind> for Result<I, E> {
            fn describe(declarations: &mut Declarations) -> String {
                declarations.name::<Upload<T>>()
            }
        })*
    };
}

streams!(
    Items: Iterator, Stream: futures_core::Stream;
    TryItems: Iterator, TryStream: futures_core::Stream
);

/// What a method takes and gives.
#[derive(Clone, Copy)]
pub(crate) struct Signature {
    params: fn(&mut Declarations) -> String,
    result: fn(&mut Declarations) -> String,
}

fn params<A: TS + 'static>(declarations: &mut Declarations) -> String {
    match TypeId::of::<A>() == TypeId::of::<()>() {
        true => String::new(),
        false => format!("params: {}", declarations.name::<A>()),
    }
}

/// The types that methods need.
#[doc(hidden)]
pub struct Declarations {
    config: Config,
    seen: HashSet<TypeId>,
    found: BTreeMap<String, String>,
    /// Two types that differ and have one name.
    conflict: Option<String>,
}

impl Declarations {
    fn name<T: TS + 'static>(&mut self) -> String {
        self.visit::<T>();
        T::name(&self.config)
    }

    /// The declarations of methods and of all types that they need.
    pub(crate) fn of<'a>(methods: impl Iterator<Item = (&'a str, Option<Signature>)>) -> io::Result<String> {
        // On this wire a u64 is a number.
        let config = Config::new().with_large_int("number");
        let mut declarations =
            Declarations { config, seen: HashSet::new(), found: BTreeMap::new(), conflict: None };
        let methods: BTreeMap<_, _> = methods
            .map(|(name, signature)| {
                let described = match signature {
                    Some(Signature { params, result }) => {
                        (params(&mut declarations), result(&mut declarations))
                    }
                    None => ("params?: unknown".to_owned(), "unknown".to_owned()),
                };
                (name, described)
            })
            .collect();
        if let Some(name) = declarations.conflict {
            let why = format!("two types are named {name}: rename one, as with #[ts(rename = \"...\")]");
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        let mut text = "// Written by `Service::types`: the methods of a service in Rust.\n\n".to_owned();
        text.push_str(&interface(&methods));
        for declaration in declarations.found.values() {
            text.push_str("\nexport ");
            text.push_str(&with_optional_fields(declaration));
            text.push('\n');
        }
        Ok(text)
    }
}

impl TypeVisitor for Declarations {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        if !self.seen.insert(TypeId::of::<T>()) {
            return;
        }
        // Only a type that was derived has a declaration of its own.
        if T::output_path().is_some() {
            let declaration = T::decl(&self.config);
            let known = self.found.insert(T::ident(&self.config), declaration.clone());
            if known.is_some_and(|known| known != declaration) {
                self.conflict = Some(T::ident(&self.config));
            }
        }
        T::visit_dependencies(self);
        T::visit_generics(self);
    }
}

impl TS for Bytes {
    type WithoutGenerics = Self;
    type OptionInnerType = Self;

    fn name(_: &Config) -> String {
        "Uint8Array".to_owned()
    }

    fn inline(config: &Config) -> String {
        Self::name(config)
    }
}

/// Any stream is an async iterable there.
impl<T: TS> TS for Upload<T> {
    type WithoutGenerics = Upload<ts_rs::Dummy>;
    type OptionInnerType = Self;

    fn name(config: &Config) -> String {
        format!("AsyncIterable<{}>", T::name(config))
    }

    fn inline(config: &Config) -> String {
        format!("AsyncIterable<{}>", T::inline(config))
    }

    fn visit_dependencies(visitor: &mut impl TypeVisitor)
    where
        Self: 'static,
    {
        T::visit_dependencies(visitor);
    }

    fn visit_generics(visitor: &mut impl TypeVisitor)
    where
        Self: 'static,
    {
        T::visit_generics(visitor);
        visitor.visit::<T>();
    }
}
