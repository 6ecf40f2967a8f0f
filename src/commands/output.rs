//! What a command prints for its user; whoever reads it may stop reading, as `head` does.

use std::io::{self, StdoutLock, Write};

use super::exit::{Exit, Failure};

/// Standard output. After its reader has gone nothing more is written, and that is no fault.
pub(super) struct Output<W> {
    to: W,
    reader: Reader,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    There,
    Gone,
}

/// The standard output of this process.
pub(super) fn stdout() -> Output<StdoutLock<'static>> {
    Output::new(io::stdout().lock())
}

/// It cannot be written for another reason.
pub(super) fn not_written(error: &io::Error) -> Failure {
    Failure {
        exit: Exit::StartFailed,
        problem: format!("the output cannot be written: {error}"),
        next: "see what reads it".to_owned(),
    }
}

impl<W: Write> Output<W> {
    const fn new(to: W) -> Self {
        Self { to, reader: Reader::There }
    }

    fn attempt<T>(&mut self, otherwise: T, attempt: impl FnOnce(&mut W) -> io::Result<T>) -> io::Result<T> {
        if self.reader == Reader::Gone {
            return Ok(otherwise);
        }
        match attempt(&mut self.to) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.reader = Reader::Gone;
                Ok(otherwise)
            }
            end => end,
        }
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.attempt(bytes.len(), |to| to.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.attempt((), Write::flush)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes some bytes, then fails in one way.
    struct Pipe {
        taken: Vec<u8>,
        room: usize,
        then: io::ErrorKind,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.taken.len() == self.room {
                return Err(self.then.into());
            }
            let taken = bytes.len().min(self.room - self.taken.len());
            self.taken.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_goes_is_no_fault_and_everything_else_is() {
        for (then, ends) in
            [(io::ErrorKind::BrokenPipe, Ok(())), (io::ErrorKind::StorageFull, Err(io::ErrorKind::StorageFull))]
        {
            let mut output = Output::new(Pipe { taken: Vec::new(), room: 5, then });
            let end =
                write!(output, "one line").and_then(|()| output.write_all(b"another")).and_then(|()| output.flush());
            assert_eq!(end.map_err(|error| error.kind()), ends);
            assert_eq!(output.to.taken, b"one l");
        }
    }
}
