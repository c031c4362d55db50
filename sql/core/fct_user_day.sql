-- one row per scope, day and user that GitHub saw
with
surfaces as (
    select
        scope,
        day,
        user_id,
        sum(used) as used,
    from (
        select scope, day, user_id, coalesce(prompt_count, 0) + coalesce(request_count, 0) as used from raw.user_day_cli
        union all
        select scope, day, user_id, coalesce(prompt_count, 0) + coalesce(request_count, 0) from raw.user_day_copilot_app
        union all
        select scope, day, user_id, coalesce(user_initiated_interaction_count, 0) from raw.user_day_third_party_agent
        union all
        select scope, day, user_id, coalesce(total_user_messages, 0) + coalesce(session_count, 0)
        from raw.user_day_vscode_agent
    ) as counters
    group by all
)

select
    user_day.scope,
    user_day.day,
    user_day.user_id,

    user_day.user_login,
    user_day.organization_id,
    user_day.enterprise_id,
    user_day.ai_adoption_phase_number as adoption_phase_number,
    user_day.ai_adoption_phase as adoption_phase_name,
    user_day.ai_adoption_phase_version as adoption_phase_version,

    user_day.user_initiated_interaction_count,
    user_day.code_generation_activity_count,
    user_day.code_acceptance_activity_count,
    user_day.loc_suggested_to_add_sum,
    user_day.loc_suggested_to_delete_sum,
    user_day.loc_added_sum,
    user_day.loc_deleted_sum,
    user_day.ai_credits_used::decimal(18, 6) as ai_credits_used,

    user_day.used_agent,
    user_day.used_chat,
    user_day.used_cli,
    coalesce(user_day.used_copilot_cloud_agent, user_day.used_copilot_coding_agent) as used_copilot_cloud_agent,
    user_day.used_copilot_code_review_active,
    user_day.used_copilot_code_review_passive,
    user_day.used_copilot_app,
    user_day.used_vscode_agent,

    user_day.distinct_skill_use_count,
    user_day.distinct_custom_agent_use_count,
    user_day.distinct_mcp_use_count,
    user_day.distinct_slash_cmd_use_count,
    user_day.distinct_plugin_use_count,

    true as is_active,
    coalesce(user_day.user_initiated_interaction_count > 0, false)
    or coalesce(user_day.code_generation_activity_count > 0, false)
    or coalesce(user_day.code_acceptance_activity_count > 0, false)
    or coalesce(user_day.used_agent, false)
    or coalesce(user_day.used_chat, false)
    or coalesce(user_day.used_cli, false)
    or coalesce(user_day.used_copilot_app, false)
    or coalesce(user_day.used_copilot_cloud_agent, user_day.used_copilot_coding_agent, false)
    or coalesce(user_day.used_copilot_code_review_active, false)
    or coalesce(user_day.used_vscode_agent, false)
    or coalesce(surfaces.used > 0, false) as is_engaged,
    coalesce(user_day.user_initiated_interaction_count > 0, false) as is_prompting,
    user_day.day > (now() at time zone 'UTC')::date - 3 as is_provisional,
    not starts_with(user_day.scope, 'enterprise.')
    and row_number() over (
        partition by user_day.day, user_day.user_id, starts_with(user_day.scope, 'enterprise.')
        order by user_day.code_generation_activity_count desc nulls last, user_day.scope asc
    ) = 1 as counts_in_all_organizations,
from raw.user_day as user_day
left join surfaces
    on
        user_day.scope = surfaces.scope
        and user_day.day = surfaces.day
        and user_day.user_id = surfaces.user_id
