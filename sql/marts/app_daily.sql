-- one row per scope and day on which somebody used the Copilot app
with
sessions as (
    select
        scope,
        day,
        user_id,
        session_count,
        request_count,
        prompt_count,
        output_tokens_sum,
        prompt_tokens_sum,
    from core.fct_user_day_app
    union all
    select
        '(all organizations)' as scope,
        day,
        user_id,
        session_count,
        request_count,
        prompt_count,
        output_tokens_sum,
        prompt_tokens_sum,
    from core.fct_user_day_app
    where counts_in_all_organizations
)

select
    scope,
    day,

    count(distinct user_id) as users,
    sum(session_count)::bigint as sessions,
    sum(prompt_count)::bigint as prompts,
    sum(request_count)::bigint as requests,
    sum(output_tokens_sum)::bigint as output_tokens,
    sum(prompt_tokens_sum)::bigint as prompt_tokens,
    (sum(output_tokens_sum) + sum(prompt_tokens_sum))::bigint as tokens,

    sum(request_count)::bigint / nullif(sum(prompt_count)::bigint, 0) as requests_per_prompt,
    (sum(output_tokens_sum) + sum(prompt_tokens_sum))::bigint / nullif(sum(request_count)::bigint, 0)
        as tokens_per_request,
from sessions
group by scope, day
order by scope, day
