//! A child that never outlives its test.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Runs the program until the shell's standard input ends, which it does with whoever holds the other end.
const LEASH: &str =
    r#"log=$1; shift; "$@" >"$log" 2>&1 </dev/null & child=$!; cat >/dev/null; kill -9 $child; wait $child"#;

/// A running program. Killed, not asked, when dropped.
pub(crate) struct Process(Child);

impl Process {
    /// Starts a program, whose output goes to a file in `folder`.
    pub(crate) fn start(program: &Path, args: &[String], folder: &Path) -> Self {
        let name = program.file_name().expect("a program has a name").to_string_lossy().into_owned();
        let log = folder.join(format!("{name}.log"));
        File::create(&log).expect("a log file");
        let child = Command::new("sh")
            .args(["-c", LEASH, "leash"])
            .arg(&log)
            .arg(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh runs");
        Self(child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ended = self.0.wait();
    }
}

/// Posts JSON to a plain HTTP server on loopback, and reads JSON.
pub(crate) async fn post(url: &str, body: &str) -> serde_json::Value {
    let rest = url.strip_prefix("http://").expect("a plain URL");
    let (host, path) = rest.split_once('/').expect("a path");
    let mut stream = TcpStream::connect(host).await.expect("etcd listens");
    let request = format!(
        "POST /{path} HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("etcd reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("etcd answers");
    let body = answer.split_once("\r\n\r\n").expect("an HTTP answer").1;
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}
