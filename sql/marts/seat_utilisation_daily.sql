-- one row per scope and day whose seats were listed
with
listed as (
    select scope, day from ops.report_days where report = 'seats' and loaded_at is not null
),

scopes as (
    select scope, day, 1 as organizations from listed
    union all
    select '(all organizations)' as scope, day, count(*) as organizations from listed group by day
),

covered as (
    select scope, day from ops.report_days where report = 'users-1-day' and loaded_at is not null
    union
    select '(all organizations)' as scope, day
    from ops.report_days
    where report = 'users-1-day' and loaded_at is not null and not starts_with(scope, 'enterprise.')
),

coverage as (
    select
        scopes.scope,
        scopes.day,
        count(covered.day) as days_covered_28d,
    from scopes
    left join covered
        on scopes.scope = covered.scope and covered.day between scopes.day - 27 and scopes.day
    group by scopes.scope, scopes.day
),

counted as (
    select
        scopes.scope,
        scopes.day,
        scopes.organizations,
        count(seats.user_id) as seats,
        count(seats.pending_cancellation_date) as ending_seats,
        count(*) filter (where seats.last_active_day = seats.day) as active_seats,
        count(*) filter (where seats.last_active_day > seats.day - 7) as active_seats_7d,
        count(*) filter (where seats.last_active_day > seats.day - 28) as active_seats_28d,
        count(*) filter (where seats.days_idle < 28) as seen_seats_28d,
        count(*) filter (where seats.idle_bucket = 'never') as never_active_seats,
    from scopes
    left join core.fct_seat_activity as seats on scopes.scope = seats.scope and scopes.day = seats.day
    group by scopes.scope, scopes.day, scopes.organizations
)

select
    counted.scope,
    counted.day,

    counted.organizations,
    counted.seats,
    counted.ending_seats,
    counted.active_seats,
    counted.active_seats_7d,
    counted.active_seats_28d,
    counted.seen_seats_28d,
    counted.never_active_seats,

    counted.active_seats_28d / nullif(counted.seats, 0) as utilisation_28d,
    counted.seen_seats_28d / nullif(counted.seats, 0) as seen_share_28d,
    counted.never_active_seats / nullif(counted.seats, 0) as never_active_share,
    coverage.days_covered_28d,
from counted
inner join coverage on counted.scope = coverage.scope and counted.day = coverage.day
order by counted.scope, counted.day
