import numpy as np

from pellucid.maths.conditional_draws import DrawKeys, Reservoir, compose, draw_keys, pack

RULES = [(), ((0, 1, 2),), ((0, 1, 2), (2, 3, 3)), ((1, 0, 0), (2, 1, 2))]


def setting(rows=300, draws=4000, seed=0):
    rng = np.random.default_rng(seed)
    codes = rng.normal(size=(rows, 3)).round(1)
    bins = np.stack([np.digitize(c, [-0.6, 0.0, 0.6]) for c in codes.T], axis=1).astype(np.int32)
    held = Reservoir(codes=codes, bins=bins)
    return held, rng.integers(rows, size=draws), rng.random((draws, 3))


def drawn(held, start, uniform, rule, places):
    which = np.zeros(len(places), dtype=np.int64)
    return compose(
        *(pack([rule]), which, places, start, uniform),
        *(held.bins, held.codes, held.ordered, held.starts),
    )


def test_draws_meet_the_rule_and_keep_what_it_does_not_speak_of():
    held, start, uniform = setting()
    for rule in RULES:
        rows = drawn(held, start, uniform, rule, np.arange(4000))
        bins = np.stack([np.digitize(c, [-0.6, 0.0, 0.6]) for c in rows.T], axis=1)
        for column in range(3):
            limit = [each for each in rule if each[0] == column]
            own = held.codes[start, column]
            if not limit:
                assert np.array_equal(rows[:, column], own)
                continue
            _, first, last = limit[0]
            assert np.all((bins[:, column] >= first) & (bins[:, column] <= last))
            kept = (held.bins[start, column] >= first) & (held.bins[start, column] <= last)
            assert np.array_equal(rows[kept, column], own[kept])


def test_new_values_are_those_of_the_background_that_keep_the_rule():
    held, start, uniform = setting(draws=40_000)
    rows = drawn(held, start, uniform, ((0, 1, 2),), np.arange(40_000))
    new = rows[~np.isin(held.bins[start, 0], [1, 2]), 0]
    values, often = np.unique(new, return_counts=True)
    pool = held.codes[np.isin(held.bins[:, 0], [1, 2]), 0]
    assert np.array_equal(values, np.unique(pool))
    shares = np.array([np.mean(pool == value) for value in values])
    assert np.all(np.abs(often / len(new) - shares) < 5 * np.sqrt(shares / len(new)))


def test_one_name_is_one_row_and_other_rows_have_other_names():
    held, start, uniform = setting(draws=500)
    which = np.repeat(np.arange(len(RULES)), 500)
    places = np.tile(np.arange(500), len(RULES))
    keys = draw_keys(pack(RULES), which, places, start, held.bins)
    rows = np.concatenate([drawn(held, start, uniform, rule, np.arange(500)) for rule in RULES])
    for key in np.unique(keys):
        assert len(np.unique(rows[keys == key], axis=0)) == 1
    assert len(np.unique(keys)) >= len(np.unique(rows, axis=0))
    assert len(np.unique(keys)) < 0.8 * len(keys)


def test_names_are_numbered_in_the_order_in_which_they_come():
    rng = np.random.default_rng(0)
    known, numbered = {}, DrawKeys()
    for _ in range(5):
        keys = rng.integers(20_000, size=9000).astype(np.uint64) * np.uint64(2**33 + 2)
        numbers, fresh = numbered.number(keys)
        wanted = [known.setdefault(int(key), len(known)) for key in keys]
        assert numbers.tolist() == wanted
        assert numbered.known == len(known)
        assert np.array_equal(
            np.sort(numbers[fresh]), np.arange(len(known) - len(fresh), len(known))
        )


def test_a_limit_that_no_row_meets_is_known():
    held, _, _ = setting()
    assert held.holds_any((0, 0, 0))
    assert not held.holds_any((0, 9, 9))
