//! Attacks by whoever reaches the port.

use crate::controller::Controller;
use crate::honest::{Caller, tcp};
use crate::raw::{CERTIFY, Raw};

const XDS: &str = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

/// A peer that has no certificate and shows no token.
fn anonymous(controller: &Controller, host: u8) -> Caller {
    Caller::new(controller, "web", host)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn references_to_headers_are_not_kept() {
    let controller = Controller::start(11).await;
    let cart = Caller::new(&controller, "cart", 1).certified().await;
    controller.forget_peak();
    let mut held = Vec::new();
    for host in 0..4 {
        let attacker = anonymous(&controller, 10 + host);
        // As many as a list of headers may have, and more than any may.
        for (path, references) in [(XDS, 200), (CERTIFY, 200), (XDS, 1_000), (CERTIFY, 1_000)] {
            let mut raw = Raw::begin(attacker.dial().await.unwrap()).await.unwrap();
            // The connection is closed before they are all sent.
            for stream in 0..2_048 {
                if raw.call(1 + 2 * stream, path, references).await.is_err() {
                    break;
                }
            }
            held.push(raw);
        }
    }
    cart.is_served().await;
    controller.peaked_within(48);
    drop(held);
    controller.gives_back_all_but(24).await;
    cart.is_served().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_that_do_not_end_are_few() {
    let controller = Controller::start(12).await;
    let cart = Caller::new(&controller, "cart", 1).certified().await;
    controller.forget_peak();
    let mut held = Vec::new();
    for number in 0..500_u16 {
        let attacker = anonymous(&controller, 10 + u8::try_from(number % 4).unwrap());
        let mut raw = Raw::begin(attacker.dial().await.unwrap()).await.unwrap();
        let _ = raw.endless_headers(1, 7_000).await;
        held.push(raw);
    }
    cart.is_served().await;
    controller.peaked_within(96);
    drop(held);
    controller.gives_back_all_but(32).await;
    cart.is_served().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_of_unknown_callers_are_not_kept() {
    let controller = Controller::start(13).await;
    let cart = Caller::new(&controller, "cart", 1).certified().await;
    controller.forget_peak();
    let mut held = Vec::new();
    for number in 0..200_u16 {
        let attacker = anonymous(&controller, 10 + u8::try_from(number % 4).unwrap());
        let mut raw = Raw::begin(attacker.dial().await.unwrap()).await.unwrap();
        for stream in 0..8 {
            let stream = 1 + 2 * stream;
            let path = if stream == 1 { XDS } else { CERTIFY };
            // A message of 16,000 bytes that never comes whole.
            let mut part = vec![0, 0, 0, 0x3e, 0x80];
            part.resize(8_000, b'x');
            if raw.call(stream, path, 0).await.is_err() || raw.data(stream, &part).await.is_err() {
                break;
            }
        }
        held.push(raw);
    }
    cart.is_served().await;
    controller.peaked_within(64);
    drop(held);
    controller.gives_back_all_but(32).await;
    cart.is_served().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_take_no_descriptor_that_others_need() {
    let controller = Controller::start_with(14, Some((128, 512))).await;
    let files = controller.proc("limits");
    let files = files.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let [soft, hard] = [3, 4].map(|at| files.split_whitespace().nth(at).unwrap());
    assert_eq!((soft, hard), ("512", "512"), "the soft limit is raised");
    let cart = Caller::new(&controller, "cart", 1).certified().await;
    controller.forget_peak();
    let mut held = Vec::new();
    for number in 0..2_000_u16 {
        // Nobody answers some of them any more: the kernel's queue is theirs too.
        if let Ok(socket) = tcp(10 + u8::try_from(number % 10).unwrap(), controller.listen).await {
            held.push(socket);
        }
        if number % 500 == 499 {
            cart.is_served().await;
            assert!(controller.page("ready").await.is_some(), "the admin port answers");
        }
    }
    assert!(controller.metric("heddle_unproven_connections").await <= 32.0);
    controller.peaked_within(48);
    drop(held);
    controller.gives_back_all_but(24).await;
    cart.is_served().await;
}
