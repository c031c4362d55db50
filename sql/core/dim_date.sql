-- one row per calendar day, from the first day in the ledger to yesterday (UTC)
with
bounds as (
    select
        coalesce(min(day), (now() at time zone 'UTC')::date - 1) as first_day,
        greatest(coalesce(max(day), (now() at time zone 'UTC')::date - 1), (now() at time zone 'UTC')::date - 1)
            as last_day,
    from ops.report_days
),

days as (
    select unnest(generate_series(first_day, last_day, interval '1' day))::date as date_day from bounds
)

select
    date_day,

    isoyear(date_day) as iso_year,
    week(date_day) as iso_week,
    date_trunc('week', date_day)::date as week_start_monday,
    date_trunc('week', date_day + 1)::date - 1 as week_start_sunday,
    date_trunc('month', date_day)::date as month_start,
    isodow(date_day) as iso_weekday,
    isodow(date_day) >= 6 as is_weekend,
from days
order by date_day
