//! `Command::output` for tasks.

use std::process::ExitStatus;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};

crate::driver::face::output_face! { Tokio tasks #[doc = ""] async await }

/// Reads both streams to their end and then waits for the process, unless a limit is exceeded first.
async fn run(
    process: &Process,
    stdout: &mut Stream<impl AsyncRead + Unpin>,
    stderr: &mut Stream<impl AsyncRead + Unpin>,
    limit: OutputLimit,
) -> io::Result<(Stopped, Option<ExitStatus>)> {
    let to_the_end = async {
        let max = limit.max_buffer;
        match tokio::try_join!(stdout.read_all(max), stderr.read_all(max)) {
            // Wait only after both streams have ended, because until then the process may still be writing.
            Ok(_) => Ok((Stopped::AtEnd, Some(process.wait().await?))),
            Err(Ended::Over(stream)) => Ok((Stopped::Over(stream), None)),
            Err(Ended::Failed(e)) => Err(e),
        }
    };
    let timeout = limit.timeout.unwrap_or(Duration::MAX);
    let ran = tokio::time::timeout(timeout, to_the_end).await;
    ran.unwrap_or(Ok((Stopped::TimedOut, None)))
}

enum Ended {
    Over(&'static str),
    Failed(io::Error),
}

impl<R: AsyncRead + Unpin> Stream<R> {
    async fn read_all(&mut self, max: usize) -> Result<(), Ended> {
        let Some(pipe) = &mut self.pipe else {
            return Ok(());
        };
        while pipe.read_buf(&mut self.bytes).await.map_err(Ended::Failed)? > 0 {
            if self.bytes.len() > max {
                self.bytes.truncate(max);
                return Err(Ended::Over(self.name));
            }
        }
        Ok(())
    }
}
