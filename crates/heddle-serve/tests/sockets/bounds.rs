//! Bounds on one peer, and on ten thousand.

use crate::client::{Delta, all, check, names, node_of};
use crate::world::World;
use heddle_proto::envoy::service::discovery::v3::DeltaDiscoveryRequest;
use heddle_serve::limits::Limits;
use heddle_session::ResourceType;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};
use tonic::Code;

#[tokio::test]
async fn a_workload_has_so_many_streams_and_no_more() {
    let world = World::start().await;
    let mut open = Vec::new();
    for _ in 0..4 {
        let mut stream = world.delta("web", "external/shop/web-0", all(ResourceType::Cluster)).await;
        stream.hear().await;
        open.push(stream);
    }
    let mut fifth = world.delta("web", "external/shop/web-0", all(ResourceType::Cluster)).await;
    let text = "the workload external/shop/web-0 has 4 streams already";
    check(&fifth.end().await, Code::ResourceExhausted, text);
    let mut other = world.delta("web", "external/shop/web-1", all(ResourceType::Cluster)).await;
    assert_eq!(names(&other.hear().await), (vec!["a"], vec![]));
    open.pop();
    world.eventually(|world| (world.registry.len() == 4).then_some(())).await;
    let mut again = world.delta("web", "external/shop/web-0", all(ResourceType::Cluster)).await;
    assert_eq!(names(&again.hear().await), (vec!["a"], vec![]));
}

#[tokio::test]
async fn a_stream_that_says_nothing_ends() {
    let first_message = Duration::from_millis(100);
    let world = World::with(Limits { first_message, ..Limits::default() }).await;
    let channel = world.channel(Some(world.credential("web"))).await;
    let mut client =
        heddle_proto::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient::new(channel);
    let silent = tokio_stream::pending::<DeltaDiscoveryRequest>();
    let mut stream = client.delta_aggregated_resources(silent).await.unwrap().into_inner();
    let status = stream.message().await.expect_err("ended");
    check(&status, Code::DeadlineExceeded, "no message came within 100ms");
}

#[tokio::test]
async fn a_client_that_never_reads_costs_one_pending_state() {
    let world = World::start().await;
    world.mesh.set(ResourceType::Cluster, "large", &vec![7; 1 << 20]);
    let mut slow = world.delta("web", "external/shop/web-0", all(ResourceType::Cluster)).await;
    let mut quick = world.delta("web", "external/shop/web-1", all(ResourceType::Cluster)).await;
    let first = quick.hear().await;
    quick.ack(&first).await;
    for round in 0..50_u8 {
        world.mesh.set(ResourceType::Cluster, "large", &vec![round; 1 << 20]);
        let response = quick.hear().await;
        assert_eq!(names(&response), (vec!["large"], vec![]));
        quick.ack(&response).await;
    }
    // The newest, and at most one that is on its way out.
    world.eventually(|world| (world.mesh.held() <= 2).then_some(())).await;
    let quick = 51.0;
    let slow_pushed = world.metric("heddle_push_total{plane=\"envoy\",type=\"CDS\"}") - quick;
    assert!((1.0..=3.0).contains(&slow_pushed), "{slow_pushed} responses were made for who does not read");
    // It was not cut off, and comes to the newest state once it reads.
    let mut heard = 0;
    loop {
        let response = slow.hear().await;
        slow.ack(&response).await;
        heard += 1;
        if response.resources.last().unwrap().resource.as_ref().unwrap().value[0] == 49 {
            break;
        }
    }
    assert!(heard <= 4, "it heard {heard} states");
}

/// Raises the number of open files as far as it may be.
fn raise_open_files() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let most = maximum.unwrap_or(1 << 20);
    if current != maximum {
        setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum }).unwrap();
    }
    most
}

/// Connects from an address of its own, and says nothing.
async fn idle(from: u8, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 7, from)), 0)).unwrap();
    socket.connect(to).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_idle_connections_hold_no_more_than_their_bound_and_keep_nobody_out() {
    let room = raise_open_files();
    let (many, bound) = if room >= 15_000 { (10_000, 500) } else { (room / 4, room / 16) };
    let limits = Limits { unproven_connections: usize::try_from(bound).unwrap(), ..Limits::default() };
    let world = World::with(limits).await;
    let mut open = Vec::new();
    for i in 0..many {
        open.push(idle(1 + u8::try_from(i % 10).unwrap(), world.address).await);
        if i % (many / 4) == many / 4 - 1 {
            let mut stream = world.delta("web", "external/shop/web-0", all(ResourceType::Cluster)).await;
            assert_eq!(names(&stream.hear().await), (vec!["a"], vec![]));
        }
    }
    let evicted = "heddle_connections_refused_total{reason=\"evicted\"}";
    world.eventually(|world| (world.metric(evicted) >= (many - bound) as f64).then_some(())).await;
    assert!(world.metric("heddle_unproven_connections") <= bound as f64);
    world.eventually(|world| (world.metrics_connections() <= bound as f64).then_some(())).await;
}

#[tokio::test]
async fn who_has_many_connections_and_proves_nothing_loses_its_own() {
    let world = World::with(Limits { unproven_connections: 8, ..Limits::default() }).await;
    let mut open = Vec::new();
    for _ in 0..8 {
        open.push(idle(1, world.address).await);
    }
    world.eventually(|world| (world.metrics_connections() == 8.0).then_some(())).await;
    let mut other = idle(2, world.address).await;
    assert_eq!(open[0].read(&mut [0; 1]).await.unwrap_or(0), 0);
    let mut stream = world.delta("web", "external/shop/web-0", all(ResourceType::Cluster)).await;
    assert_eq!(names(&stream.hear().await), (vec!["a"], vec![]));
    // The only one of its address has not made room for anybody.
    let read = tokio::time::timeout(Duration::from_millis(100), other.read(&mut [0; 1])).await;
    assert!(read.is_err(), "it was closed");
}

#[tokio::test]
async fn a_connection_that_proves_nothing_in_time_is_closed_whatever_it_does() {
    let proof = Duration::from_millis(300);
    let world = World::with(Limits { proof, ..Limits::default() }).await;
    let mut silent = idle(1, world.address).await;
    let mut spoken = crate::client::dial(world.address, &world.authority, None).await.unwrap();
    let mut bytes = Vec::new();
    let closed = async {
        let _ = silent.read_to_end(&mut bytes).await;
        let _ = spoken.read_to_end(&mut bytes).await;
    };
    tokio::time::timeout(Duration::from_secs(15), closed).await.expect("closed");
    let unproven = "heddle_connections_refused_total{reason=\"unproven\"}";
    world.eventually(|world| (world.metric(unproven) >= 1.0).then_some(())).await;
}

#[tokio::test]
async fn a_refused_call_keeps_no_connection() {
    let world = World::start().await;
    let channel = world.channel(None).await;
    let first =
        DeltaDiscoveryRequest { node: Some(node_of("external/shop/web-0")), ..all(ResourceType::Cluster) };
    let refused = Delta::open(channel, None, first).await.err().expect("refused");
    assert_eq!(refused.code(), Code::Unauthenticated);
    world.eventually(|world| (world.metrics_connections() == 0.0).then_some(())).await;
    assert_eq!(world.metric("heddle_connections_refused_total{reason=\"refused\"}"), 1.0);
}

#[tokio::test]
async fn one_address_cannot_take_the_connections_of_all() {
    let world = World::with(Limits { connections_per_address: 2, ..Limits::default() }).await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut stream = world.delta("web", "external/shop/web-0", all(ResourceType::Cluster)).await;
        stream.hear().await;
        open.push(stream);
    }
    let credential = world.credential("cart");
    let mut third = crate::client::dial(world.address, &world.authority, Some(&credential)).await.unwrap();
    assert_eq!(third.read(&mut [0; 1]).await.unwrap_or(0), 0);
    assert_eq!(world.metric("heddle_connections_refused_total{reason=\"address\"}"), 1.0);
}

#[tokio::test]
async fn one_identity_cannot_take_the_connections_of_all() {
    let world = World::with(Limits { connections_per_identity: 2, ..Limits::default() }).await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut stream = world.delta("web", "external/shop/web-0", all(ResourceType::Cluster)).await;
        stream.hear().await;
        open.push(stream);
    }
    let credential = world.credential("web");
    let mut third = crate::client::dial(world.address, &world.authority, Some(&credential)).await.unwrap();
    assert_eq!(third.read(&mut [0; 1]).await.unwrap_or(0), 0);
    let mut other = world.delta("cart", "external/shop/cart-0", all(ResourceType::Cluster)).await;
    assert_eq!(names(&other.hear().await), (vec!["a"], vec![]));
    assert_eq!(world.metric("heddle_connections_refused_total{reason=\"identity\"}"), 1.0);
}

#[tokio::test]
async fn a_connection_without_a_stream_is_closed_and_one_with_a_stream_is_not() {
    let idle = Duration::from_millis(300);
    let world = World::with(Limits { idle, ..Limits::default() }).await;
    let credential = world.credential("web");
    let mut unused = crate::client::dial(world.address, &world.authority, Some(&credential)).await.unwrap();
    let channel = world.channel(Some(world.credential("cart"))).await;
    let first =
        DeltaDiscoveryRequest { node: Some(node_of("external/shop/cart-0")), ..all(ResourceType::Cluster) };
    let mut used = Delta::open(channel, None, first).await.unwrap();
    let first = used.hear().await;
    used.ack(&first).await;
    let mut bytes = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(5), unused.read_to_end(&mut bytes)).await;
    assert!(closed.is_ok(), "still open");
    world.mesh.set(ResourceType::Cluster, "b", b"later");
    assert_eq!(names(&used.hear().await), (vec!["b"], vec![]));
}

#[tokio::test]
async fn a_stale_replica_takes_no_new_stream_and_keeps_those_it_has() {
    let world = World::start().await;
    let mut old = world.delta("web", "external/shop/web-0", all(ResourceType::Cluster)).await;
    let first = old.hear().await;
    old.ack(&first).await;
    world.stale(&["Pod: broken", "Service: broken"]);
    let channel = world.channel(Some(world.credential("web"))).await;
    let first =
        DeltaDiscoveryRequest { node: Some(node_of("external/shop/web-1")), ..all(ResourceType::Cluster) };
    let text = "this replica has stale objects, connect to another: Pod: broken; Service: broken";
    let refused = Delta::open(channel.clone(), None, first.clone()).await.err().expect("refused");
    check(&refused, Code::Unavailable, text);
    // Its connection closes, so that the next attempt is made anew and may reach another replica.
    world.eventually(|world| (world.metrics_connections() == 1.0).then_some(())).await;
    world.mesh.set(ResourceType::Cluster, "b", b"later");
    assert_eq!(names(&old.hear().await), (vec!["b"], vec![]));
    world.stale(&[]);
    let mut stream =
        Delta::open(world.channel(Some(world.credential("web"))).await, None, first).await.unwrap();
    assert_eq!(names(&stream.hear().await), (vec!["a", "b"], vec![]));
}

impl World {
    fn metrics_connections(&self) -> f64 {
        self.metric("heddle_connections")
    }
}
