-- one row per scope, calendar day and adoption phase, from the scope's first to its last loaded day
with
adoption_daily as (
    select scope, day, daily_active_users, days_covered_28d, is_provisional from marts.adoption_daily
),

people as (
    select scope, day, adoption_phase_number, recomputed_phase_number from core.fct_user_day_phase
    union all
    select '(all organizations)' as scope, day, adoption_phase_number, recomputed_phase_number
    from core.fct_user_day_phase
    where counts_in_all_organizations
),

pairs as (
    select scope, day, adoption_phase_number, recomputed_phase_number, count(*) as users
    from people
    where adoption_phase_number is not null
    group by scope, day, adoption_phase_number, recomputed_phase_number
),

-- everybody twice: under GitHub's phase and under the recomputed one
counts as (
    select
        scope,
        day,
        phase_number,
        sum(users) as users,
        sum(users_recomputed) as users_recomputed,
        sum(users_agreeing) as users_agreeing,
    from (
        select
            scope,
            day,
            adoption_phase_number as phase_number,
            users,
            0 as users_recomputed,
            if(adoption_phase_number = recomputed_phase_number, users, 0) as users_agreeing,
        from pairs
        union all
        select scope, day, recomputed_phase_number as phase_number, 0, users, 0 from pairs
    ) as both_phases
    group by scope, day, phase_number
),

phases as (
    select adoption_daily.scope, adoption_daily.day, known.phase_number
    from adoption_daily
    cross join seeds.adoption_phase as known
    union
    select scope, day, phase_number from counts
),

spread as (
    select
        phases.scope,
        phases.day,
        phases.phase_number,
        coalesce(counts.users, 0) as users,
        coalesce(counts.users_recomputed, 0) as users_recomputed,
        coalesce(counts.users_agreeing, 0) as users_agreeing,
        sum(counts.users) over (partition by phases.scope, phases.day) as users_with_phase,
    from phases
    left join counts
        on phases.scope = counts.scope and phases.day = counts.day and phases.phase_number = counts.phase_number
)

select
    spread.scope,
    spread.day,
    spread.phase_number,

    coalesce(known.phase_name, 'Phase ' || spread.phase_number) as phase_name,

    spread.users::bigint as users,
    coalesce(spread.users_with_phase, 0)::bigint as users_with_phase,
    spread.users / nullif(spread.users_with_phase, 0) as share_of_users,
    adoption_daily.daily_active_users as active_users,

    adoption_daily.days_covered_28d,
    if(adoption_daily.days_covered_28d = 28, spread.users_recomputed, null)::bigint as users_recomputed,
    if(adoption_daily.days_covered_28d = 28, spread.users_agreeing, null)::bigint as users_agreeing,

    adoption_daily.is_provisional,
from spread
inner join adoption_daily on spread.scope = adoption_daily.scope and spread.day = adoption_daily.day
left join seeds.adoption_phase as known on spread.phase_number = known.phase_number
order by spread.scope, spread.day, spread.phase_number
