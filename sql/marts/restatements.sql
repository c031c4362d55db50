-- one row per scope, report, day, time a restatement was seen, and measure
with
restatements as (select * from ops.restatements),

counters as (
    select *, unnest(map_keys(counters_before)) as measure from restatements
),

measures as (
    select
        scope,
        report,
        day,
        seen_at,
        measure,
        map_extract_value(counters_before, measure) as value_before,
        map_extract_value(counters_after, measure) as value_after,
        rows_added,
        rows_removed,
        rows_changed,
    from counters
    union all
    select
        scope,
        report,
        day,
        seen_at,
        'records' as measure,
        rows_before::decimal(38, 6) as value_before,
        rows_after::decimal(38, 6) as value_after,
        rows_added,
        rows_removed,
        rows_changed,
    from restatements
)

select
    scope,
    report,
    day,
    seen_at,
    measure,

    value_before::double as value_before,
    value_after::double as value_after,
    (value_after - value_before)::double as change,

    rows_added,
    rows_removed,
    rows_changed,
    date_diff('day', day, seen_at::date) as days_late,
from measures
order by scope, report, day, seen_at, measure
