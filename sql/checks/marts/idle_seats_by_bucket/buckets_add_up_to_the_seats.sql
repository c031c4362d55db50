-- the buckets of a scope and day add up to its seats
with
buckets as (
    select scope, day, sum(seats) as seats from marts.idle_seats_by_bucket group by scope, day
)

select days.scope, days.day
from marts.seat_utilisation_daily as days
full join buckets on days.scope = buckets.scope and days.day = buckets.day
where coalesce(buckets.seats, 0) is distinct from days.seats
