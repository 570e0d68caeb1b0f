//! The forms of descriptions, by name. Data only; [`super::page`] says what it means.

mod kinds;
mod others;
mod pods;
mod volumes;

/// A name and its lines.
pub(super) type Form = (&'static str, &'static str);

/// The lines of a form; none if there is none of that name.
pub(super) fn named(name: &str) -> &'static str {
    let mut all = pods::FORMS.iter().chain(kinds::FORMS).chain(others::FORMS);
    all.find(|(known, _)| *known == name)
        .map_or("", |(_, lines)| lines)
}

/// The field by which a volume says what it is, and the form for it. Some say more of a
/// volume that exists by itself.
pub(super) fn volume(has: &dyn Fn(&str) -> bool, is_persistent: bool) -> Option<&'static Form> {
    let own = volumes::PERSISTENT.iter().filter(|_| is_persistent);
    own.chain(volumes::FORMS).find(|(name, _)| has(name))
}
