//! Make before break.

use crate::shop::{Shop, actor, route};
use anyhow::Result;
use heddle::demo::Actor;
use heddle::demo::load::Load;
use std::time::Duration;

const BASE: u8 = 4;
const FRONT: Actor = actor("front", 1);
const ONE: Actor = actor("one", 2);
const TWO: Actor = actor("two", 3);
const CLIENT: Actor = actor("client", 4);

#[tokio::test]
async fn two_hundred_swaps_of_a_backend_lose_no_request() -> Result<()> {
    let shop =
        Shop::open(BASE, &[FRONT, ONE, TWO, CLIENT], &[("route.yaml", &route("front", "one"))]).await?;
    let load = Load::start(&shop.stage.url(CLIENT.place, FRONT.place, "/"), 300);
    for swap in 0..200 {
        let to = if swap % 2 == 0 { "two" } else { "one" };
        shop.stage.write("route.yaml", &route("front", to))?;
        // Long enough for the folder's debounce: every swap reaches the proxies.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let tally = load.stop().await;
    assert_eq!(tally.failures(), 0, "{:?}", tally.failed);
    for backend in ["one", "two"] {
        let share = tally.percent(backend);
        assert!((30.0..70.0).contains(&share), "{backend} answered {share} % of {}", tally.sent);
    }
    assert!(tally.sent > 2000, "only {} requests in 200 swaps", tally.sent);
    shop.close().await
}
