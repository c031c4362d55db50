-- one row per scope, report, field and kind of change
with
drift as (select * from ops.schema_drift),

newest as (
    select scope, report, max(day) as day
    from ops.report_days
    where rows > 0
    group by scope, report
)

select
    drift.scope,
    drift.report,
    drift.path,
    drift.change,

    drift.json_type,
    drift.first_day,
    drift.last_day,

    drift.days,
    drift.records,

    drift.last_day >= newest.day as is_current,
from drift
inner join newest
    on
        drift.scope = newest.scope
        and drift.report = newest.report
order by drift.scope, drift.report, drift.path, drift.change
