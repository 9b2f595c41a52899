//! A session whose client is the test.

use crate::world::{Service, Shared, Thing, World};
use heddle_model::Name;
use heddle_session::{Limits, Notice, Request, ResourceType, Response, Session, Variant};

/// A session, the mesh that it serves and the time.
pub(crate) struct Stream {
    pub(crate) session: Session<Shared>,
    pub(crate) world: World,
    pub(crate) now: u64,
}

impl Stream {
    pub(crate) fn new(variant: Variant, services: &[(u8, Service)]) -> Self {
        let session = Session::new(variant, Limits::default());
        Self { session, world: World::of(services), now: 0 }
    }

    /// A client that has taken in everything.
    pub(crate) fn settled(services: &[(u8, Service)]) -> Self {
        let mut stream = Self::new(Variant::Delta, services);
        let names: Vec<String> = services.iter().map(|(id, _)| format!("s{id}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for (ty, names) in [
            (ResourceType::Cluster, &[][..]),
            (ResourceType::Endpoint, &names),
            (ResourceType::Listener, &[]),
            (ResourceType::Route, &names),
        ] {
            let sent = stream.ask(ty, names);
            stream.ack_all(sent);
        }
        assert_eq!(stream.poll(), "");
        stream
    }

    pub(crate) fn receive(&mut self, request: Request) -> Vec<Notice> {
        self.session.receive(request).expect("within the limits")
    }

    pub(crate) fn respond(&mut self) -> Vec<Response> {
        self.session.poll(self.now, &self.world)
    }

    /// Returns what is sent now: `CDS s0 s1 -s2; EDS s0`.
    pub(crate) fn poll(&mut self) -> String {
        show(&self.respond())
    }

    pub(crate) fn ask(&mut self, ty: ResourceType, names: &[&str]) -> Vec<Response> {
        self.receive(Request { subscribe: list(names), ..Request::new(ty) });
        self.respond()
    }

    pub(crate) fn ack(&mut self, response: &Response) -> Vec<Notice> {
        self.receive(Request { nonce: response.nonce.clone(), ..Request::new(response.ty) })
    }

    pub(crate) fn nack(&mut self, response: &Response, text: &str) -> Vec<Notice> {
        let nonce = response.nonce.clone();
        self.receive(Request { nonce, error: Some(text.to_string()), ..Request::new(response.ty) })
    }

    pub(crate) fn ack_all(&mut self, mut responses: Vec<Response>) {
        while !responses.is_empty() {
            for response in std::mem::take(&mut responses) {
                self.ack(&response);
                responses.extend(self.respond());
            }
        }
    }

    pub(crate) fn change(&mut self, id: u8, change: impl FnOnce(&mut Service)) {
        self.world.set(|all| change(all.entry(id).or_default()));
    }
}

pub(crate) fn list(names: &[&str]) -> Vec<Name> {
    names.iter().map(|name| (*name).into()).collect()
}

pub(crate) fn show(responses: &[Response]) -> String {
    let one = |response: &Response| {
        let ty = ["CDS", "EDS", "LDS", "RDS"][response.ty as usize];
        let things = response.resources.iter().map(|bytes| Thing::read(bytes).name.to_string());
        let removed = response.removed.iter().map(|name| format!("-{name}"));
        [ty.to_string()].into_iter().chain(things).chain(removed).collect::<Vec<_>>().join(" ")
    };
    responses.iter().map(one).collect::<Vec<_>>().join("; ")
}

pub(crate) fn to(backends: &[u8]) -> Service {
    Service { backends: backends.iter().copied().collect(), ..Service::default() }
}

pub(crate) fn two() -> [(u8, Service); 2] {
    [(0, to(&[0])), (1, to(&[1]))]
}
