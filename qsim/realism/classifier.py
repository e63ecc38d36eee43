"""A classifier two-sample test: can short windows of prices be told from those of a real shop?

Lopez-Paz and Oquab (2017): train a classifier to tell two sets apart; an area under the ROC curve (AUC) of .5 means it
cannot, 1 that it always can. A window is one series' 14 daily or 16 weekly prices, described by features that do not
know the level of the price. It refuses to score; scikit-learn is loaded when a classifier is trained.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np

from qsim.arrays import F64, I32, I64, Mask
from qsim.errors import InputError, UsageError
from qsim.realism.movement import LARGE, SMALL
from qsim.realism.panel import WEEK, Panel, Words
from qsim.realism.sample import quotient

FEATURES = (
    "changes", "mean_size", "max_size", "decreases", "distinct", "at_mode", "drift", "sd", "consecutive", "aba",
    "max_square", "lag_product", "small", "large",
)  # fmt: skip
LENGTHS = {1: 14, WEEK: 16}
FOLDS, SEED, MOST = 5, 1, 2000
_LEAST = 20


def _windows(panel: Panel, changed_only: bool) -> tuple[I32, Words]:
    """Cut every series into windows side by side: prices [windows, length] and the item of each [windows].

    Windows with fewer than half of their steps observed are left out; on wish, those without a change too.
    """
    length = LENGTHS[panel.step_days]
    count = panel.price_paise.shape[1] // length
    prices = panel.price_paise[:, : count * length].reshape(-1, length)
    kept = 2 * (prices > 0).sum(axis=1) >= length
    if changed_only:
        kept &= prices.max(axis=1) > np.where(prices > 0, prices, prices.max(axis=1, keepdims=True)).min(axis=1)
    return prices[kept], np.repeat(panel.item, count)[kept]


def _filled(prices: I32) -> I32:
    """Put the last observed price, or before any the first, where a step is missing [windows, length]."""
    column = np.where(prices > 0, np.arange(prices.shape[1]), -1)
    first = (prices > 0).argmax(axis=1)
    last = np.maximum.accumulate(column, axis=1)
    return np.take_along_axis(prices, np.where(last < 0, first[:, None], last), axis=1)


def features(prices: I32) -> F64:
    """Describe windows [windows, length] of prices, 0 where missing, by `FEATURES` [windows, 14].

    Sizes are |log changes| d between observed prices: their number, mean, largest, share of decreases, largest d^2 and
    sum of products of neighbouring d over the sum of d^2, numbers <= .05 and > .20; distinct prices, share of steps at
    the commonest, log last/first, sd of the log price, changes on two steps running, and the share of pairs of
    consecutive changes of which the second undoes the first. What is undefined is 0.
    """
    full = _filled(prices)
    level = np.log(full)
    # Taken from the first price, or the rounding of a mean of equal logarithms would tell the level of the price.
    level -= level[:, :1]
    d = np.diff(level, axis=1)
    size, moved = np.abs(d), np.diff(full, axis=1) != 0
    number, energy = moved.sum(axis=1).astype(np.float64), (d * d).sum(axis=1)
    equal = full[:, :, None] == full[:, None, :]
    columns = [
        number,
        quotient(size.sum(axis=1), number),
        size.max(axis=1),
        quotient((d < 0).sum(axis=1).astype(np.float64), number),
        (1 / equal.sum(axis=2)).sum(axis=1).round(),
        equal.sum(axis=2).max(axis=1) / full.shape[1],
        level[:, -1] - level[:, 0],
        level.std(axis=1),
        (moved[:, 1:] & moved[:, :-1]).sum(axis=1),
        _undone(full, moved),
        quotient((d * d).max(axis=1), energy),
        quotient((d[:, 1:] * d[:, :-1]).sum(axis=1), energy),
        (moved & (size <= SMALL)).sum(axis=1),
        (size > LARGE).sum(axis=1),
    ]
    return np.nan_to_num(np.stack(columns, axis=1).astype(np.float64))


def _undone(full: I32, moved: Mask) -> F64:
    """Share of a window's pairs of consecutive changes that lead back to the price before the first [windows]."""
    window, step = np.nonzero(moved)
    pairs = window[1:] == window[:-1]
    back = pairs & (full[window[1:], step[1:] + 1] == full[window[:-1], step[:-1]])
    count = np.bincount(window[1:][pairs], minlength=len(full)).astype(np.float64)
    return quotient(np.bincount(window[1:][back], minlength=len(full)).astype(np.float64), count)


def _weekly(panel: Panel) -> Panel:
    """Take every seventh day of a daily panel, from its first on."""
    return replace(panel.columns(slice(None, None, WEEK)), step_days=WEEK)


def _matched(real: Panel, other: Panel, seed: int, changed_only: bool) -> tuple[F64, F64, Words]:
    """Pair windows of both sides at random: features of each, and the items of both, real ones first.

    As many of each side, at most `MOST`. Each window of a pair keeps only the steps that both have, so that what is
    missing tells nothing.
    """
    if real.step_days != other.step_days:
        if real.step_days == 1:
            raise InputError("classifier: the reference is daily, the other panel weekly; give a weekly reference")
        other = _weekly(other)
    random = np.random.Generator(np.random.Philox(seed))
    sides = [_windows(panel, changed_only) for panel in (real, other)]
    size = min(MOST, *(len(prices) for prices, _ in sides))
    chosen = [np.sort(random.permutation(len(prices))[:size]) for prices, _ in sides]
    chosen[1] = random.permutation(chosen[1])
    first, second = (prices[rows] for (prices, _), rows in zip(sides, chosen, strict=True))
    both = (first > 0) & (second > 0)
    usable = 2 * both.sum(axis=1) >= both.shape[1]
    if usable.sum() < _LEAST:
        length = both.shape[1]
        found = int(usable.sum())
        raise InputError(f"classifier: found {found} windows of {length} prices; needed are {_LEAST}; give longer data")
    items = np.concatenate([names[rows][usable] for (_, names), rows in zip(sides, chosen, strict=True)])
    return features((first * both)[usable]), features((second * both)[usable]), items


def _models(seed: int) -> dict[str, Any]:
    try:
        ensemble, linear = import_module("sklearn.ensemble"), import_module("sklearn.linear_model")
        pipeline, scaling = import_module("sklearn.pipeline"), import_module("sklearn.preprocessing")
    except ImportError:
        raise UsageError(
            "realism: scikit-learn is not installed; a reference needs it; run: pip install 'quickcommerce-sim[ml]'"
        ) from None
    boosted = ensemble.HistGradientBoostingClassifier(
        max_iter=100, learning_rate=0.1, max_leaf_nodes=15, early_stopping=False, random_state=seed
    )
    logistic = pipeline.make_pipeline(scaling.StandardScaler(), linear.LogisticRegression(max_iter=1000))
    return {"boosted": boosted, "logistic": logistic}


def _folds(items: Words, y: I64, seed: int) -> I64:
    """Give every window one of five folds, all windows of an item the same one; each its own where items are too few."""
    fewest = min(len(np.unique(items[y == side])) for side in (0, 1))
    names, code = np.unique(items if fewest >= FOLDS else np.arange(len(items)), return_inverse=True)
    random = np.random.Generator(np.random.Philox(seed))
    return (random.permutation(len(names)) % FOLDS)[code]


def auc(real: Panel, other: Panel, *, seed: int = SEED, changed_only: bool = False) -> dict[str, float]:
    """How well windows of two panels are told apart: AUC by gradient boosting and by logistic regression.

    Five folds by item, so that no item is in training and test at once (by window where a side has fewer than five
    items); the mean of the folds' AUC. `windows` is the number from each side. The same panels and seed give the same
    figures. The reference goes first: where it is weekly, every seventh day of a daily panel is compared. With
    `changed_only`, windows without any change are left out of both sides: in a shop that seldom changes prices they are
    most, and all alike.
    """
    first, second, items = _matched(real, other, seed, changed_only)
    models = _models(seed)
    metric = import_module("sklearn.metrics")
    x, y = np.concatenate([first, second]), np.repeat([0, 1], [len(first), len(second)])
    fold = _folds(items, y, seed)
    figures: dict[str, list[float]] = {name: [] for name in models}
    for number in range(FOLDS):
        test = fold == number
        if len(np.unique(y[test])) < 2 or len(np.unique(y[~test])) < 2:
            continue
        for name, model in models.items():
            # Small data on several threads spend their time waiting for each other.
            with import_module("threadpoolctl").threadpool_limits(1):
                guessed = model.fit(x[~test], y[~test]).predict_proba(x[test])[:, 1]
            figures[name].append(float(metric.roc_auc_score(y[test], guessed)))
    if not figures["boosted"]:
        raise InputError("classifier: the items are too few for five folds; give data with more items")
    return {name: float(np.mean(found)) for name, found in figures.items()} | {"windows": len(first)}


def floor(real: Panel, *, seed: int = SEED, changed_only: bool = False) -> dict[str, float]:
    """AUC of a panel against itself, half of its items against the other half: what no difference looks like."""
    names, code = np.unique(real.item, return_inverse=True)
    if len(names) < 2 * FOLDS:
        raise InputError(f"classifier: found {len(names)} items; a floor needs {2 * FOLDS}; give more items")
    random = np.random.Generator(np.random.Philox(seed))
    half = (random.permutation(len(names)) < len(names) // 2)[code]
    return auc(real.rows(half), real.rows(~half), seed=seed, changed_only=changed_only)
