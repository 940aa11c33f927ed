//! `Command::output`: Node's `exec` and `execFile`, for tasks.

use std::io;
use std::process::Output;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::{Process, Tokio};
use crate::process::Command;
use crate::process::{ExecError, Stopped, conclude};

impl Command<Tokio> {
    /// Runs it to its end, and gives what it wrote. Standard input is empty, unless it was set; our
    /// ends of other pipes that were asked for are closed.
    ///
    /// Its end is that of the process and of both streams, which programs that it started may keep open.
    /// When the time is over, or it has written too much, it is sent the
    /// [kill signal](Command::kill_signal) and nothing is read any more. The whole of its
    /// [process group](Command::own_process_group) gets the signal, if it has one of its own. Then this
    /// waits for the end of the process alone, which one that ignores the signal decides by itself. One
    /// that had to be killed is an error, however it took that (in Node, one that then ends with code 0
    /// is a success).
    ///
    /// # Errors
    /// [`ExecError`] tells which limit it broke or how it ended, with what it had written.
    ///
    /// # Cancel safety
    /// If the future is dropped, what the program has written is lost. It runs on, with nobody who
    /// reads what it writes, unless it is to be killed when it is dropped (`kill_on_drop`).
    pub async fn output(self) -> Result<Output, ExecError> {
        let limit = self.limit;
        let prepared = self.piped().prepare(None)?;
        let kill_signal = prepared.spec.kill_signal;
        let mut process = Process::start(prepared)?;
        // Nobody can use our ends: a program that reads there finds the end.
        process.stdin = None;
        process.pipes.clear();
        let mut stdout = Stream { name: "stdout", pipe: process.stdout.take(), bytes: Vec::new() };
        let mut stderr = Stream { name: "stderr", pipe: process.stderr.take(), bytes: Vec::new() };

        let run = async {
            let max = limit.max_buffer;
            match tokio::try_join!(stdout.read_all(max), stderr.read_all(max)) {
                Ok(_) => Ok((Stopped::AtEnd, Some(process.wait().await?))),
                Err(Ended::Over(stream)) => Ok((Stopped::Over(stream), None)),
                Err(Ended::Failed(e)) => Err(e),
            }
        };
        let timeout = limit.timeout.unwrap_or(Duration::MAX);
        let (stopped, status) = match tokio::time::timeout(timeout, run).await {
            Ok(result) => result?,
            Err(_) => (Stopped::TimedOut, None),
        };
        let status = match status {
            Some(status) => status,
            None => {
                // Nobody reads any more. One that ignores the signal and goes on writing would wait for
                // ever, and so would we.
                (stdout.pipe, stderr.pipe) = (None, None);
                process.end(kill_signal)?;
                process.wait().await?
            }
        };
        let output = Output { status, stdout: stdout.bytes, stderr: stderr.bytes };
        conclude(stopped, limit.max_buffer, output)
    }
}

struct Stream<R> {
    name: &'static str,
    pipe: Option<R>,
    bytes: Vec<u8>,
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
