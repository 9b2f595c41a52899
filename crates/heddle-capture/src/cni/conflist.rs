//! A network's configuration (CNI specification 1.1, section 1) with the plugin, and without.

use super::plugin::{NAME, POD_ANNOTATIONS};
use serde_json::{Value, json};

/// A file that is no list of plugins.
#[derive(Debug, thiserror::Error)]
pub enum ConflistError {
    /// It is not JSON.
    #[error("it is not JSON: {0}")]
    Json(serde_json::Error),
    /// It has no `plugins`.
    #[error("plugins is not a list")]
    NoPlugins,
}

/// Returns the list with the plugin at its end, once; nothing where it is so.
pub(super) fn with_plugin(text: &[u8]) -> Result<Option<String>, ConflistError> {
    let entry = json!({"type": NAME, "capabilities": {POD_ANNOTATIONS: true}});
    changed(text, |plugins| {
        plugins.retain(|plugin| plugin["type"] != NAME);
        plugins.push(entry);
    })
}

/// Returns the list without the plugin; nothing where it is so.
pub(super) fn without_plugin(text: &[u8]) -> Result<Option<String>, ConflistError> {
    changed(text, |plugins| plugins.retain(|plugin| plugin["type"] != NAME))
}

fn changed(text: &[u8], change: impl FnOnce(&mut Vec<Value>)) -> Result<Option<String>, ConflistError> {
    let before: Value = serde_json::from_slice(text).map_err(ConflistError::Json)?;
    let mut after = before.clone();
    let plugins = after.get_mut("plugins").and_then(Value::as_array_mut).ok_or(ConflistError::NoPlugins)?;
    change(plugins);
    Ok((after != before).then(|| format!("{after:#}\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BRIDGE: &str =
        r#"{"cniVersion": "1.0.0", "name": "node", "plugins": [{"type": "bridge", "mtu": 1400}]}"#;

    #[test]
    fn the_plugin_comes_last_and_once_and_the_rest_stays() {
        let with = with_plugin(BRIDGE.as_bytes()).expect("a list").expect("it is new");
        let list: Value = serde_json::from_str(&with).expect("JSON");
        assert_eq!(list["plugins"][0], json!({"type": "bridge", "mtu": 1400}));
        assert_eq!(list["plugins"][1]["type"], NAME);
        assert_eq!(with_plugin(with.as_bytes()).expect("a list"), None);
        let after =
            json!({"plugins": [list["plugins"][1], {"type": "portmap"}, list["plugins"][1]]}).to_string();
        let mended: Value =
            serde_json::from_str(&with_plugin(after.as_bytes()).expect("a list").expect("it moves"))
                .expect("JSON");
        assert_eq!(mended["plugins"], json!([{"type": "portmap"}, list["plugins"][1]]));
    }

    #[test]
    fn without_it_the_list_is_as_it_was() {
        let with = with_plugin(BRIDGE.as_bytes()).expect("a list").expect("it is new");
        let without: Value =
            serde_json::from_str(&without_plugin(with.as_bytes()).expect("a list").expect("it goes"))
                .expect("JSON");
        assert_eq!(without, serde_json::from_str::<Value>(BRIDGE).expect("JSON"));
        assert_eq!(without_plugin(BRIDGE.as_bytes()).expect("a list"), None);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        assert!(matches!(with_plugin(b"{"), Err(ConflistError::Json(_))));
        assert!(matches!(with_plugin(br#"{"type": "bridge"}"#), Err(ConflistError::NoPlugins)));
        assert!(matches!(with_plugin(br#"{"plugins": {}}"#), Err(ConflistError::NoPlugins)));
    }
}
