//! Label selectors.

use crate::field::{Field, FieldError};
use heddle_model::Name;
use heddle_model::labels::{LabelCondition, Labels, Selector};
use std::collections::BTreeSet;

/// Reads a selector with labels and expressions. One that is not understood selects nothing that can be named.
pub(super) fn selector(place: &Field<'_>) -> Result<Selector, FieldError> {
    place.only(&["matchLabels", "matchExpressions"])?;
    let labels = place.get("matchLabels").map_or(Ok(Labels::new()), |labels| labels.labels())?;
    let list = place.get("matchExpressions").map_or(Ok(Vec::new()), |list| list.list())?;
    let conditions = list.iter().map(condition).collect::<Result<_, _>>()?;
    Ok(Selector { labels, conditions })
}

fn condition(place: &Field<'_>) -> Result<(Name, LabelCondition), FieldError> {
    place.only(&["key", "operator", "values"])?;
    let key = place.need("key")?.name()?.into();
    let values = place.get("values").map_or(Ok(Vec::new()), |values| values.list())?;
    let values: BTreeSet<Name> =
        values.iter().map(|value| value.text().map(Name::from)).collect::<Result<_, _>>()?;
    let operator = place.need("operator")?;
    let condition = match (operator.text()?, values.is_empty()) {
        ("In", false) => LabelCondition::In(values),
        ("NotIn", false) => LabelCondition::NotIn(values),
        ("Exists", true) => LabelCondition::Exists,
        ("DoesNotExist", true) => LabelCondition::DoesNotExist,
        _ => {
            return Err(operator.wrong(format!(
                "{} is none of In and NotIn with values, Exists and DoesNotExist without",
                operator.shown()
            )));
        }
    };
    Ok((key, condition))
}
