//! Each rule by itself.
use crate::link::Link;
use crate::world::*;
use heddle_session::*;
#[test]
fn dbg() {
    let mut link = Link::new(Variant::Delta, World::of(&[(3, Service::default())]));
    let log = |link: &Link, what: &str| {
        println!(
            "{what}: wire {:?}\n out {:?}",
            link.wire.iter().map(|r| (r.ty, r.resources.len(), &r.removed)).collect::<Vec<_>>(),
            link.envoy
                .out
                .iter()
                .map(|r| (r.ty, r.nonce.clone(), &r.error, &r.subscribe))
                .collect::<Vec<_>>()
        )
    };
    link.to_server();
    log(&link, "a");
    link.to_client();
    link.to_server();
    link.world
        .set(|a| drop(a.insert(0, Service { route: None, backends: [0].into(), ..Service::default() })));
    link.to_client();
    log(&link, "b");
    for _ in 0..3 {
        link.to_server();
        log(&link, "c");
    }
    link.world.set(|a| {
        a.get_mut(&3).unwrap().poison = Some(Type::Listener);
    });
    link.poll();
    for _ in 0..30 {
        link.to_client();
        link.to_server();
        log(&link, "d");
    }
    println!("{:?}", link.session.progress());
}
