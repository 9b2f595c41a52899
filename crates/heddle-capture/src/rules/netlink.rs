//! One transaction of nftables over netlink.

use super::rule::{Chain, Hook as At};
use netlink_packet_core::{
    ErrorMessage, NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_REQUEST, NetlinkDeserializable,
    NetlinkMessage, NetlinkPayload,
};
use netlink_packet_netfilter::nftables::{
    ChainAttribute, ChainMessage, Hook, HookNumber, InetHookNumber, NfTablesMessage, RuleAttribute,
    RuleMessage, TableAttribute, TableMessage,
};
use netlink_packet_netfilter::none::ControlMessage;
use netlink_packet_netfilter::{NetfilterHeader, NetfilterMessage, NetfilterProtoFamily};
use netlink_sys::protocols::NETLINK_NETFILTER;
use netlink_sys::{Socket, SocketAddr};
use std::io;

/// `NFNL_SUBSYS_NFTABLES`, which a batch is for.
const NFTABLES: u16 = 10;
/// The priority of destination NAT.
const DESTINATION_NAT: i32 = -100;
/// `NF_ACCEPT`.
const ACCEPT: u32 = 1;
/// The size of an acknowledgement's buffer: a header and the header that it acknowledges are far smaller.
const ACKNOWLEDGEMENT: usize = 8192;

/// Packet rules could not be written.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The kernel cannot be spoken to.
    #[error("cannot open netlink for packet rules: {0}")]
    Socket(io::Error),
    /// The kernel refuses.
    #[error("the kernel refuses {step}: {error} (packet rules need CAP_NET_ADMIN and nf_tables)")]
    Refused {
        /// The part of the rules that it refuses.
        step: String,
        /// Its reason.
        error: io::Error,
    },
}

/// A message of the transaction, and its name in errors.
struct Step {
    name: String,
    message: NfTablesMessage,
    flags: u16,
}

/// Replaces a table of family `inet`, at once.
pub(super) fn replace_table(table: &str, chains: &[Chain]) -> Result<(), CaptureError> {
    let steps = steps(table, chains);
    let socket = open().map_err(CaptureError::Socket)?;
    send(&socket, &batch(&steps)).map_err(CaptureError::Socket)?;
    acknowledged(&socket, &steps)
}

/// A table can only be deleted where it is, so it is added first.
fn steps(table: &str, chains: &[Chain]) -> Vec<Step> {
    let named = || TableMessage { attributes: vec![TableAttribute::Name(table.into())] };
    let step = |name: &str, message, flags| Step { name: format!("{name} table {table}"), message, flags };
    let mut steps = vec![
        step("to add", NfTablesMessage::NewTable(named()), NLM_F_CREATE),
        step("to delete", NfTablesMessage::DeleteTable(named()), 0),
        step("to add", NfTablesMessage::NewTable(named()), NLM_F_CREATE),
    ];
    for chain in chains {
        steps.push(add_chain(table, chain));
        steps.extend(chain.rules.iter().enumerate().map(|(number, rule)| Step {
            name: format!("rule {number} of chain {}", chain.name),
            message: NfTablesMessage::NewRule(RuleMessage {
                attributes: vec![
                    RuleAttribute::Table(table.into()),
                    RuleAttribute::Chain(chain.name.into()),
                    RuleAttribute::Expressions(rule.expressions()),
                ],
            }),
            flags: NLM_F_CREATE | NLM_F_APPEND,
        }));
    }
    steps
}

fn add_chain(table: &str, chain: &Chain) -> Step {
    let hook = match chain.hook {
        At::Prerouting => InetHookNumber::PreRouting,
        At::Output => InetHookNumber::LocalOut,
    };
    let attributes = vec![
        ChainAttribute::Table(table.into()),
        ChainAttribute::Name(chain.name.into()),
        ChainAttribute::Type("nat".into()),
        ChainAttribute::Policy(ACCEPT),
        ChainAttribute::Hook(vec![
            Hook::Number(HookNumber::Inet(hook)),
            Hook::Priority(DESTINATION_NAT.cast_unsigned()),
        ]),
    ];
    let message = NfTablesMessage::NewChain(ChainMessage { attributes });
    Step { name: format!("chain {}", chain.name), message, flags: NLM_F_CREATE }
}

fn open() -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_NETFILTER)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    Ok(socket)
}

/// Returns the bytes of all steps between the marks of a transaction, numbered from 1.
fn batch(steps: &[Step]) -> Vec<u8> {
    let unspecified = || NetfilterHeader::new(NetfilterProtoFamily::Unspec, 0, NFTABLES);
    let inet = || NetfilterHeader::new(NetfilterProtoFamily::Inet, 0, 0);
    let mut bytes = Vec::new();
    append(&mut bytes, NetfilterMessage::new(unspecified(), ControlMessage::BatchBegin), 0, 0);
    for (number, step) in (1..).zip(steps) {
        let message = NetfilterMessage::new(inet(), step.message.clone());
        append(&mut bytes, message, step.flags | NLM_F_ACK, number);
    }
    append(&mut bytes, NetfilterMessage::new(unspecified(), ControlMessage::BatchEnd), 0, 0);
    bytes
}

fn append(bytes: &mut Vec<u8>, message: NetfilterMessage, flags: u16, number: u32) {
    let mut message = NetlinkMessage::from(message);
    message.header.flags = NLM_F_REQUEST | flags;
    message.header.sequence_number = number;
    message.finalize();
    let start = bytes.len();
    bytes.resize(start + message.buffer_len().next_multiple_of(4), 0);
    message.serialize(&mut bytes[start..]);
}

fn send(socket: &Socket, bytes: &[u8]) -> io::Result<()> {
    match socket.send(bytes, 0)? {
        sent if sent == bytes.len() => Ok(()),
        sent => Err(io::Error::other(format!("{sent} of {} bytes were taken", bytes.len()))),
    }
}

/// Reads the next answer.
pub(super) fn acknowledgement<M: NetlinkDeserializable>(
    socket: &Socket,
) -> Result<NetlinkMessage<M>, CaptureError> {
    let mut buffer = Vec::with_capacity(ACKNOWLEDGEMENT);
    socket.recv(&mut buffer, 0).map_err(CaptureError::Socket)?;
    let malformed = |error| CaptureError::Socket(io::Error::other(format!("{error}")));
    NetlinkMessage::deserialize(&buffer).map_err(malformed)
}

/// Waits until every step is acknowledged, or one is refused.
fn acknowledged(socket: &Socket, steps: &[Step]) -> Result<(), CaptureError> {
    let mut open = steps.len();
    while open > 0 {
        let answer = acknowledgement::<NetfilterMessage>(socket)?;
        let number = usize::try_from(answer.header.sequence_number).unwrap_or_default();
        let NetlinkPayload::Error(ErrorMessage { code, .. }) = answer.payload else { continue };
        if let Some(code) = code {
            let step = steps.get(number.wrapping_sub(1)).map_or("the transaction", |step| &step.name);
            let error = io::Error::from_raw_os_error(code.get().abs());
            return Err(CaptureError::Refused { step: step.into(), error });
        }
        open -= 1;
    }
    Ok(())
}
