//! An image service: Node in front ([`front.js`](front.js)), Rust behind. Each call scales one picture, tells
//! how far it is, and stops when nobody waits for it any more.

use crossfork::blocking::{Context, Service};
use serde::{Deserialize, Serialize};

/// A picture: one byte for each pixel, row by row.
#[derive(Deserialize, Serialize)]
struct Picture {
    width: usize,
    height: usize,
    /// In the `advanced` mode a `Buffer`, as it is.
    pixels: Vec<u8>,
}

#[derive(Deserialize)]
struct Scale {
    picture: Picture,
    width: usize,
}

#[derive(Debug)]
enum ImageError {
    Empty,
    WrongSize { expected: usize, found: usize },
    Cancelled,
}

impl std::fmt::Display for ImageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ImageError::Empty => f.write_str("the picture has no pixels"),
            ImageError::WrongSize { expected, found } => write!(f, "{expected} pixels are {found} bytes"),
            ImageError::Cancelled => f.write_str("nobody waits for the picture"),
        }
    }
}

impl std::error::Error for ImageError {}

/// Each pixel of the result is the mean of those that it stands for.
fn scale(Scale { picture, width }: Scale, cx: &Context) -> Result<Picture, ImageError> {
    let expected = picture.width * picture.height;
    if expected == 0 || width == 0 {
        return Err(ImageError::Empty);
    }
    if expected != picture.pixels.len() {
        return Err(ImageError::WrongSize { expected, found: picture.pixels.len() });
    }
    let height = (picture.height * width / picture.width).max(1);
    let mut pixels = Vec::with_capacity(width * height);
    for y in 0..height {
        if cx.is_cancelled() {
            return Err(ImageError::Cancelled);
        }
        cx.progress(&(100 * y / height));
        let rows = part(y, height, picture.height);
        for x in 0..width {
            let columns = part(x, width, picture.width);
            let count = rows.len() * columns.len();
            let row = |y: usize| &picture.pixels[y * picture.width..][columns.clone()];
            let sum: usize = rows.clone().flat_map(row).map(|pixel| usize::from(*pixel)).sum();
            pixels.push((sum / count) as u8);
        }
    }
    Ok(Picture { width, height, pixels })
}

/// The pixels of a line that one of `parts` stands for: one at least.
fn part(at: usize, parts: usize, length: usize) -> std::ops::Range<usize> {
    let begin = at * length / parts;
    begin..((at + 1) * length / parts).max(begin + 1)
}

fn main() -> Result<(), crossfork::Error> {
    Service::new().method("scale", scale).run()
}
