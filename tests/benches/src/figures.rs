//! Repeated measurements, and how they are shown.

use crate::Printed;

/// What was measured in each run.
#[derive(Clone, Debug, Default)]
pub struct Figures(Vec<f64>);

impl Figures {
    pub fn push(&mut self, figure: f64) {
        self.0.push(figure);
        self.0.sort_by(f64::total_cmp);
    }

    /// The middle one; 0 when there is none.
    pub fn median(&self) -> f64 {
        self.0.get(self.0.len() / 2).copied().unwrap_or_default()
    }

    /// What that share of them, 0.99 for example, is not above; 0 when there is none.
    pub fn below(&self, share: f64) -> f64 {
        let count = u32::try_from(self.0.len()).map_or(0.0, f64::from);
        let most = (0..)
            .zip(&self.0)
            .find(|(at, _)| f64::from(*at) + 1.0 >= share * count);
        most.map_or(0.0, |(_, figure)| *figure)
    }

    /// 0 when there is none.
    pub fn highest(&self) -> f64 {
        self.0.last().copied().unwrap_or_default()
    }

    fn text(&self) -> String {
        let (low, high) = (self.0.first(), self.0.last());
        let (Some(low), Some(high)) = (low, high) else {
            return "-".to_owned();
        };
        format!(
            "{} ({} .. {})",
            short(self.median()),
            short(*low),
            short(*high)
        )
    }
}

impl FromIterator<f64> for Figures {
    fn from_iter<I: IntoIterator<Item = f64>>(figures: I) -> Self {
        let mut all = Self::default();
        figures.into_iter().for_each(|figure| all.push(figure));
        all
    }
}

fn short(figure: f64) -> String {
    if figure < 100.0 {
        format!("{figure:.2}")
    } else {
        format!("{figure:.0}")
    }
}

/// Ours beside a peer's.
#[derive(Debug)]
pub struct Table {
    rows: Vec<[String; 5]>,
}

impl Table {
    pub fn new(peer: &str) -> Self {
        let head = ["what", "must", "pipeops-agent", peer, "times better"];
        Self {
            rows: vec![head.map(ToOwned::to_owned)],
        }
    }

    /// A row where less is better.
    pub fn less(&mut self, what: &str, must: &str, ours: &Figures, peer: &Figures) {
        self.row(what, must, ours, peer, ratio(peer, ours));
    }

    /// Two rows: how long it took, and the most memory.
    pub fn printed(&mut self, what: &str, must: [&str; 2], ours: &[Printed], peer: &[Printed]) {
        let [ours, peer] = [ours, peer].map(|all| {
            let times: Figures = all.iter().map(|run| run.milliseconds).collect();
            (times, all.iter().map(|run| run.resident).collect())
        });
        self.less(&format!("{what}: ms"), must[0], &ours.0, &peer.0);
        let what = format!("{what}: resident at most, MB");
        self.less(&what, must[1], &ours.1, &peer.1);
    }

    /// A row where more is better.
    pub fn more(&mut self, what: &str, must: &str, ours: &Figures, peer: &Figures) {
        self.row(what, must, ours, peer, ratio(ours, peer));
    }

    fn row(&mut self, what: &str, must: &str, ours: &Figures, peer: &Figures, ratio: String) {
        let (what, must) = (what.to_owned(), must.to_owned());
        self.rows
            .push([what, must, ours.text(), peer.text(), ratio]);
    }
}

fn ratio(more: &Figures, less: &Figures) -> String {
    if less.median() > 0.0 {
        short(more.median() / less.median())
    } else {
        "-".to_owned()
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "median (lowest .. highest)")?;
        for row in &self.rows {
            for (at, cell) in row.iter().enumerate() {
                let column = self.rows.iter().filter_map(|row| row.get(at));
                let width = column.map(|cell| cell.chars().count()).max().unwrap_or(0);
                write!(f, "{cell:<width$}  ")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_that_of_sorted_figures() {
        let figures: Figures = [9.0, 1.0, 5.0].into_iter().collect();
        assert!((figures.median() - 5.0).abs() < f64::EPSILON);
        assert_eq!(figures.text(), "5.00 (1.00 .. 9.00)");
        assert!((figures.below(0.6) - 5.0).abs() < f64::EPSILON);
        assert!((figures.below(0.7) - 9.0).abs() < f64::EPSILON);
        assert!(Figures::default().median().abs() < f64::EPSILON);
    }
}
