-- one row per scope and day on which somebody used the VS Code Agents window
with
sessions as (
    select
        scope,
        day,
        user_id,
        session_count,
        total_user_messages,
    from core.fct_user_day_vscode_agent
    union all
    select
        '(all organizations)' as scope,
        day,
        user_id,
        session_count,
        total_user_messages,
    from core.fct_user_day_vscode_agent
    where counts_in_all_organizations
)

select
    scope,
    day,

    count(distinct user_id) as users,
    sum(session_count)::bigint as sessions,
    sum(total_user_messages)::bigint as messages,
from sessions
group by scope, day
order by scope, day
