-- one row per scope, day and user of the Copilot app
select
    reported.scope,
    reported.day,
    reported.user_id,

    reported.session_count,
    reported.request_count,
    reported.prompt_count,
    reported.output_tokens_sum,
    reported.prompt_tokens_sum,

    people.counts_in_all_organizations,
from raw.user_day_copilot_app as reported
inner join core.fct_user_day as people
    on
        reported.scope = people.scope
        and reported.day = people.day
        and reported.user_id = people.user_id
