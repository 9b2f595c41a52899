//! Rules of a chain, and the expressions of nftables that they are.

use netlink_packet_core::DefaultNla;
use netlink_packet_netfilter::nftables::{
    Cmp, DataAttribute, ExpressionAttribute, Expressions, Immediate, ListAttribute, Meta, MetaKey, Operator,
    Payload, Register, Verdict as Code, VerdictAttribute,
};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

/// One entry of a rule's list of expressions.
pub(super) type Expression = ListAttribute<ExpressionAttribute>;

/// Names of the kernel's `enum nft_redir_attributes`.
const NFTA_REDIR_REG_PROTO_MIN: u16 = 1;
/// Bases of payload expressions: `enum nft_payload_bases`.
const NETWORK_HEADER: u32 = 1;
const TRANSPORT_HEADER: u32 = 2;
/// `NFPROTO_IPV4`, `NFPROTO_IPV6`, `IPPROTO_TCP`.
const IPV4: u8 = 2;
const IPV6: u8 = 10;
const TCP: u8 = 6;
/// The loopback interface's name, as the kernel compares it: filled up with zeros.
const LOOPBACK: [u8; 16] = *b"lo\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// A base chain of type `nat`.
pub(super) struct Chain {
    pub(super) name: &'static str,
    pub(super) hook: Hook,
    pub(super) rules: Vec<Rule>,
}

/// The hook of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hook {
    Prerouting,
    Output,
}

/// A rule: its verdict holds where all of its conditions do.
pub(super) struct Rule {
    conditions: Vec<Condition>,
    verdict: Verdict,
}

/// A condition on a packet.
pub(super) enum Condition {
    /// It leaves by the loopback interface.
    LoopbackOut,
    /// It came by the loopback interface.
    LoopbackIn,
    /// Its socket belongs to one of these users.
    User(RangeInclusive<u32>),
    /// It goes to 127.0.0.0/8.
    ToLoopback4,
    /// It is IPv4 and goes elsewhere than to 127.0.0.0/8.
    NotToLoopback4,
    /// It goes to this address.
    To(Ipv6Addr),
    /// It is IPv6 and goes to another address.
    NotTo(Ipv6Addr),
    /// It is IPv4 and comes from another address.
    NotFrom4(Ipv4Addr),
    /// It is IPv6 and comes from another address.
    NotFrom6(Ipv6Addr),
    /// It is TCP.
    Tcp,
    /// It is TCP to one of these ports.
    TcpPort(RangeInclusive<u16>),
}

/// The fate of a packet.
pub(super) enum Verdict {
    /// It goes on as it would without the chain.
    Return,
    /// It goes to this port of the machine.
    Redirect(u16),
}

impl Rule {
    pub(super) fn new(conditions: impl Into<Vec<Condition>>, verdict: Verdict) -> Self {
        Self { conditions: conditions.into(), verdict }
    }

    /// Returns the expressions, in the order in which the kernel evaluates them.
    pub(super) fn expressions(&self) -> Vec<Expression> {
        let conditions = self.conditions.iter().flat_map(Condition::expressions);
        conditions.chain(self.verdict.expressions()).map(Into::into).collect()
    }
}

impl Condition {
    fn expressions(&self) -> Vec<Expressions> {
        match self {
            Self::LoopbackOut => vec![meta(MetaKey::Oifname), equal(LOOPBACK)],
            Self::LoopbackIn => vec![meta(MetaKey::Iifname), equal(LOOPBACK)],
            Self::User(users) => user(users),
            Self::ToLoopback4 => ip(IPV4, destination4(1), equal([127])),
            Self::NotToLoopback4 => ip(IPV4, destination4(1), differs([127])),
            Self::To(address) => ip(IPV6, payload(NETWORK_HEADER, 24, 16), equal(address.octets())),
            Self::NotTo(address) => ip(IPV6, payload(NETWORK_HEADER, 24, 16), differs(address.octets())),
            Self::NotFrom4(address) => ip(IPV4, payload(NETWORK_HEADER, 12, 4), differs(address.octets())),
            Self::NotFrom6(address) => ip(IPV6, payload(NETWORK_HEADER, 8, 16), differs(address.octets())),
            Self::Tcp => tcp().into(),
            Self::TcpPort(ports) => tcp_port(ports),
        }
    }
}

impl Verdict {
    fn expressions(&self) -> Vec<Expressions> {
        match self {
            Self::Return => vec![Expressions::Immediate(vec![
                Immediate::DestinationRegister(Register::Verdict),
                Immediate::Data(DataAttribute::Verdict(vec![VerdictAttribute::Code(Code::Return)])),
            ])],
            Self::Redirect(port) => vec![
                Expressions::Immediate(vec![
                    Immediate::DestinationRegister(Register::Reg1),
                    Immediate::Data(DataAttribute::Value(port.to_be_bytes().into())),
                ]),
                redirect_to(Register::Reg1),
            ],
        }
    }
}

/// Returns `redir`, to the port in a register.
fn redirect_to(register: Register) -> Expressions {
    let port = DefaultNla::new(NFTA_REDIR_REG_PROTO_MIN, u32::from(register).to_be_bytes().into());
    Expressions::Other { expression_type: "redir".into(), attributes: vec![port] }
}

/// Users are numbers in the machine's order, and ranges are compared in the network's: both ends must agree.
fn user(users: &RangeInclusive<u32>) -> Vec<Expressions> {
    if users.start() == users.end() {
        return vec![meta(MetaKey::SocketUserId), equal(users.start().to_ne_bytes())];
    }
    let range = compare_range(users.start().to_be_bytes(), users.end().to_be_bytes());
    [meta(MetaKey::SocketUserId), to_network_order()].into_iter().chain(range).collect()
}

fn tcp() -> [Expressions; 2] {
    [meta(MetaKey::L4Proto), equal([TCP])]
}

fn tcp_port(ports: &RangeInclusive<u16>) -> Vec<Expressions> {
    let (first, last) = (ports.start().to_be_bytes(), ports.end().to_be_bytes());
    let compare = match first == last {
        true => vec![equal(first)],
        false => compare_range(first, last).into(),
    };
    tcp().into_iter().chain([payload(TRANSPORT_HEADER, 2, 2)]).chain(compare).collect()
}

/// A condition on the header of one IP version, which holds for no packet of the other.
fn ip(version: u8, load: Expressions, compare: Expressions) -> Vec<Expressions> {
    vec![meta(MetaKey::Nfproto), equal([version]), load, compare]
}

/// The first bytes of an IPv4 packet's destination.
fn destination4(length: u32) -> Expressions {
    payload(NETWORK_HEADER, 16, length)
}

fn meta(key: MetaKey) -> Expressions {
    Expressions::Meta(vec![Meta::Key(key), Meta::DestinationRegister(Register::Reg1)])
}

fn payload(base: u32, offset: u32, length: u32) -> Expressions {
    Expressions::Payload(vec![
        Payload::DestinationRegister(Register::Reg1),
        Payload::Base(base),
        Payload::Offset(offset),
        Payload::Len(length),
    ])
}

fn equal(value: impl Into<Vec<u8>>) -> Expressions {
    compare(Operator::Equal, value)
}

fn differs(value: impl Into<Vec<u8>>) -> Expressions {
    compare(Operator::NotEqual, value)
}

fn compare_range(first: impl Into<Vec<u8>>, last: impl Into<Vec<u8>>) -> [Expressions; 2] {
    [compare(Operator::GreatherThanEqual, first), compare(Operator::LessThanEqual, last)]
}

fn compare(operator: Operator, value: impl Into<Vec<u8>>) -> Expressions {
    Expressions::Cmp(vec![
        Cmp::SourceRegister(Register::Reg1),
        Cmp::Op(operator),
        Cmp::Data(DataAttribute::Value(value.into())),
    ])
}

/// Returns `byteorder`, which turns a 32-bit number in the register from the machine's order to the network's.
fn to_network_order() -> Expressions {
    let register = u32::from(Register::Reg1);
    let (operation, bytes) = (1, 4);
    let attributes = [(1, register), (2, register), (3, operation), (4, bytes), (5, bytes)];
    Expressions::Other {
        expression_type: "byteorder".into(),
        attributes: attributes.map(|(kind, value)| DefaultNla::new(kind, value.to_be_bytes().into())).into(),
    }
}
