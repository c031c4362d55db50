-- one row per scope, day, phase 28 days earlier and phase on the day
with
phases as (
    select scope, day, user_id, adoption_phase_number
    from core.fct_user_day_scoped
    where adoption_phase_number is not null
),

-- the phase 28 days earlier is that of the person's latest row in the week that ends then
earlier as (
    select
        scope,
        user_id,
        day,
        adoption_phase_number,
        lead(day) over (partition by scope, user_id order by day) as next_day,
    from phases
),

moves as (
    select
        phases.scope,
        phases.day,
        earlier.adoption_phase_number as from_phase_number,
        phases.adoption_phase_number as to_phase_number,
    from phases
    inner join earlier
        on
            phases.scope = earlier.scope
            and phases.user_id = earlier.user_id
            and earlier.day between phases.day - 34 and phases.day - 28
            and (earlier.next_day is null or earlier.next_day > phases.day - 28)
)

select
    scope,
    day,
    from_phase_number,
    to_phase_number,

    count(*) as users,
from moves
group by scope, day, from_phase_number, to_phase_number
order by scope, day, from_phase_number, to_phase_number
