//! Certificates per second that this machine issues: token and CSR checked, leaf signed, read back, and
//! compared with its template. `cargo run --release -p heddle-ca --example certificates [SECONDS]`
#![allow(clippy::disallowed_methods, reason = "a stopwatch needs a clock")]

use heddle_ca::token::{self, Grant, Rules, TokenKey};
use heddle_ca::{Authority, PrivateKey, Template, authority, csr};
use heddle_model::Identity;
use std::time::{Duration, Instant, SystemTime};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Serials that need not be random to be counted.
fn filler() -> impl FnMut(&mut [u8]) {
    let mut count = 0u64;
    move |bytes: &mut [u8]| {
        count += 1;
        bytes[..8].copy_from_slice(&count.to_le_bytes());
    }
}

struct Bench {
    authority: Authority,
    key: TokenKey,
    rules: Rules,
    token: String,
    request: String,
    now: SystemTime,
}

impl Bench {
    fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let now = SystemTime::now();
        let root = authority::root(now, &mut filler());
        let signing = authority::intermediate(&root, now, &mut filler())?;
        let authority = Authority::load(&root.certificate, signing, now)?;
        let rules = Rules { issuer: "bench".into(), audiences: ["heddle".to_string()].into() };
        let identity = Identity::new("shop", "web")?;
        let grant = Grant { identity, external_workload: "web".into(), lifetime: DAY };
        let key = TokenKey::generate();
        let token = token::issue(&key, &grant, &rules, now);
        Ok(Self { authority, key, rules, token, request: PrivateKey::generate().request_pem(), now })
    }

    /// Issues for so long; returns how many.
    fn issue(&self, time: Duration) -> u64 {
        let (start, keys, mut random, mut count) = (Instant::now(), self.key.keys(), filler(), 0);
        while start.elapsed() < time {
            let caller = token::check(&self.token, &keys, &self.rules, self.now).expect("good token");
            let key = csr::parse(self.request.as_bytes()).expect("good request");
            let template = Template::workload(&caller.identity, "td", "heddle.td", DAY);
            let leaf = self.authority.sign(&template, &key, self.now, &mut random).expect("good template");
            assert_eq!(leaf.chain_pem().len(), 2);
            count += 1;
        }
        count
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds = std::env::args().nth(1).map_or(Ok(3), |text| text.parse())?;
    let (bench, time) = (Bench::new()?, Duration::from_secs(seconds));
    for threads in [1, 2] {
        let count: u64 = std::thread::scope(|scope| {
            let all: Vec<_> = (0..threads).map(|_| scope.spawn(|| bench.issue(time))).collect();
            all.into_iter().map(|thread| thread.join().expect("no panic")).sum()
        });
        println!("{threads} thread(s): {} certificates/s", count / seconds.max(1));
    }
    Ok(())
}
