-- one row per scope, day and user of the VS Code Agents window
select
    reported.scope,
    reported.day,
    reported.user_id,

    reported.session_count,
    reported.total_user_messages,

    people.counts_in_all_organizations,
from raw.user_day_vscode_agent as reported
inner join core.fct_user_day as people
    on
        reported.scope = people.scope
        and reported.day = people.day
        and reported.user_id = people.user_id
