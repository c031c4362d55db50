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
),

restated as (
    select
        scope,
        report,
        day,
        count(*) as restatements,
        sum(rows_added + rows_removed + rows_changed)::bigint as late_change_rows,
    from ops.restatements
    group by scope, report, day
),

days as (
    select
        expected.scope,
        expected.report,
        expected.day,
        -- a list shows what is now: a day that was not asked for in its time can be had no more
        coalesce(report_days.state, if(expected.report = 'seats', 'no_report', 'missing')) as state,
        report_days.rows,
        report_days.files,
        report_days.bytes,
        report_days.unknown_fields,
        coalesce(report_days.attempts, 0) as attempts,
        report_days.first_seen_at,
        report_days.last_seen_at,
        report_days.loaded_at,
        report_days.last_error,
        report_days.is_first_look,
        coalesce(restated.restatements, 0) as restatements,
        coalesce(restated.late_change_rows, 0) as late_change_rows,
        expected.day > (now() at time zone 'UTC')::date - 3 as is_provisional,
        case
            when expected.report = 'user-teams-1-day' then date '2026-05-14'
            when expected.report = 'repos-1-day' then date '2026-07-14'
            when starts_with(expected.scope, 'enterprise.') then date '2025-10-10'
            else date '2025-12-12'
        end as github_first_day,
    from expected
    left join report_days
        on
            expected.scope = report_days.scope
            and expected.report = report_days.report
            and expected.day = report_days.day
    left join restated
        on
            expected.scope = restated.scope
            and expected.report = restated.report
            and expected.day = restated.day
)

select
    scope,
    report,
    day,

    state,
    case
        when state in ('failed', 'quarantined') then 'failed'
        when loaded_at is null and day < github_first_day then 'before_history'
        when state = 'no_report' and loaded_at is null then 'empty'
        when is_provisional then 'provisional'
        when loaded_at is null then 'missing'
        when rows = 0 then 'empty'
        else 'ok'
    end as coverage_state,

    rows,
    files,
    bytes,
    unknown_fields,
    attempts,
    restatements,
    late_change_rows,

    first_seen_at,
    last_seen_at,
    loaded_at,
    date_diff('minute', (day + 1)::timestamp, loaded_at) // 60 as lag_hours,
    last_error,

    loaded_at is not null as is_loaded,
    is_provisional,
    coalesce(is_first_look, false) as is_first_look,
    -- a first look is final only where GitHub has said, when the day was late already, that it has no file of its own
    coalesce(case
        when state = 'no_report' then true
        when state not in ('loaded', 'loaded_empty') then false
        when is_first_look then last_error is not null and last_seen_at::date - day > 7
        else last_seen_at::date - day >= 4
    end, false) as is_settled,
from days
order by scope, report, day
