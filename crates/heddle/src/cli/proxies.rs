//! `heddle proxies`: who is connected, and what each has.

use super::address::HostPort;
use crate::demo::Client;
use anyhow::{Context, Result, ensure};
use comfy_table::{Table, presets};
use heddle_model::text::{SHOWN_BYTES, printable};
use heddle_serve::registry::{ClientView, TypeView};
use std::time::SystemTime;

/// Show the connected proxies: what each has acknowledged or refused, and how old its certificate is.
///
/// Asks every controller of the cluster that the environment names, through the API server; or, with --admin, one controller.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The admin address of one controller, outside Kubernetes or forwarded
    #[arg(long, env = "HEDDLE_ADMIN")]
    admin: Option<HostPort>,
    /// The namespace of the controllers
    #[arg(long, default_value = super::NAMESPACE)]
    controller_namespace: String,
    /// Only proxies of this namespace
    #[arg(short, long)]
    namespace: Option<String>,
    /// The output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum Output {
    #[default]
    Table,
    Json,
}

/// Prints them.
pub(crate) async fn run(args: Args) -> Result<()> {
    let mut clients = match &args.admin {
        Some(admin) => of_one(admin).await?,
        None => of_cluster(&args.controller_namespace).await?,
    };
    clients.retain(|client| wanted(client, args.namespace.as_deref()));
    clients.sort_by(|a, b| (&a.workload, a.id).cmp(&(&b.workload, b.id)));
    match args.output {
        Output::Json => {
            let page =
                serde_json::json!({"apiVersion": "cli.heddle.dev/v1", "kind": "Proxies", "clients": clients});
            super::print(&format!("{page:#}\n"))
        }
        Output::Table => super::print(&format!("{}\n", table(&clients, now()))),
    }
}

/// The path of the page.
const PATH: &str = "/debug/clients";

async fn of_one(admin: &HostPort) -> Result<Vec<ClientView>> {
    let url = format!("http://{admin}{PATH}");
    let reply = Client::new().get(&url, &[]).await;
    let reply = reply.with_context(|| format!("no controller's admin page at {admin}"))?;
    ensure!(reply.status == 200, "{url} answered {}: {}", reply.status, reply.text());
    clients(&reply.body).with_context(|| format!("{url} is not a controller's page"))
}

async fn of_cluster(namespace: &str) -> Result<Vec<ClientView>> {
    let hint = "without a cluster, name a controller's admin address with --admin";
    let client = crate::cluster::connect().await.context(hint)?;
    let mut all = Vec::new();
    for (pod, page) in heddle_kube::controller_pages(&client, namespace, PATH).await? {
        all.extend(
            clients(&page).with_context(|| format!("{PATH} of Pod {pod} is not a controller's page"))?,
        );
    }
    Ok(all)
}

fn clients(page: &[u8]) -> Result<Vec<ClientView>> {
    Ok(serde_json::from_slice(page)?)
}

fn wanted(client: &ClientView, namespace: Option<&str>) -> bool {
    namespace.is_none_or(|wanted| client.workload.split('/').nth(1) == Some(wanted))
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn table(clients: &[ClientView], now: u64) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["WORKLOAD", "PROXY", "PROTOCOL", "SYNC", "CONNECTED", "CERT", "NOTE"]);
    for client in clients {
        table.add_row([
            shown(&client.workload),
            shown(&client.agent),
            shown(&client.protocol),
            sync(&client.types),
            age(now.saturating_sub(client.since)),
            certificate(client, now),
            note(&client.types),
        ]);
    }
    table
}

/// `ok`, or what is refused or still under way.
fn sync(types: &[TypeView]) -> String {
    let names = |is: fn(&TypeView) -> bool| {
        let names: Vec<&str> = types.iter().filter(|ty| is(ty)).map(|ty| ty.r#type.as_str()).collect();
        names.join(",")
    };
    let (refused, pending) =
        (names(|ty| !ty.refused.is_empty()), names(|ty| ty.pending > 0 || ty.unanswered > 0));
    match (refused.is_empty(), pending.is_empty()) {
        (false, _) => format!("rejected {refused}"),
        (true, false) => format!("pending {pending}"),
        (true, true) => "ok".into(),
    }
}

fn certificate(client: &ClientView, now: u64) -> String {
    let expires = client.certificate_expires.unwrap_or(client.credential_expires);
    if expires <= now { "expired".into() } else { format!("{} left", age(expires - now)) }
}

/// The first thing that is refused: what the proxy said, and whose fault it may be.
fn note(types: &[TypeView]) -> String {
    let refused = types.iter().flat_map(|ty| &ty.refused).next();
    refused.map_or("-".into(), |refused| {
        let from = refused.objects.join(", ");
        shown(&format!("{} ({from}): {}", refused.name, refused.text))
    })
}

/// Proxies wrote some of it, and the page may be of an older controller that let them write what a terminal obeys.
fn shown(text: &str) -> String {
    printable(text, SHOWN_BYTES)
}

fn age(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heddle_serve::registry::RefusedView;

    fn ty(name: &str, pending: usize, refused: &[&str]) -> TypeView {
        let refused = refused.iter().map(|text| RefusedView {
            name: "shop/cart:8080".into(),
            version: "0".into(),
            text: (*text).into(),
            objects: vec!["HTTPRoute shop/cart".into()],
        });
        TypeView {
            r#type: name.into(),
            wildcard: false,
            held: 1,
            sent: Some(1),
            settled: Some(1),
            unanswered: 0,
            pending,
            refused: refused.collect(),
        }
    }

    #[test]
    fn a_refusal_is_told_before_what_is_under_way() {
        assert_eq!(sync(&[ty("CDS", 0, &[]), ty("RDS", 0, &[])]), "ok");
        assert_eq!(sync(&[ty("CDS", 2, &[]), ty("RDS", 0, &[])]), "pending CDS");
        let refused = [ty("CDS", 2, &[]), ty("RDS", 0, &["bad regex"])];
        assert_eq!(sync(&refused), "rejected RDS");
        assert_eq!(note(&refused), "shop/cart:8080 (HTTPRoute shop/cart): bad regex");
    }

    #[test]
    fn ages_are_short() {
        let ages = [(5, "5s"), (119, "119s"), (120, "2m"), (7200, "2h"), (200_000, "2d")];
        for (seconds, want) in ages {
            assert_eq!(age(seconds), want);
        }
    }
}
