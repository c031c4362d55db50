-- one row per scope, day, earlier phase and phase of the day that anybody went between
with
people as (
    select scope, day, user_id, adoption_phase_number
    from core.fct_user_day_scoped
    where adoption_phase_number is not null
),

-- the earlier phase is that of the latest row from 35 to 28 days before
moves as (
    select
        scope,
        day,
        last_value(adoption_phase_number) over (
            partition by scope, user_id
            order by day
            range between interval '35' day preceding and interval '28' day preceding
        ) as from_phase_number,
        adoption_phase_number as to_phase_number,
    from people
),

counts as (
    select scope, day, from_phase_number, to_phase_number, count(*) as users
    from moves
    where from_phase_number is not null
    group by scope, day, from_phase_number, to_phase_number
)

select
    scope,
    day,
    from_phase_number,
    to_phase_number,

    users,
    (sum(users) over (partition by scope, day, from_phase_number))::bigint as users_of_from_phase,
    users / sum(users) over (partition by scope, day, from_phase_number) as share_of_from_phase,
from counts
order by scope, day, from_phase_number, to_phase_number
