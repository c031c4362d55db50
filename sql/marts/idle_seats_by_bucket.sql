-- one row per scope, day and idle bucket of the seats that were listed
select
    scope,
    day,
    idle_bucket,

    count(*) as seats,
    count(pending_cancellation_date) as ending_seats,
    sum(count(*)) over (partition by scope, day)::bigint as seats_of_scope,
    count(*) / sum(count(*)) over (partition by scope, day) as share_of_seats,
from core.fct_seat_activity
group by scope, day, idle_bucket
order by scope, day, idle_bucket
