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
            /// Runs the program to its end and returns its output. Standard input is empty unless it was set.
            /// Our ends of other requested pipes are closed.
            ///
            /// The run ends when the process has exited and both streams are closed. Programs that it started
            /// may keep the streams open. On a timeout, or if it writes too much, it gets the [kill
            /// signal](Command::kill_signal), and nothing more is read. If it leads a [process
            /// group](Command::own_process_group), the whole group gets the signal. Then this call waits
            /// until the process itself has exited; a process that ignores the signal can delay that. A
            /// program that was killed always counts as an error. (In Node, it counts as a success if it then
            /// exits with code 0.)
            ///
            /// # Errors
            /// [`ExecError`] says which limit was exceeded or how the program ended, and contains its output
            /// so far.
            $(#[$tasks]
            /// # Cancel safety
            /// If the future is dropped, the output so far is lost. The program runs on without a reader of
            /// its output, unless `kill_on_drop` is set.
            )?
            pub $($async)? fn output(self) -> Result<Output, ExecError> {
                let limit = self.limit;
                let prepared = self.piped().prepare(None)?;
                let kill_signal = prepared.spec.kill_signal;
                let mut process = Process::start(prepared)?;
                // Our ends are unused: a program that reads from one sees the end of the stream.
                process.stdin = None;
                process.pipes.clear();
                let mut stdout = Stream::new("stdout", process.stdout.take());
                let mut stderr = Stream::new("stderr", process.stderr.take());

                let (stopped, status) = run(&process, &mut stdout, &mut stderr, limit) $(.$await)??;
                let status = match status {
                    Some(status) => status,
                    None => {
                        // The pipes are no longer read. A program that ignores the signal and goes on writing
                        // would block forever, and so would we.
                        (stdout.pipe, stderr.pipe) = (None, None);
                        process.end(kill_signal)?;
                        process.wait() $(.$await)??
                    }
                };
                let output = Output { status, stdout: stdout.bytes, stderr: stderr.bytes };
                conclude(stopped, limit.max_buffer, output)
            }
        }

        /// The data read from one stream.
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
