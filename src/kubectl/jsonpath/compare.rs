//! Compares values in filters, as Go's templates do.

use std::cmp::Ordering;

use serde_json::Value;

/// Whether the operator holds between two values.
pub(super) fn holds(a: &Value, operator: &str, b: &Value) -> Result<bool, String> {
    let is_order = !matches!(operator, "==" | "!=");
    let order = compare(a, b, is_order)?;
    Ok(match operator {
        "==" => order.is_eq(),
        "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        _ => return Err(format!("unrecognized filter operator {operator}")),
    })
}

fn compare(a: &Value, b: &Value, is_order: bool) -> Result<Ordering, String> {
    let is_whole = |value: &Value| value.is_i64() || value.is_u64();
    match (a, b) {
        (Value::String(a), Value::String(b)) => Ok(a.cmp(b)),
        (Value::Bool(_), Value::Bool(_)) if is_order => {
            Err("invalid type for comparison".to_owned())
        }
        (Value::Bool(a), Value::Bool(b)) => Ok(a.cmp(b)),
        (Value::Number(x), Value::Number(y)) if is_whole(a) == is_whole(b) => {
            let order = match (x.as_i64(), y.as_i64()) {
                (Some(x), Some(y)) => Some(x.cmp(&y)),
                _ => x.as_f64().partial_cmp(&y.as_f64()),
            };
            Ok(order.unwrap_or(Ordering::Equal))
        }
        (Value::Array(_) | Value::Object(_) | Value::Null, _)
        | (_, Value::Array(_) | Value::Object(_) | Value::Null) => {
            Err("invalid type for comparison".to_owned())
        }
        _ => Err("incompatible types for comparison".to_owned()),
    }
}
