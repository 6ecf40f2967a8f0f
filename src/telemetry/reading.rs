//! What was measured at one moment.

use super::histogram::Histogram;
use super::metric::Metric;

/// Samples of all metrics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    samples: Vec<Sample>,
}

/// One value with its dimensions.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) metric: Metric,
    /// In the order of [`Metric::labels`].
    pub(super) labels: Vec<String>,
    pub(super) value: Value,
}

/// What a metric was.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Count(u64),
    Number(f64),
    Histogram(Histogram),
}

impl Reading {
    /// Adds a sample; `labels` are those of the metric, in its order.
    ///
    /// # Panics
    /// If there are more or fewer of them.
    pub fn add(&mut self, metric: Metric, labels: &[&str], value: Value) {
        assert_eq!(labels.len(), metric.labels().len(), "labels of {}", metric.name());
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        self.samples.push(Sample { metric, labels, value });
    }

    /// Those of one metric, in the order in which they were added.
    pub(super) fn of(&self, metric: Metric) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |sample| sample.metric == metric)
    }
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<usize> for Value {
    fn from(count: usize) -> Self {
        Self::Count(u64::try_from(count).unwrap_or(u64::MAX))
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<&Histogram> for Value {
    fn from(histogram: &Histogram) -> Self {
        Self::Histogram(histogram.clone())
    }
}
