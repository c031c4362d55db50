-- one row per scope, report and expected day, from the first day in the ledger to yesterday (UTC)
with
report_days as (select * from ops.report_days),

histories as (
    select scope, report, min(day) as first_day from report_days group by scope, report
),

expected as (
    select histories.scope, histories.report, dates.date_day as day
    from histories
    inner join core.dim_date as dates on histories.first_day <= dates.date_day
)

select
    expected.scope,
    expected.report,
    expected.day,

    coalesce(report_days.state, 'missing') as state,

    report_days.rows,
    report_days.files,
    report_days.bytes,
    report_days.unknown_fields,
    coalesce(report_days.attempts, 0) as attempts,

    report_days.first_seen_at,
    report_days.last_seen_at,
    report_days.loaded_at,
    report_days.last_error,

    report_days.loaded_at is not null as is_loaded,
    expected.day > (now() at time zone 'UTC')::date - 3 as is_provisional,
    coalesce(
        report_days.state = 'no_report'
        or (
            report_days.state in ('loaded', 'loaded_empty')
            and report_days.last_seen_at::date - expected.day >= 4
        ),
        false
    ) as is_settled,
from expected
left join report_days
    on
        expected.scope = report_days.scope
        and expected.report = report_days.report
        and expected.day = report_days.day
order by expected.scope, expected.report, expected.day
