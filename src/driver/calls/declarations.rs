//! TypeScript as text: the interface of a service, and types whose fields may be left out.

use std::collections::BTreeMap;

/// An interface with the methods: each with its parameters and its result. A name with dots is nested.
pub(super) fn interface(methods: &BTreeMap<&str, (String, String)>) -> String {
    let mut text = "export interface Api {\n".to_owned();
    let mut open: Vec<&str> = Vec::new();
    for (name, (params, result)) in methods {
        let mut path: Vec<_> = name.split('.').collect();
        let last = path.pop().unwrap_or_default();
        let shared = open.iter().zip(&path).take_while(|(a, b)| a == b).count();
        while open.len() > shared {
            open.pop();
            text.push_str(&format!("{}}};\n", indent(open.len())));
        }
        for part in &path[shared..] {
            text.push_str(&format!("{}{}: {{\n", indent(open.len()), key(part)));
            open.push(part);
        }
        text.push_str(&format!("{}{}({params}): {result};\n", indent(open.len()), key(last)));
    }
    while open.pop().is_some() {
        text.push_str(&format!("{}}};\n", indent(open.len())));
    }
    text.push_str("}\n");
    text
}

fn indent(depth: usize) -> String {
    "  ".repeat(depth + 1)
}

/// A name, quoted unless it can stand as it is.
fn key(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    match name.chars().all(is_plain) && !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty() {
        true => name.to_owned(),
        false => format!("{name:?}"),
    }
}

/// A declaration in which each property that may be `null` may be left out too, as serde has it.
pub(super) fn with_optional_fields(declaration: &str) -> String {
    let mut optional = Vec::new();
    // For each bracket that is open: where the `:` is of the property that is being read.
    let mut open: Vec<(char, Option<usize>)> = Vec::new();
    let mut chars = declaration.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => skip_text(&mut chars),
            '/' if declaration[at..].starts_with("/*") => {
                let end = declaration[at..].find("*/").map_or(declaration.len(), |length| at + length + 2);
                while chars.next_if(|(next, _)| *next < end).is_some() {}
            }
            '{' | '[' | '(' | '<' => open.push((c, None)),
            ':' => {
                if let Some(('{', colon @ None)) = open.last_mut() {
                    *colon = Some(at);
                }
            }
            ',' | ';' | '}' | ']' | ')' | '>' => {
                if let Some((_, colon)) = open.last_mut()
                    && let Some(colon) = colon.take()
                    && is_nullable(&declaration[colon + 1..at])
                    && !declaration[..colon].ends_with(['?', ']'])
                {
                    optional.push(colon);
                }
                if !matches!(c, ',' | ';') {
                    open.pop();
                }
            }
            _ => {}
        }
    }
    let mut text = declaration.to_owned();
    for colon in optional.into_iter().rev() {
        text.insert(colon, '?');
    }
    text
}

fn is_nullable(kind: &str) -> bool {
    kind.trim_end().ends_with("| null")
}

fn skip_text(chars: &mut impl Iterator<Item = (usize, char)>) {
    while let Some((_, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '"' => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{interface, with_optional_fields};

    #[test]
    fn what_may_be_null_may_be_left_out() {
        let cases = [
            ("type A = { a: string | null, b: number, };", "type A = { a?: string | null, b: number, };"),
            ("type A = { a?: string | null, };", "type A = { a?: string | null, };"),
            (
                "type A = { a: { b: number | null, }, c: Array<X | null>, };",
                "type A = { a: { b?: number | null, }, c: Array<X | null>, };",
            ),
            ("type A = [string | null, number];", "type A = [string | null, number];"),
            ("type A = string | null;", "type A = string | null;"),
            (
                "type A = { \"a: x | null, \\\" }\": B | null };",
                "type A = { \"a: x | null, \\\" }\"?: B | null };",
            ),
            ("type A = { [key in string]: B | null };", "type A = { [key in string]: B | null };"),
            ("type A = { /** x: y | null, */ a: B };", "type A = { /** x: y | null, */ a: B };"),
            (
                "type A = { t: \"a\", c: D | null } | { t: \"b\" };",
                "type A = { t: \"a\", c?: D | null } | { t: \"b\" };",
            ),
        ];
        for (declaration, expected) in cases {
            assert_eq!(with_optional_fields(declaration), expected);
        }
    }

    #[test]
    fn a_name_with_dots_is_nested() {
        let method = |result: &str| (String::new(), result.to_owned());
        let methods = [
            ("add", method("A")),
            ("users.get", method("B")),
            ("users.names.all", method("C")),
            ("x-y", method("D")),
        ];
        assert_eq!(
            interface(&methods.into_iter().collect()),
            "export interface Api {\n  add(): A;\n  users: {\n    get(): B;\n    names: {\n      all(): C;\n    };\n  };\n  \
             \"x-y\"(): D;\n}\n"
        );
    }
}
