//! The page that a worker must answer well: where it is, and what an answer says.

use crossfork::supervisor::ready_url::ReadyUrl;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Each row: what comes before the connection is closed, and the status or a part of the error.
#[tokio::test]
async fn the_status_of_an_answer_is_read_whatever_pieces_it_comes_in() {
    let url: ReadyUrl = "http://localhost:3000/health".parse().expect("a URL");
    let rows = [
        ("HTTP/1.1 200 OK\r\n", Ok(200)),
        ("HTTP/1.0 302 Found\r\nLocation: /\r\n\r\n", Ok(302)),
        ("HTTP/1.1 503\n", Ok(503)),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: <x>\r\n\r\nHTTP/1.1 204 None\r\n\r\n",
            Ok(204),
        ),
        ("", Err("closes the connection without a word")),
        ("HTTP/1.1 200", Err("before the end of an answer")),
        ("HTTP/1.1 two hundred\r\n", Err("not HTTP/1")),
        ("SSH-2.0-x\r\n", Err("not HTTP/1")),
        ("\u{15}\u{3}\u{1}", Err("not HTTP/1")),
    ];
    for (text, expected) in rows {
        for size in [1, 7, 1000] {
            let (ours, mut its) = tokio::io::duplex(4096);
            let answer = async move {
                let mut request = vec![0; 1024];
                let length = its.read(&mut request).await.expect("a request");
                let request = String::from_utf8_lossy(&request[..length]).into_owned();
                assert!(request.starts_with("GET /health HTTP/1.1\r\nHost: localhost:3000\r\n"), "{request}");
                for piece in text.as_bytes().chunks(size) {
                    // It may have seen enough.
                    let _ = its.write_all(piece).await;
                    tokio::task::yield_now().await;
                }
            };
            let (status, ()) = tokio::join!(url.get(ours), answer);
            match (status, expected) {
                (Ok(status), Ok(expected)) => assert_eq!(status, expected, "{text:?}"),
                (Err(e), Err(part)) => assert!(e.to_string().contains(part), "{text:?}: {e}"),
                (status, _) => panic!("{text:?}: {status:?}"),
            }
        }
    }
}

#[tokio::test]
async fn an_answer_without_an_end_is_not_kept() {
    let url: ReadyUrl = "/".parse().expect("a URL");
    let (ours, mut its) = tokio::io::duplex(4096);
    let answer = async move {
        its.write_all(b"HTTP/1.1 100 Continue\r\n").await.expect("is read");
        while its.write_all(&[b'x'; 1024]).await.is_ok() {}
    };
    let (status, ()) = tokio::join!(url.get(ours), answer);
    assert!(status.is_err());
}

#[test]
fn a_ready_url_is_read_or_says_what_is_wrong() {
    let read = |text: &str| text.parse::<ReadyUrl>();
    for text in ["/", "/health?deep=1", "http://a", "http://a:1/b", "http://[::1]:80/x", "http://a?b"] {
        assert!(read(text).is_ok(), "{text}");
    }
    let rows = [
        ("https://a/b", "HTTPS is not supported"),
        ("health", "neither"),
        ("ftp://a", "neither"),
        ("http:///a", "no host"),
        ("http://:80/", "no host"),
        ("http://a:b/", "b is not a port"),
        ("http://a:70000/", "70000 is not a port"),
        ("/a b", "cannot be part"),
        ("/a\r\nHost: b", "cannot be part"),
        ("/a#b", "cannot be part"),
        ("", "neither"),
    ];
    for (text, part) in rows {
        let error = read(text).expect_err(text);
        assert!(error.contains(part), "{text:?}: {error}");
    }
}
