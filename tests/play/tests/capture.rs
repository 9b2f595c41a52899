//! Packet rules as the kernel has them.

use heddle_capture::{Capture, CapturedBy, Direction};
use heddle_play_tests::net::Namespace;
use std::process::Command;

const RULES: &str = r#"table inet heddle {
	chain outbound {
		type nat hook output priority -100; policy accept;
		oifname "lo" meta skuid 2102 ip daddr != 127.0.0.0/8 ip saddr != 127.0.0.6 meta l4proto tcp redirect to :15006
		oifname "lo" meta skuid 2102 ip6 daddr != ::1 ip6 saddr != ::6 meta l4proto tcp redirect to :15006
		meta skuid 2102 return
		ip daddr 127.0.0.0/8 return
		ip6 daddr ::1 return
		tcp dport 53 return
		tcp dport 5432 return
		meta l4proto tcp redirect to :15001
	}

	chain inbound {
		type nat hook prerouting priority dstnat; policy accept;
		iifname "lo" return
		tcp dport 15020 return
		tcp dport 15090 return
		tcp dport 9000-9100 return
		meta l4proto tcp redirect to :15006
	}
}
"#;

fn listed(namespace: &Namespace) -> String {
    let list = || Command::new("nft").args(["list", "ruleset"]).output().expect("nft");
    String::from_utf8(namespace.within(list).stdout).expect("text")
}

#[test]
fn rules_are_written_once_however_often_they_are_applied() {
    let namespace = Namespace::new(&format!("rules-{}", std::process::id())).expect("a namespace");
    let capture = Capture {
        proxy: CapturedBy::Envoy,
        users: 2102..=2102,
        skip_inbound: vec![9000..=9100],
        skip_outbound: vec![5432..=5432],
        direction: Direction::Both,
    };
    for _ in 0..2 {
        namespace.within(|| capture.apply()).expect("the kernel takes them");
        assert_eq!(listed(&namespace), RULES);
    }
    let inbound = Capture { direction: Direction::Inbound, skip_inbound: Vec::new(), ..capture };
    namespace.within(|| inbound.apply()).expect("the kernel takes them");
    let rules = listed(&namespace);
    assert!(
        !rules.contains("15001") && !rules.contains("9000"),
        "the last rules replace the others: {rules}"
    );
}
