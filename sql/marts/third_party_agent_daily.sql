-- one row per scope, day and third-party agent
with
jobs as (
    select
        scope,
        day,
        user_id,
        coalesce(agent_id, 'unknown') as agent_id,
        agent_name,
        job_start_count,
    from core.fct_user_day_third_party_agent
    union all
    select
        '(all organizations)' as scope,
        day,
        user_id,
        coalesce(agent_id, 'unknown') as agent_id,
        agent_name,
        job_start_count,
    from core.fct_user_day_third_party_agent
    where counts_in_all_organizations
)

select
    scope,
    day,
    agent_id,

    max(agent_name) as agent_name,

    count(distinct user_id) as users,
    sum(job_start_count)::bigint as job_starts,
from jobs
group by scope, day, agent_id
order by scope, day, agent_id
