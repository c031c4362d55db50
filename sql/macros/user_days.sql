-- The days of one person over all organizations, found by any login the person ever had.
create or replace macro user_days(login, from_day := date '2025-01-01', to_day := date '2999-12-31') as table
select
    people.day,
    people.user_id,
    people.user_login,
    people.organization_count,
    people.user_initiated_interaction_count,
    people.code_generation_activity_count,
    people.code_acceptance_activity_count,
    people.loc_added_sum,
    people.ai_credits_used,
    people.is_engaged
from core.fct_user_day_deduped as people
where
    people.day between from_day and to_day
    and people.user_id in (
        select logins.user_id from core.dim_user_history as logins where lower(logins.user_login) = lower(login)
    )
order by people.day
