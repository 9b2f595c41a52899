use super::*;
use serde_json::json;
use watcher::Event::{Apply, Delete, Init, InitApply, InitDone};

fn pod(name: &str) -> DynamicObject {
    let pod = json!({"metadata": {"namespace": "shop", "name": name}, "spec": {"serviceAccountName": "web"}});
    serde_json::from_value(pod).unwrap()
}

/// Returns what reaches the queue, in short.
fn play(relist: &mut Relist, events: Vec<watcher::Event<DynamicObject>>) -> Vec<String> {
    let events = events.into_iter().filter_map(|event| {
        let event = relist.take(event)?;
        relist.told(&event);
        Some(match event {
            Event::Set(object) => format!("set {}", object.source.name),
            Event::Delete(source) => format!("delete {}", source.name),
            Event::Replace(_, objects) => {
                let names: Vec<_> = objects.iter().map(|object| object.source.name.as_str()).collect();
                format!("replace {}", names.join(" "))
            }
        })
    });
    events.collect()
}

#[track_caller]
fn check(events: Vec<watcher::Event<DynamicObject>>, want: &[&str], objects: usize) {
    let mut relist = Relist::new(Kind::Pod);
    assert_eq!(play(&mut relist, events), want);
    assert_eq!(relist.objects(), objects);
}

#[test]
fn a_list_is_told_when_it_is_complete_and_at_once() {
    check(vec![Init, InitApply(pod("a")), InitApply(pod("b"))], &[], 0);
    check(vec![Init, InitApply(pod("a")), InitApply(pod("b")), InitDone], &["replace a b"], 2);
    check(vec![Init, InitDone], &["replace "], 0);
}

#[test]
fn a_list_that_broke_off_leaves_nothing_behind() {
    let events = vec![Init, InitApply(pod("a")), Init, InitApply(pod("b")), InitDone];
    check(events, &["replace b"], 1);
}

#[test]
fn changes_are_told_as_they_come() {
    let events =
        vec![Init, InitApply(pod("a")), InitDone, Apply(pod("b")), Apply(pod("b")), Delete(pod("a"))];
    check(events, &["replace a", "set b", "set b", "delete a"], 1);
}

#[test]
fn a_list_that_lacks_an_object_takes_it_away() {
    let mut relist = Relist::new(Kind::Pod);
    play(&mut relist, vec![Init, InitApply(pod("a")), InitDone]);
    let mut lists = |events| {
        let events: Vec<_> = events;
        events.into_iter().filter_map(|event| relist.take(event)).collect::<Vec<_>>()
    };
    let same = lists(vec![Init, InitApply(pod("a")), InitApply(pod("b")), InitDone]);
    let fewer = lists(vec![Init, InitApply(pod("b")), InitDone]);
    assert!(!relist.takes_away(&same[0]));
    assert!(relist.takes_away(&fewer[0]));
}

#[test]
fn an_object_that_no_type_could_hold_is_one_fact_among_the_others() {
    let poison = json!({"metadata": {"namespace": "shop", "name": "bad"}, "spec": "none"});
    let poison: DynamicObject = serde_json::from_value(poison).unwrap();
    let events = vec![Init, InitApply(poison), InitApply(pod("a")), InitDone];
    check(events, &["replace bad a"], 2);
}
