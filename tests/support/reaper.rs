//! Removes a container, or an image, when the test process ends, however it ends.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A shell that waits for its standard input to close, keeps the container's log and removes the container.
///
/// The write end of that pipe belongs to this process alone, so it closes even when the process is killed: a static is
/// never dropped, and a killed process drops nothing.
#[derive(Debug)]
pub(crate) struct Reaper {
    shell: Child,
    log: PathBuf,
}

impl Reaper {
    pub(crate) fn watch(container: &str) -> Self {
        Self::then(r#"docker logs "$1" >"$2" 2>&1; docker rm --force --volumes "$1""#, container)
    }

    /// As often as its last containers need to be gone.
    pub(crate) fn watch_image(image: &str) -> Self {
        let remove = r#"for _ in 1 2 3 4 5 6 7 8 9; do docker image rm "$1" && break; sleep 1; done"#;
        Self::then(remove, image)
    }

    fn then(act: &str, on: &str) -> Self {
        let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.log", on.replace(':', "-")));
        let shell = Command::new("sh")
            .args(["-c", &format!("read -r _; {act}"), "reaper"])
            .arg(on)
            .arg(&log)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Away from the terminal's group: an interrupt from the keyboard ends the tests, not the clearing up.
            .process_group(0)
            .spawn()
            .expect("every Unix has a shell");
        Self { shell, log }
    }

    /// Where the container's log is once the container is gone.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // Fails only if the shell is gone already, and then there is nothing to wait for.
        self.shell.wait().ok();
    }
}
