//! Samples as text, in the format of Prometheus (0.0.4) or OpenMetrics (1.0.0).
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::fmt::Write;

use super::table::{Metric, Sort};
use crate::metrics::{BOUNDS_MICROS, Histogram};

/// Label and value.
pub(super) type Label<'a> = (&'a str, &'a str);

/// The samples of one metric, behind its head as soon as there is one.
pub(super) struct Samples<'a> {
    pub(super) out: &'a mut String,
    pub(super) metric: &'static Metric,
    pub(super) is_open: bool,
    /// Whether the head is written.
    pub(super) begun: bool,
}

impl Samples<'_> {
    pub(super) fn put(&mut self, labels: &[Label<'_>], value: u64) {
        self.decimal("", labels, value, 0);
    }

    /// A value with so many decimals.
    pub(super) fn decimal(&mut self, suffix: &str, labels: &[Label<'_>], value: u64, places: u32) {
        self.head();
        self.out.push_str(self.metric.name);
        self.out.push_str(suffix);
        let mut before = '{';
        for (name, value) in labels {
            self.out.push(before);
            self.out.push_str(name);
            self.out.push_str("=\"");
            escape(self.out, value);
            self.out.push('"');
            before = ',';
        }
        if before == ',' {
            self.out.push('}');
        }
        self.out.push(' ');
        number(self.out, value, places);
        self.out.push('\n');
    }

    pub(super) fn histogram(&mut self, histogram: &Histogram, label: Option<Label<'_>>) {
        let mut sum = 0;
        let mut bound = String::new();
        for (place, count) in histogram.buckets().into_iter().enumerate() {
            sum += count;
            bound.clear();
            match BOUNDS_MICROS.get(place) {
                Some(micros) => number(&mut bound, *micros, 6),
                None => bound.push_str("+Inf"),
            }
            // OpenMetrics has them as floats.
            if place < BOUNDS_MICROS.len() && !bound.contains('.') {
                bound.push_str(".0");
            }
            let le = ("le", bound.as_str());
            match label {
                Some(label) => self.decimal("_bucket", &[label, le], sum, 0),
                None => self.decimal("_bucket", &[le], sum, 0),
            }
        }
        let micros = u64::try_from(histogram.sum().as_micros()).unwrap_or(u64::MAX);
        let labels = label.as_slice();
        self.decimal("_sum", labels, micros, 6);
        self.decimal("_count", labels, sum, 0);
    }

    /// OpenMetrics names a counter without what its samples end with.
    fn head(&mut self) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        let Metric { name, help, .. } = *self.metric;
        let (sort, name) = match self.metric.sort {
            Sort::Counter if self.is_open => ("counter", name.trim_end_matches("_total")),
            Sort::Counter => ("counter", name),
            Sort::Gauge => ("gauge", name),
            Sort::Histogram => ("histogram", name),
        };
        for part in [
            "# HELP ",
            name,
            " ",
            help,
            "\n# TYPE ",
            name,
            " ",
            sort,
            "\n",
        ] {
            self.out.push_str(part);
        }
    }
}

fn escape(out: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '\n' => out.push_str("\\n"),
            '\\' | '"' => {
                out.push('\\');
                out.push(letter);
            }
            _ => out.push(letter),
        }
    }
}

fn number(out: &mut String, value: u64, places: u32) {
    let scale = 10_u64.pow(places);
    // Writing to a String does not fail.
    let _ = write!(out, "{}", value / scale);
    let mut rest = value % scale;
    if rest > 0 {
        out.push('.');
    }
    let mut digit = scale;
    while rest > 0 {
        digit /= 10;
        let _ = write!(out, "{}", rest / digit);
        rest %= digit;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::api::metrics::table::METRICS;

    fn text(name: &str, is_open: bool, write: impl FnOnce(&mut Samples<'_>)) -> String {
        let mut out = String::new();
        let metric = METRICS.iter().find(|metric| metric.name == name);
        write(&mut Samples {
            out: &mut out,
            metric: metric.unwrap(),
            is_open,
            begun: false,
        });
        out
    }

    #[test]
    fn numbers_have_their_decimals_and_no_more() {
        for (value, places, said) in [
            (0, 0, "0"),
            (1_500, 3, "1.5"),
            (2_000_000, 6, "2"),
            (1, 6, "0.000001"),
            (1_020_300, 6, "1.0203"),
            (u64::MAX, 0, "18446744073709551615"),
        ] {
            let mut out = String::new();
            number(&mut out, value, places);
            assert_eq!(out, said);
        }
    }

    #[test]
    fn a_head_comes_once_and_only_before_a_sample() {
        let name = "pipeops_agent_commands_total";
        let none = text(name, false, |_| {});
        assert_eq!(none, "");
        let put = |samples: &mut Samples<'_>| {
            samples.put(&[("outcome", "a")], 1);
            samples.put(&[("outcome", "b")], 2);
        };
        let plain = text(name, false, put);
        let expected = "# HELP pipeops_agent_commands_total Commands that ended, by outcome.\n\
                        # TYPE pipeops_agent_commands_total counter\n\
                        pipeops_agent_commands_total{outcome=\"a\"} 1\n\
                        pipeops_agent_commands_total{outcome=\"b\"} 2\n";
        assert_eq!(plain, expected);
        let open = text(name, true, put);
        assert!(
            open.contains("# TYPE pipeops_agent_commands counter\n"),
            "{open}"
        );
        assert!(open.ends_with("pipeops_agent_commands_total{outcome=\"b\"} 2\n"));
    }

    #[test]
    fn what_is_in_a_label_stays_there() {
        let hostile = "a\"} 1\nb\\é";
        let told = text("kube_node_info", false, |samples| {
            samples.put(&[("node", "n"), ("os_image", hostile)], 1);
        });
        let line = told.lines().last().unwrap();
        assert_eq!(
            line,
            r#"kube_node_info{node="n",os_image="a\"} 1\nb\\é"} 1"#
        );
    }

    #[test]
    fn buckets_add_up() {
        let histogram = Histogram::default();
        histogram.observe(Duration::from_millis(1));
        histogram.observe(Duration::from_millis(1500));
        histogram.observe(Duration::from_secs(60));
        let name = "pipeops_agent_http_request_duration_seconds";
        let told = text(name, true, |samples| {
            samples.histogram(&histogram, Some(("route", "probe")));
        });
        let values = |suffix: &str| -> Vec<&str> {
            let lines = told.lines().filter_map(|line| line.strip_prefix(name));
            lines.filter_map(|line| line.strip_prefix(suffix)).collect()
        };
        let buckets = values("_bucket");
        assert_eq!(buckets.len(), BOUNDS_MICROS.len() + 1);
        assert_eq!(buckets[0], r#"{route="probe",le="0.001"} 1"#);
        assert_eq!(buckets[6], r#"{route="probe",le="1.0"} 1"#);
        assert_eq!(buckets[7], r#"{route="probe",le="5.0"} 2"#);
        assert_eq!(buckets[9], r#"{route="probe",le="+Inf"} 3"#);
        assert_eq!(values("_sum"), [r#"{route="probe"} 61.501"#]);
        assert_eq!(values("_count"), [r#"{route="probe"} 3"#]);
    }
}
