//! Descriptors without a kernel: each knows its open file, and a ledger counts them.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// All files of a test, and how many descriptors are open on each.
#[derive(Clone, Default)]
pub struct Ledger(Rc<RefCell<Vec<usize>>>);

/// A descriptor, closed when it is dropped.
pub struct Token {
    file: usize,
    ledger: Ledger,
}

impl Ledger {
    /// A descriptor on a new file.
    pub fn open(&self) -> Token {
        let mut files = self.0.borrow_mut();
        files.push(1);
        Token { file: files.len() - 1, ledger: self.clone() }
    }

    /// Whether a descriptor of this file is open.
    pub fn is_open(&self, file: usize) -> bool {
        self.0.borrow()[file] > 0
    }

    /// How many descriptors are open.
    pub fn descriptors(&self) -> usize {
        self.0.borrow().iter().sum()
    }
}

impl Token {
    /// Which file it is open on.
    pub fn file(&self) -> usize {
        self.file
    }

    /// Another descriptor on the same file, as the kernel makes one for the receiver.
    pub fn dup(&self) -> Token {
        self.ledger.0.borrow_mut()[self.file] += 1;
        Token { file: self.file, ledger: self.ledger.clone() }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.ledger.0.borrow_mut()[self.file] -= 1;
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.file)
    }
}
