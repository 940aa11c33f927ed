//! An image service: Node in front ([`front.js`](front.js)), Rust behind. Each call scales one picture, tells
//! how far it is, and stops when nobody waits for it any more.

use crossfork::blocking::{Context, Service, typed};
use crossfork::calls::{Bytes, CallError, Upload};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A picture: one byte for each pixel, row by row.
#[derive(Deserialize, Serialize, TS)]
struct Picture {
    width: usize,
    height: usize,
    pixels: Bytes,
}

#[derive(Deserialize, TS)]
struct Scale {
    picture: Picture,
    width: usize,
    /// As before, unless it is said.
    height: Option<usize>,
}

#[derive(Deserialize, TS)]
struct Album {
    /// They come one by one.
    pictures: Upload<Picture>,
}

#[derive(Serialize, TS)]
struct Size {
    pixels: u64,
    mean: Option<f64>,
}

/// Each pixel of the result is the mean of those that it stands for.
fn scale(Scale { picture, width, height }: Scale, cx: &Context) -> Result<Picture, String> {
    let expected = picture.width * picture.height;
    if expected == 0 || width == 0 {
        return Err("the picture has no pixels".to_owned());
    }
    if expected != picture.pixels.len() {
        return Err(format!("{expected} pixels are {} bytes", picture.pixels.len()));
    }
    let height = height.unwrap_or(picture.height * width / picture.width).max(1);
    let mut pixels = Vec::with_capacity(width * height);
    for y in 0..height {
        if cx.is_cancelled() {
            return Err("nobody waits for the picture".to_owned());
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
    Ok(Picture { width, height, pixels: pixels.into() })
}

/// Measures pictures while they come. No more of them are here than are read.
fn measure(
    album: Album,
    cx: &Context,
) -> Result<impl Iterator<Item = Result<Size, CallError>> + use<>, CallError> {
    let size = |picture: Picture| {
        let pixels = picture.pixels.len() as u64;
        let sum: u64 = picture.pixels.iter().map(|pixel| u64::from(*pixel)).sum();
        Size { pixels, mean: (pixels > 0).then(|| sum as f64 / pixels as f64) }
    };
    Ok(cx.items(album.pictures)?.map(move |picture| picture.map(size)))
}

/// The pixels of a line that one of `parts` stands for: one at least.
fn part(at: usize, parts: usize, length: usize) -> std::ops::Range<usize> {
    let begin = at * length / parts;
    begin..((at + 1) * length / parts).max(begin + 1)
}

fn main() -> Result<(), crossfork::Error> {
    let service = Service::new().method("scale", typed(scale)).method("album.measure", typed(measure));
    // `image_service --types api.d.ts` writes what TypeScript checks calls by.
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("--types"), Some(path)) => Ok(service.types(path)?),
        _ => service.run(),
    }
}
