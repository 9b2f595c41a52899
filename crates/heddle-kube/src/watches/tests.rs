use super::*;

#[test]
fn what_is_missing_is_named_until_every_kind_was_listed() {
    let watches = Watches::new();
    for kind in Kind::ALL {
        watches.listed(kind, 0);
    }
    assert_eq!(watches.missing(), Vec::<String>::new());

    let watches = Watches::new();
    for kind in Kind::ALL.into_iter().filter(|kind| !matches!(kind, Kind::Mesh | Kind::HttpRoute | Kind::Pod))
    {
        watches.listed(kind, 3);
    }
    watches.absent(Kind::HttpRoute);
    assert!(watches.failed(Kind::Mesh, Cause::Kind, "meshes is forbidden"));
    assert!(!watches.failed(Kind::Mesh, Cause::Kind, "meshes is forbidden"));
    assert_eq!(watches.missing(), ["Pod: reading the first list of pods", "Mesh: meshes is forbidden"]);
    assert_eq!(watches.alarms(), Vec::<String>::new());
}

#[test]
fn a_watch_that_fails_later_alarms_and_keeps_the_mesh_ready() {
    let watches = Watches::new();
    for kind in Kind::ALL {
        watches.listed(kind, 1);
    }
    watches.failed(Kind::AccessPolicy, Cause::Kind, "gone");
    assert_eq!(watches.missing(), Vec::<String>::new());
    assert_eq!(watches.alarms(), ["AccessPolicy: gone"]);
    assert_eq!(watches.view()[&Kind::AccessPolicy].objects, 1);
    watches.changed(Kind::AccessPolicy, 2);
    assert_eq!(watches.alarms(), Vec::<String>::new());
}

#[test]
fn an_absent_kind_is_absent_again_after_an_outage() {
    let watches = Watches::new();
    watches.absent(Kind::HttpRoute);
    watches.failed(Kind::HttpRoute, Cause::Away, "connection refused");
    assert!(!watches.found(Kind::HttpRoute));
    watches.absent(Kind::HttpRoute);
    assert_eq!(watches.alarms(), Vec::<String>::new());
    assert_eq!(watches.lists(Kind::HttpRoute), 1);
}

/// All kinds listed, and then these watches fail for these causes.
fn failing(failures: &[(Kind, Cause)]) -> Watches {
    let watches = Watches::new();
    Kind::ALL.into_iter().for_each(|kind| watches.listed(kind, 1));
    for (kind, cause) in failures {
        watches.failed(*kind, *cause, "broken");
    }
    watches
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_fails_while_others_work_is_stale_after_half_a_minute() {
    let check = |failures: &[(Kind, Cause)], after, want: &[&str]| {
        let watches = failing(failures);
        assert_eq!(watches.stale(Instant::now() + Duration::from_secs(after)), want, "{failures:?}");
    };
    let text = "Pod: its watch has failed for 30s: broken";
    check(&[(Kind::Pod, Cause::Away)], 29, &[]);
    check(&[(Kind::Pod, Cause::Away)], 30, &[text]);
    check(&[(Kind::Pod, Cause::Us)], 30, &[text]);
    check(&[(Kind::Pod, Cause::Kind)], 3600, &[]);
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_away_for_everyone_makes_nobody_stale() {
    let all = |cause| Kind::ALL.map(|kind| (kind, cause));
    let later = Instant::now() + Duration::from_secs(3600);
    assert_eq!(failing(&all(Cause::Away)).stale(later), Vec::<String>::new());
    // An answer, even a refusal, tells that it is there.
    let mut one_refused = all(Cause::Away);
    one_refused[0].1 = Cause::Kind;
    assert_eq!(failing(&one_refused).stale(later).len(), Kind::ALL.len() - 1);
    assert_eq!(failing(&all(Cause::Us)).stale(later).len(), Kind::ALL.len());
}

#[tokio::test(start_paused = true)]
async fn the_age_of_a_watch_counts_from_its_first_failure() {
    let watches = failing(&[(Kind::Pod, Cause::Away)]);
    let start = Instant::now();
    tokio::time::advance(Duration::from_secs(20)).await;
    watches.failed(Kind::Pod, Cause::Us, "again");
    let ages = watches.ages(start + Duration::from_secs(50));
    let failing: Vec<_> = ages.into_iter().filter(|(_, age)| !age.is_zero()).collect();
    assert_eq!(failing, [(Kind::Pod, Duration::from_secs(50))]);
    watches.resumed(Kind::Pod);
    assert_eq!(watches.stale(start + Duration::from_secs(500)), Vec::<String>::new());
}
