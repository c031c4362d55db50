-- one row per scope, day and adoption phase
with
phases as (
    select scope, day, user_id, adoption_phase_number, recomputed_phase_number, is_comparable
    from core.fct_user_day_phase
    union all
    select
        '(all organizations)' as scope,
        day,
        user_id,
        adoption_phase_number,
        recomputed_phase_number,
        is_comparable,
    from core.fct_user_day_phase
    where counts_in_all_organizations
),

reported as (
    select
        scope,
        day,
        adoption_phase_number as phase_number,
        count(*) as users,
        count(*) filter (where is_comparable) as comparable_users,
        count(*) filter (where is_comparable and recomputed_phase_number = adoption_phase_number) as agreeing_users,
    from phases
    group by scope, day, phase_number
),

recomputed as (
    select scope, day, recomputed_phase_number as phase_number, count(*) as users
    from phases
    where is_comparable
    group by scope, day, phase_number
),

totals as (
    select scope, day, count(*) as users_with_phase, bool_or(is_comparable) as is_comparable
    from phases
    group by scope, day
)

select
    totals.scope,
    totals.day,
    names.phase_number,

    names.phase,

    coalesce(reported.users, 0) as users,
    totals.users_with_phase,
    coalesce(reported.users, 0) / totals.users_with_phase as share_of_users,

    case when totals.is_comparable then coalesce(recomputed.users, 0) end as recomputed_users,
    case when totals.is_comparable then coalesce(reported.comparable_users, 0) end as comparable_users,
    case when totals.is_comparable then coalesce(reported.agreeing_users, 0) end as agreeing_users,
from totals
cross join (
    values (0::bigint, 'No Cohort'), (1, 'Phase 1'), (2, 'Phase 2'), (3, 'Phase 3')
) as names (phase_number, phase)
left join reported
    on totals.scope = reported.scope and totals.day = reported.day and names.phase_number = reported.phase_number
left join recomputed
    on totals.scope = recomputed.scope and totals.day = recomputed.day and names.phase_number = recomputed.phase_number
order by totals.scope, totals.day, names.phase_number
