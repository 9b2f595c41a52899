use heddle_index::Index;
use heddle_model::fact::*;
use heddle_model::*;
use std::time::Instant;
fn set(source: SourceRef, fact: Fact) -> Event {
    Event::Set(Box::new(Lowered {
        source,
        fact,
        diagnostics: vec![],
        meta: Meta { uid: "0d1c6f0e-5d63-4c2d-9b7a-0123456789ab".into(), ..Meta::default() },
    }))
}
fn slice(ns: &str, app: &str, n: usize, pods: usize, ready: bool) -> Event {
    let endpoints = (0..pods)
        .map(|h| SliceEndpoint {
            address: format!("10.{}.{}.{}", n / 200, n % 200, h + 1).parse().unwrap(),
            pod: Some(format!("{app}-{h}").as_str().into()),
            node: Some(format!("node{}", (n * pods + h) % 100).as_str().into()),
            zone: Some("z1".into()),
            ready: ready || h != 0,
            serving: true,
            terminating: false,
        })
        .collect();
    set(
        SourceRef::new(Kind::EndpointSlice, ns, app),
        Fact::Slice(Slice {
            service: Some(ServiceKey::new(ns, app)),
            ports: vec![("http".into(), 8080)],
            endpoints,
        }),
    )
}
fn rss() -> String {
    std::fs::read_to_string("/proc/self/status")
        .unwrap()
        .lines()
        .find(|l| l.starts_with("VmRSS"))
        .unwrap()
        .to_string()
}
fn main() {
    let services: usize = std::env::args().nth(1).unwrap().parse().unwrap();
    let pods = 10;
    let policies: bool = std::env::args().nth(2).is_some();
    let mut index = Index::new();
    let t = Instant::now();
    for n in 0..services {
        let ns = format!("ns{}", n / 50);
        let app = format!("s{n}");
        if n % 50 == 0 && policies {
            for p in 0..5 {
                index.apply(set(
                    SourceRef::new(Kind::AccessPolicy, ns.as_str(), format!("p{p}")),
                    Fact::AccessPolicy(AccessPolicy {
                        covers: Covers::Namespace,
                        action: heddle_model::access::Action::Deny,
                        mode: heddle_model::access::Mode::Enforce,
                        rules: vec![],
                    }),
                ));
            }
        }
        let labels: Labels = [("app".into(), app.as_str().into()), ("version".into(), "v1".into())].into();
        index.apply(set(
            SourceRef::new(Kind::Service, ns.as_str(), app.as_str()),
            Fact::Service(Service {
                form: ServiceForm::Virtual(vec![format!("172.16.{}.{}", n / 250, n % 250).parse().unwrap()]),
                ports: vec![ServicePort {
                    name: "http".into(),
                    number: 80,
                    target: TargetPort::Number(8080),
                    protocol: Some(Protocol::Http),
                }],
                selector: [("app".into(), app.as_str().into())].into(),
                publish_not_ready: false,
                locality: Locality::Any,
            }),
        ));
        for h in 0..pods {
            index.apply(set(
                SourceRef::new(Kind::Pod, ns.as_str(), format!("{app}-{h}")),
                Fact::Workload(Workload {
                    labels: labels.clone(),
                    addresses: vec![format!("10.{}.{}.{}", n / 200, n % 200, h + 1).parse().unwrap()],
                    identity: Some(Identity::new(ns.as_str(), app.as_str()).unwrap()),
                    plane: Some(DataPlane::Envoy),
                    node: Some(format!("node{}", (n * pods + h) % 100).as_str().into()),
                    zone: None,
                    host_network: false,
                    ended: false,
                    ports: vec![],
                    skip_inbound_ports: Default::default(),
                }),
            ));
        }
        index.apply(slice(&ns, &app, n, pods, true));
    }
    println!("applied {:?} {}", t.elapsed(), rss());
    let t = Instant::now();
    let c = index.resolve();
    println!("resolved {} {:?} {}", c.len(), t.elapsed(), rss());
    drop(c);
    let t = Instant::now();
    let mut held = Vec::new();
    for i in 0..1000 {
        let n = (i * 7) % services;
        index.apply(slice(&format!("ns{}", n / 50), &format!("s{n}"), n, pods, (i / services) % 2 != 0));
        assert_eq!(index.resolve().len(), 1);
        held = vec![index.snapshot()];
    }
    println!("flip {:?} {}", t.elapsed() / 1000, rss());
    drop(held);
    println!("{:?}", index.work());
}
