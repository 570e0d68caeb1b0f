//! The difference of two texts in the unified form. Pure.
//!
//! The way is that of E. Myers' difference algorithm of 1986.

/// Lines of context.
const CONTEXT: usize = 3;
/// Changed lines up to which the shortest difference is looked for: memory grows with
/// their square.
const MOST_CHANGES: usize = 600;

/// A line, and where it stands: in both (` `), or in the first (`-`) or second (`+`) only.
type Line<'a> = (char, &'a str);

/// The hunks; empty if the texts are the same.
pub(super) fn unified(old: &str, new: &str) -> String {
    let lines = script(&lines(old), &lines(new));
    let is_change = |at: &usize| lines.get(*at).is_some_and(|line| line.0 != ' ');
    let mut text = String::new();
    let (mut done, mut places) = (0, [1, 1]);
    while let Some(first) = (done..lines.len()).find(is_change) {
        let mut last = first;
        while let Some(next) = (last + 1..=last + 2 * CONTEXT + 1).find(is_change) {
            last = next;
        }
        let start = first.saturating_sub(CONTEXT).max(done);
        let end = (last + CONTEXT + 1).min(lines.len());
        count(&lines[done..start], &mut places);
        let hunk = &lines[start..end];
        let before = places;
        count(hunk, &mut places);
        let [old, new] = [0, 1].map(|side| span(before[side], places[side] - before[side]));
        text.push_str(&format!("@@ -{old} +{new} @@\n"));
        for (sign, line) in hunk {
            text.push(*sign);
            text.push_str(line);
            text.push('\n');
        }
        done = end;
    }
    text
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

/// Moves on in both texts.
fn count(lines: &[Line<'_>], places: &mut [usize; 2]) {
    for (sign, _) in lines {
        places[0] += usize::from(*sign != '+');
        places[1] += usize::from(*sign != '-');
    }
}

/// `5,3`; an empty one stands behind the line before.
fn span(start: usize, count: usize) -> String {
    match count {
        0 => format!("{},0", start - 1),
        1 => start.to_string(),
        _ => format!("{start},{count}"),
    }
}

/// Both texts in one; of what changed at once the old lines first.
fn script<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = old.iter().zip(new).take_while(same).count();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev());
    let tail = tail.take_while(same).count();
    let a = &old_rest[..old_rest.len() - tail];
    let b = &new_rest[..new_rest.len() - tail];
    let equal = |lines: &[&'a str]| lines.iter().map(|line| (' ', *line)).collect::<Vec<_>>();
    let mut all = equal(&old[..head]);
    let middle = shortest(a, b).unwrap_or_else(|| {
        let removed = a.iter().map(|line| ('-', *line));
        removed.chain(b.iter().map(|line| ('+', *line))).collect()
    });
    for run in middle.chunk_by(|a, b| (a.0 == ' ') == (b.0 == ' ')) {
        all.extend(run.iter().filter(|line| line.0 != '+'));
        all.extend(run.iter().filter(|line| line.0 == '+'));
    }
    all.extend(equal(&old[old.len() - tail..]));
    all
}

/// The shortest way from one to the other; none if it is too long.
fn shortest<'a>(a: &[&'a str], b: &[&'a str]) -> Option<Vec<Line<'a>>> {
    let most = (a.len() + b.len()).min(MOST_CHANGES);
    // How far each diagonal gets; the middle one is that of equal lines from the start.
    let middle = most + 1;
    let mut reach = vec![0; 2 * middle + 1];
    let mut rounds = Vec::new();
    for changes in 0..=most {
        rounds.push(reach[middle - changes..=middle + changes].to_vec());
        for diagonal in (middle - changes..=middle + changes).step_by(2) {
            let is_first = diagonal == middle - changes;
            let is_last = diagonal == middle + changes;
            let adds = is_first || (!is_last && reach[diagonal - 1] < reach[diagonal + 1]);
            let mut x = if adds {
                reach[diagonal + 1]
            } else {
                reach[diagonal - 1] + 1
            };
            let mut y = x + middle - diagonal;
            while x < a.len() && y < b.len() && a[x] == b[y] {
                (x, y) = (x + 1, y + 1);
            }
            reach[diagonal] = x;
            if x >= a.len() && y >= b.len() {
                return Some(way(a, b, &rounds));
            }
        }
    }
    None
}

/// Goes back through the rounds.
fn way<'a>(a: &[&'a str], b: &[&'a str], rounds: &[Vec<usize>]) -> Vec<Line<'a>> {
    let (mut x, mut y) = (a.len(), b.len());
    let mut lines = Vec::new();
    for (changes, reach) in rounds.iter().enumerate().skip(1).rev() {
        let diagonal = changes + x - y;
        let is_first = diagonal == 0;
        let is_last = diagonal == 2 * changes;
        let adds = is_first || (!is_last && reach[diagonal - 1] < reach[diagonal + 1]);
        let from = if adds { diagonal + 1 } else { diagonal - 1 };
        let (old_x, old_y) = (reach[from], reach[from] + changes - from);
        while x > old_x && y > old_y {
            (x, y) = (x - 1, y - 1);
            lines.push((' ', a[x]));
        }
        lines.push(if adds {
            ('+', b[old_y])
        } else {
            ('-', a[old_x])
        });
        (x, y) = (old_x, old_y);
    }
    lines.extend(a[..x].iter().rev().map(|line| (' ', *line)));
    lines.reverse();
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hunks_are_those_of_diff() {
        let numbers = |from: u32, to: u32| (from..=to).map(|n| format!("{n}\n")).collect();
        let old: String = numbers(1, 20);
        let changed = old.replace("\n2\n", "\ntwo\n").replace("\n7\n", "\n");
        assert_eq!(
            unified(&old, &changed),
            "@@ -1,10 +1,9 @@\n 1\n-2\n+two\n 3\n 4\n 5\n 6\n-7\n 8\n 9\n 10\n"
        );
        let far = old.replace("\n2\n", "\n").replace("\n19\n", "\n19\n19.5\n");
        assert_eq!(
            unified(&old, &far),
            "@@ -1,5 +1,4 @@\n 1\n-2\n 3\n 4\n 5\n@@ -17,4 +16,5 @@\n 17\n 18\n 19\n+19.5\n 20\n"
        );
        assert_eq!(unified("", "a\nb\n"), "@@ -0,0 +1,2 @@\n+a\n+b\n");
        assert_eq!(unified("a\n", ""), "@@ -1 +0,0 @@\n-a\n");
        assert_eq!(unified(&old, &old), "");
    }

    #[test]
    fn what_differs_too_much_is_replaced() {
        let text = |word: &str| {
            (0..1000)
                .map(|n| format!("{word}{n}\n"))
                .collect::<String>()
        };
        let difference = unified(&text("a"), &text("b"));
        assert!(difference.starts_with("@@ -1,1000 +1,1000 @@\n-a0\n-a1\n"));
        assert!(difference.ends_with("+b998\n+b999\n"));
    }

    proptest! {
        #[test]
        fn both_texts_are_in_the_script(old in "[ab\n]{0,40}", new in "[ab\n]{0,40}") {
            let script = script(&lines(&old), &lines(&new));
            let side = |other: char| {
                let kept = script.iter().filter(|line| line.0 != other);
                kept.map(|line| line.1).collect::<Vec<_>>()
            };
            prop_assert_eq!(side('+'), lines(&old));
            prop_assert_eq!(side('-'), lines(&new));
        }
    }
}
