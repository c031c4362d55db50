-- one row per scope and day on which somebody chatted in an editor
with
feature_usage as (
    select scope, day, interactions from marts.feature_usage_daily where is_chat
),

chatting as (
    select scope, day, count(*) as users
    from (
        select distinct scope, day, user_id
        from core.fct_user_day_feature
        where is_chat and user_initiated_interaction_count > 0
        union all
        select distinct '(all organizations)' as scope, day, user_id
        from core.fct_user_day_feature
        where is_chat and user_initiated_interaction_count > 0 and counts_in_all_organizations
    ) as people
    group by scope, day
),

active as (
    select scope, day, count(*) as users from core.fct_user_day_scoped group by scope, day
),

requests as (
    select scope, day, sum(interactions)::bigint as chat_requests from feature_usage group by scope, day
)

select
    requests.scope,
    requests.day,

    requests.chat_requests,
    coalesce(chatting.users, 0) as chat_users,
    active.users as active_users,

    requests.chat_requests / nullif(active.users, 0) as chat_requests_per_active_user,
    requests.chat_requests / nullif(chatting.users, 0) as chat_requests_per_chat_user,
from requests
inner join active on requests.scope = active.scope and requests.day = active.day
left join chatting on requests.scope = chatting.scope and requests.day = chatting.day
order by requests.scope, requests.day
