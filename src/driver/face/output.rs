//! `Command::output`: Node's `exec` and `execFile`.

macro_rules! output_face {
    (
        $driver:ident
        $(threads #[$threads:meta])?
        $(tasks #[$tasks:meta] $async:ident $await:ident)?
    ) => {
        use std::io;
        use std::process::Output;

        use super::{$driver, Process};
        use crate::process::{Command, ExecError, OutputLimit, Stopped, conclude};

        impl Command<$driver> {
            /// Runs it to its end, and gives what it wrote. Standard input is empty, unless it was set; our
            /// ends of other pipes that were asked for are closed.
            ///
            /// Its end is that of the process and of both streams, which programs that it started may keep
            /// open. When the time is over, or it has written too much, it is sent the
            /// [kill signal](Command::kill_signal) and nothing is read any more. The whole of its
            /// [process group](Command::own_process_group) gets the signal, if it has one of its own. Then
            /// this waits for the end of the process alone, which one that ignores the signal decides by
            /// itself. One that had to be killed is an error, however it took that (in Node, one that then
            /// ends with code 0 is a success).
            ///
            /// # Errors
            /// [`ExecError`] tells which limit it broke or how it ended, with what it had written.
            $(#[$tasks]
            /// # Cancel safety
            /// If the future is dropped, what the program has written is lost. It runs on, with nobody who
            /// reads what it writes, unless it is to be killed when it is dropped (`kill_on_drop`).
            )?
            pub $($async)? fn output(self) -> Result<Output, ExecError> {
                let limit = self.limit;
                let prepared = self.piped().prepare(None)?;
                let kill_signal = prepared.spec.kill_signal;
                let mut process = Process::start(prepared)?;
                // Nobody can use our ends: a program that reads there finds the end.
                process.stdin = None;
                process.pipes.clear();
                let mut stdout = Stream::new("stdout", process.stdout.take());
                let mut stderr = Stream::new("stderr", process.stderr.take());

                let (stopped, status) = run(&process, &mut stdout, &mut stderr, limit) $(.$await)??;
                let status = match status {
                    Some(status) => status,
                    None => {
                        // Nobody reads any more. One that ignores the signal and goes on writing would
                        // wait for ever, and so would we.
                        (stdout.pipe, stderr.pipe) = (None, None);
                        process.end(kill_signal)?;
                        process.wait() $(.$await)??
                    }
                };
                let output = Output { status, stdout: stdout.bytes, stderr: stderr.bytes };
                conclude(stopped, limit.max_buffer, output)
            }
        }

        /// What is read of one stream.
        struct Stream<R> {
            name: &'static str,
            pipe: Option<R>,
            bytes: Vec<u8>,
        }

        impl<R> Stream<R> {
            fn new(name: &'static str, pipe: Option<R>) -> Self {
                Stream { name, pipe, bytes: Vec::new() }
            }
        }
    };
}
pub(crate) use output_face;
