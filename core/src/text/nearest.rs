//! Finds the nearest known name for a misspelt one.

/// Returns the name of `known` that is closest to `given`, if it is close enough to be the intended
/// one: about a third of its letters at most, or one of them, is inserted, removed, replaced or swapped with a neighbour.
pub fn name<'k>(given: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // A third, rounded to the nearest number.
    let allowed = |name: &str| ((name.len().max(given.len()) + 1) / 3).max(1);
    known
        .into_iter()
        // Each letter that only the longer name has is one edit.
        .filter(|name| name.len().abs_diff(given.len()) <= allowed(name))
        .map(|name| (distance(given.as_bytes(), name.as_bytes()), name))
        .filter(|(distance, name)| *distance <= allowed(name))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Returns the number of edits between two names (optimal string alignment).
fn distance(a: &[u8], b: &[u8]) -> usize {
    // A name that is longer than any known name is not compared letter by letter.
    if a.len() > 64 || b.len() > 64 {
        return usize::MAX;
    }
    // The first row and column count the letters to insert or remove. The loops below fill the
    // rest.
    let mut rows: Vec<Vec<usize>> = (0..=a.len()).map(|i| (i..=i + b.len()).collect()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_name_is_found_and_a_far_one_is_not_offered() {
        let known = ["users", "groups", "until", "reason", "audit"];
        assert_eq!(name("group", known), Some("groups"));
        assert_eq!(name("untill", known), Some("until"));
        assert_eq!(name("uesrs", known), Some("users"));
        assert_eq!(name("capabilities", known), None);
        assert_eq!(name("all", ["kill", "bpf", "mac_admin"]), None);
        assert_eq!(name("bp", ["kill", "bpf"]), Some("bpf"));
        assert_eq!(name("childs", ["deliver", "children", "bounding"]), Some("children"));
        assert_eq!(name(&"x".repeat(70_000), known), None);
    }
}
