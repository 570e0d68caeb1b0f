//! `--sort-by`: objects in the order of one field.

use std::cmp::Ordering;

use serde_json::Value;

use super::failure::Failure;
use super::jsonpath::{self, JsonPath};
use crate::k8s::quantity;

/// Up to here kubectl sorts by insertion, which shows where its order has circles.
const FEW: usize = 12;

/// The field to sort by.
#[derive(Debug)]
pub struct Field {
    template: String,
    path: JsonPath,
}

impl Field {
    /// # Errors
    /// It is no path.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let template = jsonpath::relaxed(text).map_err(Failure::new)?;
        Ok(Self {
            path: JsonPath::parse(&template).map_err(Failure::new)?,
            template,
        })
    }

    /// What one object has there.
    ///
    /// # Errors
    /// The object is not as the path expects it.
    pub fn of(&self, object: &Value) -> Result<Option<Value>, Failure> {
        let found = self.path.find(object).map_err(Failure::new)?;
        let first = found
            .into_iter()
            .next()
            .and_then(|values| values.into_iter().next());
        Ok(first.map(std::borrow::Cow::into_owned))
    }

    /// That nothing has the field.
    pub fn missing(&self) -> Failure {
        Failure::new(format!(
            "couldn't find any field with path {:?} in the list of objects",
            self.template
        ))
    }

    /// Sorts things by what was found for them.
    ///
    /// # Errors
    /// None has the field, or the values cannot be compared.
    pub fn sort<T>(&self, items: Vec<(Option<Value>, T)>) -> Result<Vec<T>, Failure> {
        let (keys, items): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        let order = self.order(&keys)?;
        Ok(in_order(items, &order))
    }

    fn order(&self, keys: &[Option<Value>]) -> Result<Vec<usize>, Failure> {
        if !keys.is_empty() && keys.iter().all(Option::is_none) {
            return Err(self.missing());
        }
        if let Some(kind) = unsortable(keys) {
            return Err(Failure::new(format!(
                "Field {} is an unsortable type: {kind}",
                self.template
            )));
        }
        if keys.len() <= FEW {
            return Ok(by_insertion(keys));
        }
        Ok(ordered(keys.len(), &|a, b| {
            compare(keys[a].as_ref(), keys[b].as_ref())
        }))
    }
}

/// The order of texts; those that are equal stay as they are.
fn by_text(keys: Vec<String>) -> Vec<usize> {
    ordered(keys.len(), &|a, b| keys[a].cmp(&keys[b]))
}

/// Things in the order of a text of theirs.
pub fn by<T>(items: Vec<T>, key: &dyn Fn(&T) -> String) -> Vec<T> {
    let order = by_text(items.iter().map(key).collect());
    in_order(items, &order)
}

/// Things in an order: places in the list, each once.
fn in_order<T>(items: Vec<T>, order: &[usize]) -> Vec<T> {
    let mut items: Vec<_> = items.into_iter().map(Some).collect();
    let taken = order.iter().filter_map(|at| items.get_mut(*at)?.take());
    taken.collect()
}

/// One sort for all, as each kind of things would bring one of its own.
fn ordered(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|a, b| compare(*a, *b));
    order
}

/// The kind of a value that has no order, or of one unlike the others.
fn unsortable(keys: &[Option<Value>]) -> Option<&'static str> {
    let keys: Vec<_> = keys.iter().flatten().collect();
    let mut first = None;
    // One alone is not compared.
    for key in keys.iter().filter(|_| keys.len() > 1) {
        let kind = super::print::go::kind(key);
        let is_simple = key.is_number() || key.is_string() || key.is_null();
        if !is_simple || *first.get_or_insert(kind) != kind {
            return Some("interface");
        }
    }
    None
}

fn by_insertion(keys: &[Option<Value>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..keys.len()).collect();
    for end in 1..order.len() {
        for at in (1..=end).rev() {
            let is_less = match (&keys[order[at]], &keys[order[at - 1]]) {
                // Of two without the field, each is less than the other.
                (None, _) => true,
                (_, None) => false,
                (a, b) => compare(a.as_ref(), b.as_ref()).is_lt(),
            };
            if !is_less {
                break;
            }
            order.swap(at, at - 1);
        }
    }
    order
}

fn compare(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    let (Some(a), Some(b)) = (a, b) else {
        return a.is_some().cmp(&b.is_some());
    };
    match (a, b) {
        (Value::String(a), Value::String(b)) => match (quantity::nanos(a), quantity::nanos(b)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => a.cmp(b),
        },
        (Value::Number(x), Value::Number(y)) => match (x.as_i64(), y.as_i64()) {
            (Some(x), Some(y)) => x.cmp(&y),
            _ => x
                .as_f64()
                .partial_cmp(&y.as_f64())
                .unwrap_or(Ordering::Equal),
        },
        _ => a.is_null().cmp(&b.is_null()).reverse(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sorted(keys: &[Option<Value>]) -> Result<Vec<usize>, String> {
        let field = Field::parse(".a").unwrap();
        let items = keys
            .iter()
            .cloned()
            .enumerate()
            .map(|(index, key)| (key, index));
        field
            .sort(items.collect())
            .map_err(|failure| failure.text())
    }

    #[test]
    fn objects_are_sorted_by_a_field() {
        let keys = |values: &[Value]| values.iter().cloned().map(Some).collect::<Vec<_>>();
        assert_eq!(
            sorted(&keys(&[json!("b"), json!("a"), json!("c")])),
            Ok(vec![1, 0, 2])
        );
        assert_eq!(
            sorted(&keys(&[json!("1Gi"), json!("500Mi"), json!("2")])),
            Ok(vec![2, 1, 0])
        );
        assert_eq!(
            sorted(&keys(&[json!(10), json!(9), json!(-1)])),
            Ok(vec![2, 1, 0])
        );
        let many: Vec<_> = (0..20).rev().map(|number| Some(json!(number))).collect();
        assert_eq!(sorted(&many), Ok((0..20).rev().collect()));
    }

    #[test]
    fn those_without_the_field_come_first() {
        assert_eq!(sorted(&[Some(json!("a")), None, None]), Ok(vec![2, 1, 0]));
        let problem = "error: couldn't find any field with path \"{.a}\" in the list of objects\n";
        assert_eq!(sorted(&[None, None]).unwrap_err(), problem);
        assert!(sorted(&[Some(json!({})), Some(json!({}))]).is_err());
        assert_eq!(sorted(&[]), Ok(vec![]));
    }
}
