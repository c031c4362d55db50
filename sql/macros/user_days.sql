-- The days of one person, each once over all organizations, found by any login the person ever had, in upper or lower
-- case. A login that went to somebody else finds both: see user_id.
create or replace macro user_days(login, from_day := date '2025-01-01', to_day := date '2999-12-31') as table
select
    days.day,
    days.user_id,
    days.user_login,
    days.organization_count,
    days.user_initiated_interaction_count,
    days.code_generation_activity_count,
    days.code_acceptance_activity_count,
    days.loc_added_sum,
    days.loc_deleted_sum,
    days.ai_credits_used,
    days.is_engaged
from (
    select
        people.*,
        count(*) filter (where not starts_with(people.scope, 'enterprise.'))
            over (partition by people.day, people.user_id) as organization_count,
        row_number() over (
            partition by people.day, people.user_id
            order by people.counts_in_all_organizations desc, people.scope asc
        ) as place
    from core.fct_user_day as people
    where
        people.day between from_day and to_day
        and people.user_id in (
            select logins.user_id from core.dim_user_history as logins where lower(logins.user_login) = lower(login)
        )
) as days
where days.place = 1
order by days.day, days.user_id
