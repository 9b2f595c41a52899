//! The time for which watches have been failing, as a metric.

use heddle_kube::Watches;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use std::fmt;
use tokio::time::Instant;

/// Reads the ages when somebody looks.
#[derive(Debug)]
pub(super) struct Ages(pub(super) Watches);

impl Collector for Ages {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "For how long the watch of a kind has been failing, zero while it works";
        let gauge = ConstGauge::new(0.0);
        let mut family =
            encoder.encode_descriptor("heddle_watch_age", help, Some(&Unit::Seconds), gauge.metric_type())?;
        for (kind, age) in self.0.ages(Instant::now()) {
            // Two groups may have a kind of one name.
            let labels = [("group", kind.spec().group), ("kind", kind.as_str())];
            ConstGauge::new(age.as_secs_f64()).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::registry::Registry;

    #[test]
    fn every_kind_has_its_age() {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Ages(Watches::new())));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("text");
        for kind in heddle_model::Kind::ALL {
            let (group, name) = (kind.spec().group, kind.as_str());
            let line = format!("heddle_watch_age_seconds{{group=\"{group}\",kind=\"{name}\"}} 0.0\n");
            assert_eq!(text.matches(&line).count(), 1, "{line} in\n{text}");
        }
        assert!(text.contains("# HELP heddle_watch_age_seconds For how long"), "{text}");
    }
}
