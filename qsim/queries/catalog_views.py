"""The SQL of the views of what a market is made of."""

from __future__ import annotations

from qsim.queries.texts import letters_of, rupees


def catalog_views() -> list[str]:
    """Views of what a market is made of."""
    return [
        f"""CREATE OR REPLACE VIEW platforms AS SELECT platform_id, platform, name, low_percent, high_percent,
            average_discount_percent, {rupees("delivery_fee_paise")} AS delivery_fee, {rupees("handling_fee_paise")} AS handling_fee,
            {rupees("free_delivery_from_paise")} AS free_delivery_from, {rupees("minimum_order_paise")} AS minimum_order,
            raw.is_open(platform, raw.head_tick()) AS is_open FROM raw.platforms""",
        "CREATE OR REPLACE VIEW categories AS SELECT * FROM raw.categories",
        "CREATE OR REPLACE VIEW brands AS SELECT * FROM raw.brands",
        """CREATE OR REPLACE VIEW calendar AS SELECT entry_id, name, date, days, from_hour, to_hour, city, demand, sales,
            (deeper_bps * 0.01)::DECIMAL(5, 2) AS deeper_pct FROM raw.calendar""",
        f"""CREATE OR REPLACE VIEW products AS SELECT product_id, product, brand, category, subcategory, pack, unit, pack_units,
            volatility_group, {rupees("base_price_paise")} AS base_price, {rupees("nullif(mrp_paise, 0)")} AS mrp, is_loose,
            is_active FROM raw.products""",
        f"""CREATE OR REPLACE VIEW raw.searchable AS
            SELECT product_id, {letters_of("product || ' ' || brand")} AS words FROM raw.products""",
        """CREATE OR REPLACE VIEW stores AS SELECT store_id, platform, city, pincode, area
            FROM raw.stores JOIN raw.platforms USING (platform_id)""",
        f"""CREATE OR REPLACE VIEW raw.goods AS SELECT product_id, product, brand, category, subcategory, volatility_group, pack,
            unit, pack_units, {rupees("nullif(mrp_paise, 0)")} AS mrp, is_loose, is_active, mrp_discount_bps FROM raw.products""",
        """CREATE OR REPLACE VIEW raw.doors AS SELECT store_id, platform, city, pincode
            FROM raw.stores JOIN raw.platforms USING (platform_id)""",
        """CREATE OR REPLACE VIEW raw.named AS SELECT * EXCLUDE (platform_id, stock)
            FROM raw.listings JOIN raw.goods USING (product_id) JOIN raw.doors USING (store_id)""",
        f"""CREATE OR REPLACE VIEW listings AS SELECT listing_id, product_id, platform, store_id, city, pincode,
            {rupees("anchor_price_paise")} AS anchor_price, {rupees("unit_cost_paise")} AS unit_cost, mrp FROM raw.named""",
        """CREATE OR REPLACE VIEW campaigns AS SELECT campaign_id, campaign, kind, platform, category,
            second_time(starts_second) AS starts_at, CASE WHEN repeat_seconds = 0 THEN second_time(ends_second) END AS ends_at,
            duration_seconds, repeat_seconds,
            CASE WHEN raw.head_second() >= ends_second THEN 'past'
                 WHEN raw.head_second() >= starts_second AND duration_seconds > CASE WHEN repeat_seconds > 0
                      THEN (raw.head_second() - starts_second) % repeat_seconds ELSE raw.head_second() - starts_second END
                 THEN 'running'
                 ELSE 'coming' END AS status, units_per_listing
            FROM raw.campaigns JOIN raw.platforms USING (platform_id)""",
    ]
