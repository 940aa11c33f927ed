//! Patterns of regular expressions, valid and not: from the grammar, from everyday ones, and from parts
//! that are put together without any understanding. Most are then damaged.

use crossfork::v8::JsString;

/// What patterns are made of, and what looks like it.
pub const PARTS: &[&str] = &[
    "(",
    ")",
    "(?:",
    "(?=",
    "(?!",
    "(?<=",
    "(?<!",
    "(?<a>",
    "(?<b>",
    "(?<k_1>",
    "(?i:",
    "(?-s:",
    "[",
    "]",
    "[^",
    "{",
    "}",
    "{2}",
    "{2,}",
    "{2,3}",
    "{0,0}",
    "{3,2}",
    "{99999999999}",
    "{,2}",
    "|",
    "^",
    "$",
    "*",
    "+",
    "?",
    ".",
    "-",
    "/",
    "\\",
    ",",
    ":",
    "=",
    "!",
    "<",
    ">",
    "&",
    "&&",
    "~",
    "#",
    "%",
    "@",
    "'",
    "\"",
    "`",
    ";",
    " ",
    "_",
    "a",
    "b",
    "z",
    "A",
    "Z",
    "0",
    "9",
    "k",
    "u",
    "x41",
    "u0041",
    "ud800",
    "udc00",
    "u{41}",
    "u{110000}",
    "p{L}",
    "p{Nope}",
    "P{sc=Grek}",
    "p{RGI_Emoji}",
    "d",
    "w",
    "s",
    "c",
    "cA",
    "c_",
    "q{a}",
    "q{ab|c}",
    "\\d",
    "\\W",
    "\\s",
    "\\b",
    "\\B",
    "\\-",
    "\\]",
    "\\[",
    "\\\\",
    "\\/",
    "\\^",
    "\\n",
    "\\v",
    "\\x41",
    "\\x7e",
    "\\u0041",
    "\\u00e9",
    "\\u20ac",
    "\\1",
    "\\2",
    "\\0",
    "\\07",
    "\\8",
    "\\k<a>",
    "\\k<b>",
    "\\k",
    "a-z",
    "0-9",
    "--",
    "::",
    "..",
    "\u{e9}",
    "\u{17f}",
    "\u{212a}",
    "\u{fffe}",
    "\u{1f600}",
    "\0",
    "\t",
    "\n",
    "\u{2028}",
];

/// As they are written every day.
const EVERYDAY: &[&str] = &[
    r"[\w-]+",
    r"\p{L}",
    r"(a)\1",
    "[/]",
    r"\u{1F600}",
    r"[.*+?^${}()|[\]\\]",
    r"^[^\s@]+@[^\s@]+\.[^\s@]+$",
    r"^(?:https?:\/\/)?([^\/:?#]+)(?::(\d+))?",
    r"^#?([a-f\d]{2})([a-f\d]{2})([a-f\d]{2})$",
    r"(?<year>\d{4})-(?<month>\d{2})",
    r"^\s+|\s+$",
    r"(\d)(?=(\d{3})+(?!\d))",
    r"<(\w+)[^>]*>.*?<\/\1>",
    r"[^\x00-\x7F]",
    r"[\u4e00-\u9fa5]",
    r"(?<![\w.])\$(?<name>\w+)\k<name>?",
    r"^(0|[1-9]\d*)\.(0|[1-9]\d*)$",
    r"[-[\]{}()*+?.,\\^$|#\s]",
    r"\/\*[\s\S]*?\*\/",
    r"[\ud800-\udbff][\udc00-\udfff]",
    r"\p{Lu}\p{Script=Cyrillic}+\P{Nd}",
    r"[\p{L}\p{N}_$]+",
    r"^\{\{(.+?)\}\}$",
    r"\cA[\cZ\b]",
    r#"(["'])(?:(?=(\\?))\2.)*?\1"#,
    r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}",
    r"[\p{L}--[a-z]]",
    r"[\w&&[^\d]]",
    r"^\p{RGI_Emoji}$",
    r"[\q{abc|d}a-z]",
    r"a{,5}",
    r"x{1",
    r"[a-\d]",
    r"]}",
    r"\c",
    r"(?=a)*",
    r"(?<größe>.)",
    "a/b",
];

const NAMES: &[&str] = &["a", "b", "_c", "d1", "\u{e9}", "$", "\\u0061", "\\u{62}", "\u{4e00}x"];

/// Random numbers, the same in each run.
pub struct Random(pub u32);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        (self.0 >> 4) as usize % limit
    }

    fn of<'a>(&mut self, among: &[&'a str]) -> &'a str {
        among[self.below(among.len())]
    }
}

/// One pattern.
pub fn pattern(random: &mut Random) -> JsString {
    let text = match random.below(6) {
        0 => (0..2 + random.below(7)).map(|_| random.of(PARTS)).collect(),
        1 => random.of(EVERYDAY).to_owned(),
        _ => {
            let mut text = String::new();
            Grammar { random, text: &mut text }.disjunction(3);
            text
        }
    };
    let mut units: Vec<u16> = text.encode_utf16().collect();
    for _ in 0..[0, 0, 1, 1, 2, 3][random.below(6)] {
        damage(&mut units, random);
    }
    JsString::from_utf16(&units)
}

fn damage(units: &mut Vec<u16>, random: &mut Random) {
    let at = random.below(units.len() + 1);
    let to = (at + 1 + random.below(3)).min(units.len());
    match random.below(4) {
        // Also between the halves of a character.
        0 => drop(units.drain(at..to)),
        1 => drop(units.splice(at..at, random.of(PARTS).encode_utf16().collect::<Vec<_>>())),
        2 => drop(units.splice(at..to, random.of(PARTS).encode_utf16().collect::<Vec<_>>())),
        _ => units.extend_from_within(at..to),
    }
}

/// What the grammar has, for one mode or another.
struct Grammar<'a> {
    random: &'a mut Random,
    text: &'a mut String,
}

impl Grammar<'_> {
    fn put(&mut self, among: &[&str]) {
        self.text.push_str(self.random.of(among));
    }

    fn disjunction(&mut self, depth: usize) {
        for alternative in 0..1 + self.random.below(3) / 2 {
            self.put(if alternative > 0 { &["|"] } else { &[""] });
            for _ in 0..self.random.below(4) {
                self.term(depth);
            }
        }
    }

    fn term(&mut self, depth: usize) {
        match self.random.below(if depth > 0 { 10 } else { 7 }) {
            0 => self.put(&["^", "$", "\\b", "\\B"]),
            1 => self.put(&["a", "b", "-", ".", "\u{e9}", "\u{1f600}", "]", "}", "/", "&&", ":", "{"]),
            2 | 3 => self.escape(),
            4 => self.class(),
            5 => self.sets(2),
            6 => self.put(&["word", "1", " "]),
            _ => {
                self.put(&["(", "(", "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?i:", "(?m-s:", "<", "<"]);
                if self.text.ends_with('<') {
                    self.text.pop();
                    self.text.push_str("(?<");
                    self.put(NAMES);
                    self.text.push('>');
                }
                self.disjunction(depth - 1);
                self.text.push(')');
            }
        }
        if self.random.below(3) == 0 {
            self.put(&[
                "*",
                "+",
                "?",
                "*?",
                "+?",
                "??",
                "{2}",
                "{2,}",
                "{2,3}?",
                "{0}",
                "{2147483648,2147483647}",
            ]);
        }
    }

    fn escape(&mut self) {
        match self.random.below(5) {
            0 => self
                .put(&["\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "\\t", "\\n", "\\v", "\\f", "\\r", "\\0"]),
            1 => {
                self.put(&["\\1", "\\2", "\\3", "\\10", "\\k<a>", "\\k<b>", "\\k<\\u0061>", "\\08", "\\377"])
            }
            2 => self.put(&[
                "\\x41",
                "\\u0041",
                "\\u{1f600}",
                "\\ud83d\\ude00",
                "\\ud83d",
                "\\cA",
                "\\c1",
                "\\u{0}",
            ]),
            3 => self.put(&[
                "\\^", "\\$", "\\\\", "\\.", "\\(", "\\]", "\\{", "\\|", "\\/", "\\-", "\\a", "\\_",
                "\\\u{e9}",
            ]),
            _ => self.property(),
        }
    }

    fn property(&mut self) {
        self.put(&["\\p{", "\\p{", "\\P{"]);
        self.put(&["", "", "", "gc=", "General_Category=", "sc=", "Script=", "scx=", "Script_Extensions="]);
        self.put(&[
            "L",
            "Lu",
            "Letter",
            "punct",
            "Any",
            "ASCII",
            "Alphabetic",
            "Alpha",
            "Emoji",
            "White_Space",
            "space",
            "Latn",
            "Latin",
            "Greek",
            "Zinh",
            "Qaai",
            "Han",
            "Vith",
            "Kawi",
            "RGI_Emoji",
            "Basic_Emoji",
            "ID_Start",
            "EPres",
            "l",
            "",
        ]);
        self.put(&["}"]);
    }

    fn class(&mut self) {
        self.put(&["[", "[^"]);
        for _ in 0..self.random.below(4) {
            match self.random.below(4) {
                0 => self.escape(),
                1 => {
                    self.class_character();
                    self.text.push('-');
                    self.class_character();
                }
                _ => self.class_character(),
            }
        }
        self.put(&["]", "]", "-]"]);
    }

    fn class_character(&mut self) {
        match self.random.below(4) {
            0 => self.escape(),
            1 => self.put(&[
                "(", ")", "{", "}", "/", "-", "|", "[", "&", "!", "#", "$", "%", "*", "+", ",", ".", ":",
                "^", "~",
            ]),
            _ => self.put(&[
                "a",
                "z",
                "A",
                "Z",
                "0",
                "9",
                "_",
                " ",
                "\u{e9}",
                "\u{20ac}",
                "\u{1f600}",
                "\\b",
                "\\B",
                "\\-",
                "\\&",
            ]),
        }
    }

    fn sets(&mut self, depth: usize) {
        self.put(&["[", "[", "[^"]);
        let between = self.random.of(&["", "", "&&", "--"]);
        for operand in 0..1 + self.random.below(3) {
            self.put(if operand > 0 { std::slice::from_ref(&between) } else { &[""] });
            match self.random.below(if depth > 0 { 6 } else { 4 }) {
                0 => self.escape(),
                1 => self.property(),
                2 => self.put(&["\\q{}", "\\q{a}", "\\q{a|bc}", "\\q{a|b}", "\\q{\u{1f600}|\\-}"]),
                3 => self.put(&["a-z", "a", "z", "_", "\\&", "\\b", "!", "&", "^", "0-9", "\\x41-\\x5a"]),
                _ => self.sets(depth - 1),
            }
        }
        self.text.push(']');
    }
}
