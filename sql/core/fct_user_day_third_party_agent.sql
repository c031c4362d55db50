-- one row per scope, day, user and third-party agent
select
    reported.scope,
    reported.day,
    reported.user_id,
    reported.agent_id,

    reported.agent_name,
    reported.user_initiated_interaction_count as job_start_count,

    people.counts_in_all_organizations,
from raw.user_day_third_party_agent as reported
inner join core.fct_user_day as people
    on
        reported.scope = people.scope
        and reported.day = people.day
        and reported.user_id = people.user_id
