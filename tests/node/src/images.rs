//! The images of Heddle, the proxies and the example workloads, packed from what is built.

use crate::image::Image;
use crate::programs;
use anyhow::Result;
use std::path::PathBuf;

/// Returns the images.
///
/// # Errors
/// If Envoy's libraries cannot be told.
pub fn all() -> Result<Vec<Image>> {
    let shop = programs::built("shop");
    let heddle = || programs::built("heddle");
    let envoy =
        Image { name: "heddle.test/envoy:test".into(), user: "65532:65532".into(), ..Image::default() };
    let linkerd = programs::linkerd2_proxy().map(|program| {
        let image = Image {
            name: "heddle.test/linkerd2-proxy:test".into(),
            user: "65532:65532".into(),
            ..Image::default()
        };
        image.with_libraries("usr/lib/linkerd/linkerd2-proxy", &program)
    });
    let mut all = vec![
        one("heddle.test/pause:test", "shop", shop.clone(), &["pause"]),
        one("heddle.test/shop:test", "shop", shop, &[]),
        // The same program under another tag, for upgrades.
        one("heddle.test/heddle:next", "usr/local/bin/heddle", heddle(), &[]),
        one("heddle.test/heddle:test", "usr/local/bin/heddle", heddle(), &[]),
        envoy.with_libraries("usr/local/bin/envoy", &programs::envoy())?,
    ];
    all.extend(linkerd.transpose()?);
    Ok(all)
}

fn one(name: &str, path: &str, program: PathBuf, args: &[&str]) -> Image {
    Image {
        name: name.into(),
        files: vec![(path.into(), program)],
        entrypoint: std::iter::once(format!("/{path}")).chain(args.iter().map(ToString::to_string)).collect(),
        user: "65532:65532".into(),
    }
}
