"""Category 3: discounts at the opening and in the long run, campaigns and their lines, surges."""

from __future__ import annotations

from qsim.schema import CAMPAIGN_KINDS, DISCOUNTS
from qsim.validation.checks import Check, bounds, broken_rules, faults
from qsim.validation.prepared import LINES

# What each platform opens with, from its parameters: so many discounts, running lines included, as are free to be given.
_OPENING = """
    SELECT platform, depth AS mean_percent, count(*) AS listings, count(*) FILTER (discount > 0) AS discounted,
        count(*) FILTER (own > 0) AS own, avg(discount) FILTER (discount > 0) / 100 AS mean_depth,
        count(*) FILTER (own >= 3000) AS tail, any_value(by_unit) AS by_unit,
        CASE WHEN any_value(by_unit) THEN any_value(stores) ELSE 1 END AS together,
        greatest(any_value(depth_sd), stddev_samp(discount) FILTER (discount > 0) / 100) AS depth_sd,
        count(*) FILTER (discount > 0 AND leads) AS units,
        greatest(count(*) FILTER (line > 0), least(count(*) FILTER (is_active),
            round_even(count(*) * any_value(share) / 100, 0))) AS wanted,
        coalesce(sum(line) FILTER (line > 0), 0) / 100 AS line_percents
    FROM (SELECT s.*, p.depth, p.depth_sd, m.discounted_percent AS share, m.stores,
            (SELECT live FROM checked.laws WHERE epoch = 0) AND m.stores > 1 AS by_unit FROM checked.opening AS s
          JOIN checked.platforms AS p USING (platform), checked.market AS m)
    GROUP BY platform, depth"""
# A surge shows on loose produce when it has a size, and on packaged goods when it has a fee.
_SURGING = """
    SELECT t.epoch, any_value(p.surge_p) AS p, count(*) AS n, avg((s.surge + s.fee > 0)::INTEGER) AS share
    FROM checked.spaced AS t JOIN (SELECT * EXCLUDE (epoch) FROM checked.snapshots) AS s USING (tick)
    JOIN checked.epochs AS p USING (epoch)
    SEMI JOIN (FROM checked.laws WHERE turns AND NOT live) AS r USING (epoch)
    WHERE t.purpose = 'surge' AND s.is_active AND CASE WHEN s.is_loose THEN p.surge_low ELSE p.surge_fee END > 0
    GROUP BY t.epoch"""
_ON_SALE = """
    SELECT t.epoch, any_value(p.start_p / (p.start_p + p.end_p)) AS p, count(*) AS n, avg((s.own > 0)::INTEGER) AS share
    FROM checked.spaced AS t JOIN (SELECT * EXCLUDE (epoch) FROM checked.snapshots) AS s USING (tick)
    JOIN checked.epochs AS p USING (epoch)
    SEMI JOIN (FROM checked.laws WHERE turns AND NOT live) AS r USING (epoch)
    WHERE t.purpose = 'discount' AND s.is_active GROUP BY t.epoch"""


# Discounts of its own that a platform opens with, by depth, against their law's parts of them.
_BY_DEPTH = """
    SELECT platform, depth, n, any_value(by_unit) AS by_unit, weight AS p, count(o.platform) AS measured
    FROM (SELECT platform, count(*) FILTER (leads) AS n, any_value(m.stores) > 1 AND
            (SELECT live FROM checked.laws WHERE epoch = 0) AS by_unit
          FROM checked.opening, checked.market AS m WHERE own > 0 GROUP BY platform)
    CROSS JOIN (SELECT round_even(value * 100, 0) AS depth, sum(weight) AS weight
        FROM checked.sale_depths WHERE epoch = 0 GROUP BY ALL)
    LEFT JOIN (SELECT platform, own AS depth FROM checked.opening WHERE own > 0 AND leads) AS o
        USING (platform, depth) GROUP BY ALL"""


def _room(sd: str, count: str, mean: str) -> str:
    """Write what a mean of so many depths may be off by: four standard errors, and Bernstein's allowance for rare deep ones."""
    return f"4 * {sd} / sqrt({count}) + 16 * (50 - {mean}) / 6 / {count}"


def _share(source: str, what: str) -> str:
    return f"""SELECT '{what} in epoch ' || epoch || ' of ' || n AS what, 100 * share AS measured,
        100 * (p - checked.slack(n, p)) AS low, 100 * (p + checked.slack(n, p)) AS high FROM ({source}) ORDER BY epoch"""


_RUNNING_AT_0 = "checked.running(0, starts_second, duration_seconds, repeat_seconds, ends_second)"

# Ticks at which a campaign starts or stops, and its listings; every so many-th where they are very many.
_EDGES = """
    SELECT DISTINCT l.listing_id::INTEGER AS listing_id, t.tick::INTEGER AS tick
    FROM (SELECT tick, second, lag(second) OVER (ORDER BY tick) AS was FROM checked.clock) AS t JOIN raw.campaigns AS c
        ON checked.running(t.second, c.starts_second, c.duration_seconds, c.repeat_seconds, c.ends_second)
            <> checked.running(t.was, c.starts_second, c.duration_seconds, c.repeat_seconds, c.ends_second)
    JOIN raw.campaign_lines AS l USING (campaign_id) SEMI JOIN checked.listings USING (listing_id) WHERE t.tick > 0
    QUALIFY row_number() OVER (ORDER BY t.tick, l.listing_id) % greatest(1, count(*) OVER () // 1000000) = 0"""

CHECKS: tuple[Check, ...] = (
    bounds(
        "3.1",
        "At tick 0 exactly the given share of each platform's listings is discounted, running lines included.",
        "discounted_percent of the listings, to the listing; to the product where all dark stores of a platform have one sale",
        f"""SELECT platform AS what, discounted AS measured, floor(wanted / together) * together AS low,
            ceil(wanted / together) * together AS high FROM ({_OPENING}) ORDER BY platform""",
    ),
    bounds(
        "3.2",
        "At tick 0 the mean depth of each platform's discounts is the platform's.",
        "within 0.1 point; 0.5 under 50 discounts, whole percents being coarser; four standard errors, and Bernstein's allowance for"
        " rare deep ones, where all dark stores of a platform have one sale; no lower than running lines leave room for",
        f"""SELECT platform AS what, mean_depth AS measured, mean_percent - room AS low,
            greatest(mean_percent, (line_percents + own + CASE WHEN own >= 8 THEN 29 ELSE 0 END) / discounted) + room AS high
        FROM (SELECT *, CASE
                WHEN by_unit THEN 0.5 + {_room("depth_sd", "greatest(units, 1)", "mean_percent")}
                WHEN discounted >= 50 THEN 0.1 ELSE 0.5 END AS room FROM ({_OPENING})) WHERE discounted > 0
        ORDER BY platform""",
        too_few="no listing is discounted at tick 0",
        needs="NOT opened_by_law",
    ),
    bounds(
        "3.3",
        "At tick 0 each platform with eight or more discounts of its own has one of 30 % or more.",
        "at least 1",
        f"SELECT platform AS what, tail AS measured, 1 AS low, own AS high FROM ({_OPENING}) WHERE own >= 8 AND NOT by_unit"
        " ORDER BY platform",
        too_few="not enough discounts: a platform needs eight, drawn for each dark store apart",
        needs="NOT opened_by_law",
    ),
    bounds(
        "3.4",
        "In the long run the share of listings with a discount of their own is p / (p + q).",
        "percent within four standard deviations, in snapshots far enough apart to be independent",
        _share(_ON_SALE, "discounted"),
        too_few="not enough updates: every listing must have had so many that the opening is forgotten",
        sampled=True,
        needs="turns AND NOT live",
    ),
    bounds(
        "3.5",
        "Each platform has campaigns of all five kinds.",
        "5 kinds",
        f"""SELECT platform AS what, count(DISTINCT kind) FILTER (kind IN {CAMPAIGN_KINDS}) AS measured, 5 AS low, 5 AS high
        FROM raw.platforms LEFT JOIN raw.campaigns USING (platform_id) GROUP BY platform ORDER BY platform""",
    ),
    bounds(
        "3.6",
        "At tick 0 each platform has past, running and coming campaigns.",
        "at least 1 of each",
        f"""SELECT platform || ' ' || status AS what, count(c.campaign_id) AS measured, 1 AS low, 1000 AS high
        FROM raw.platforms CROSS JOIN (SELECT unnest(['past', 'running', 'coming']) AS status)
        LEFT JOIN (SELECT *, CASE WHEN {_RUNNING_AT_0} THEN 'running' WHEN ends_second <= 0 THEN 'past' ELSE 'coming' END
            AS status FROM raw.campaigns) AS c USING (platform_id, status) GROUP BY ALL ORDER BY what""",
    ),
    faults(
        "3.7",
        "Every campaign line is 20-50 % deep.",
        "SELECT campaign_id, listing_id, discount_bps FROM raw.campaign_lines WHERE discount_bps NOT BETWEEN 2000 AND 5000",
    ),
    faults(
        "3.8",
        "Every campaign line is of the campaign's platform and category, on a product that is on sale.",
        """SELECT l.campaign_id, l.listing_id, c.category FROM raw.campaign_lines AS l JOIN raw.campaigns AS c USING (campaign_id)
        JOIN raw.listings AS g USING (listing_id) JOIN raw.products AS p USING (product_id)
        WHERE g.platform_id <> c.platform_id OR NOT p.is_active OR (c.category <> '' AND c.category <> p.category)""",
    ),
    faults(
        "3.9",
        "While a line runs, every event of its listing is at least as deeply discounted.",
        "SELECT tick, listing_id, discount, line FROM checked.events WHERE discount < line",
        sampled=True,
    ),
    faults(
        "3.10",
        "While a line runs, every snapshot of its listing is at least as deeply discounted.",
        "SELECT tick, listing_id, discount, line FROM checked.snapshots WHERE discount < line AND is_active",
        sampled=True,
    ),
    faults(
        "3.11",
        "Each event's discount is the deeper of the listing's own, as its start and end say, and its line.",
        "SELECT tick, listing_id, discount, own, line FROM checked.events WHERE discount <> greatest(own, line)",
        sampled=True,
    ),
    faults(
        "3.12",
        "Each snapshot's discount and own discount are those that starts and ends say.",
        """SELECT tick, listing_id, discount, own_discount, own, line FROM checked.snapshots
        WHERE own_discount <> own OR discount <> CASE WHEN is_active THEN greatest(own, line) ELSE 0 END""",
        sampled=True,
    ),
    faults(
        "3.13",
        "A listing's own discounts do not overlap: each ends before the next starts, or where it has a set end, as it does.",
        """SELECT listing_id, tick, depth, was FROM (
            SELECT *, lag(depth, 1, 0) OVER (PARTITION BY listing_id ORDER BY tick, depth DESC) AS was FROM checked.own)
        LEFT JOIN checked.clock USING (tick) LEFT JOIN checked.laws USING (epoch)
        WHERE (depth > 0) = (was > 0) AND NOT (depth > 0 AND live IS TRUE)""",
        sampled=True,
    ),
    bounds(
        "3.14",
        "Discounts drawn while the market runs have the platform's mean depth.",
        "percent within four standard errors, and Bernstein's allowance for rare deep ones",
        f"""SELECT platform AS what, avg(depth) / 100 AS measured, mean - room AS low, mean + room AS high FROM (
            SELECT g.platform, o.depth, p.depth AS mean, count(*) OVER of_platform AS n,
                {_room("stddev_samp(o.depth) OVER of_platform / 100", "count(*) OVER of_platform", "p.depth")} AS room
            FROM checked.own AS o JOIN checked.listings AS g USING (listing_id) JOIN checked.platforms AS p USING (platform)
            JOIN checked.clock USING (tick) JOIN checked.laws USING (epoch)
            WHERE o.depth > 0 AND o.tick > 0 AND turns AND NOT live WINDOW of_platform AS (PARTITION BY g.platform))
        WHERE n >= 100 GROUP BY platform, mean, room ORDER BY platform""",
        too_few="not enough discounts started: a platform needs 100",
        sampled=True,
        needs="turns AND NOT live",
    ),
    bounds(
        "3.15",
        "The share of listings that surge is surge_probability.",
        "percent within four standard deviations, in snapshots a full round of updates apart",
        _share(_SURGING, "surging"),
        too_few="not enough updates, or surges that do not show",
        sampled=True,
        needs="turns AND NOT live",
    ),
    faults(
        "3.16",
        "Surges of loose produce have a size within the epoch's parameters, those of packaged goods its fee.",
        """SELECT tick, listing_id, is_loose, surge, fee FROM checked.events JOIN checked.epochs AS p USING (epoch)
        WHERE in_turn AND NOT live AND ((surge > 0 AND (NOT is_loose OR surge NOT BETWEEN p.surge_low AND p.surge_high))
            OR (fee > 0 AND (is_loose OR fee <> p.surge_fee)))""",
        sampled=True,
        needs="turns AND NOT live",
    ),
    faults(
        "3.17",
        "A surge begins, changes and ends only when its product has its turn.",
        "SELECT tick, listing_id, was_surge, surge, was_fee, fee FROM checked.events"
        " WHERE NOT in_turn AND NOT live AND (surge <> was_surge OR fee <> was_fee)",
        sampled=True,
        needs="turns AND NOT live",
    ),
    faults(
        "3.18",
        "Every rule of discounts holds, for own discounts and lines.",
        broken_rules(
            DISCOUNTS.rules,
            "(SELECT * FROM discounts SEMI JOIN checked.listings USING (listing_id))",
            ("listing_id", "campaign_id", "discount_pct", "starts_at", "ends_at"),
        ),
        sampled=True,
    ),
    bounds(
        "3.27",
        "At tick 0 the discounts of listings' own are as deep as the law of sales says.",
        "of each depth its part, to the listing; four standard deviations where all dark stores of a platform have one sale",
        f"""SELECT platform || ', ' || depth / 100 || ' percent, of ' || n AS what, measured,
            n * p - CASE WHEN by_unit THEN n * checked.slack(n, p) ELSE 1 END AS low,
            n * p + CASE WHEN by_unit THEN n * checked.slack(n, p) ELSE 1 END AS high FROM ({_BY_DEPTH})
        UNION ALL SELECT platform || ', other depths', count(*), 0, 0 FROM checked.opening WHERE own > 0 AND own NOT IN
            (SELECT round_even(value * 100, 0) FROM checked.sale_depths WHERE epoch = 0) GROUP BY platform ORDER BY what""",
        too_few="no listing is on sale at tick 0",
        needs="opened_by_law",
    ),
    faults(
        "3.29",
        "Every campaign has a name, and stock set aside for its listings.",
        "SELECT campaign_id, campaign, units_per_listing FROM raw.campaigns WHERE campaign = '' OR units_per_listing < 1",
    ),
    faults(
        "3.30",
        "Wherever a campaign starts or stops, its listings stand at the deeper of their own discount and the line that runs then.",
        f"""WITH edges AS ({_EDGES})
        SELECT b.tick, b.listing_id, e.discount, o.depth AS own, l.line FROM edges AS b
        LEFT JOIN ({LINES.format(rows="edges")}) AS l ON l.tick = b.tick AND l.listing_id = b.listing_id
        ASOF LEFT JOIN (FROM checked.own SEMI JOIN raw.campaign_lines USING (listing_id)) AS o
            ON o.listing_id = b.listing_id AND b.tick >= o.tick
        ASOF LEFT JOIN (FROM checked.states SEMI JOIN raw.campaign_lines USING (listing_id)) AS e
            ON e.listing_id = b.listing_id AND b.tick >= e.tick
        WHERE e.discount IS DISTINCT FROM coalesce(greatest(o.depth, l.line), 0)""",
        sampled=True,
    ),
    faults(
        "3.31",
        "Every campaign has the parameters' share of the goods at all dark stores of its platform, or as many as it may have:"
        " those on sale of its category, large packs in bulk; one that is not running at tick 0 has one at least.",
        f"""SELECT campaign_id, lines, due FROM (
            SELECT campaign_id, any_value(lines) AS lines, any_value(stores) * least(greatest(any_value(wanted), any_value(fewest)),
                coalesce(nullif(count(*) FILTER (may AND is_large), 0), count(*) FILTER (may))) AS due
            FROM (SELECT c.campaign_id, coalesce(l.lines, 0) AS lines, m.stores, c.kind <> 'bulk' OR g.pack_units >= 1 AS is_large,
                    g.is_active AND c.category IN ('', g.category) AS may,
                    round_even(campaign_share * (SELECT count(*) FROM raw.products), 0) AS wanted,
                    (campaign_share > 0 AND NOT {_RUNNING_AT_0})::BIGINT AS fewest
                  FROM raw.campaigns AS c LEFT JOIN (SELECT campaign_id, count(*) AS lines FROM raw.campaign_lines GROUP BY ALL) AS l
                    USING (campaign_id) CROSS JOIN raw.products AS g, checked.market AS m) GROUP BY campaign_id)
        WHERE lines <> due""",
    ),
)
