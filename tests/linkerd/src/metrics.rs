//! Samples in the text format of Prometheus.

/// The sum of a metric's samples that have all these labels.
pub fn sum(page: &str, name: &str, labels: &[(&str, &str)]) -> f64 {
    let samples = page.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let (labelled, value) = rest.rsplit_once(' ')?;
        let has = |(name, value): &(&str, &str)| labelled.contains(&format!("{name}=\"{value}\""));
        let is_it = labelled.is_empty() || labelled.starts_with('{');
        (is_it && labels.iter().all(has)).then(|| value.parse::<f64>().ok())?
    });
    samples.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_picked_by_whole_name_and_all_labels() {
        let page =
            "# TYPE a counter\na{x=\"1\",tls=\"true\"} 2\na{x=\"2\",tls=\"true\"} 3\na_b{x=\"1\"} 5\nc 7\n";
        assert_eq!(sum(page, "a", &[("tls", "true")]), 5.0);
        assert_eq!(sum(page, "a", &[("x", "1"), ("tls", "true")]), 2.0);
        assert_eq!(sum(page, "c", &[]), 7.0);
        assert_eq!(sum(page, "d", &[]), 0.0);
    }
}
