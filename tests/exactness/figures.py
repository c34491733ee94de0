"""How exact learned sets are: each is compared with the nearest minimal set."""

import cases

NO_ANSWER = "no answer"


def nearest(learned: frozenset, sets: list) -> frozenset:
    return min(sets, key=lambda one: (len(one ^ learned), len(one - learned)))


def words(names) -> str:
    return " ".join(sorted(names)) or cases.NEEDS_NOTHING


def learned_set(text: str) -> frozenset | None:
    """Returns what a table says was learned, or None if the learner had no answer."""
    return None if text == NO_ANSWER else cases.sets_of(text)[0]


def difference(learned: frozenset | None, sets: list) -> tuple:
    """Returns what is missing in a learned set, and what is extra. Without an answer, the smallest minimal set is missing."""
    if learned is None:
        return min(sets, key=len), frozenset()
    true = nearest(learned, sets)
    return true - learned, learned - true


def summary(pairs: list) -> list:
    """Returns the figures of pairs of minimal sets and a learned set, as lines."""
    found = lacking = false = wrong = right = needing = silent = 0
    for sets, learned in pairs:
        missing, extra = difference(learned, sets)
        needing += frozenset() not in sets
        silent += learned is None
        lacking += len(missing)
        found += 0 if learned is None else len(nearest(learned, sets) & learned)
        false += len(extra)
        wrong += bool(extra)
        right += learned in sets
    return [
        f"{len(pairs)} cases, of which {needing} need capabilities; the learner has no answer for {silent}",
        f"recall: {found} of {found + lacking} capabilities",
        f"false capabilities: {false} in {wrong} cases",
        f"exact: {right} of {len(pairs)}",
    ]
