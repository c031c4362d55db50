-- one row per scope, day, user and feature
select
    scope,
    day,
    user_id,
    feature,

    feature in (
        'chat_inline',
        'chat_panel_ask_mode',
        'chat_panel_edit_mode',
        'chat_panel_agent_mode',
        'chat_panel_plan_mode',
        'chat_panel_custom_mode',
        'chat_panel_unknown_mode'
    ) as is_chat,
    case
        when feature = 'agent_edit' then 'agent_initiated'
        when feature in ('code_completion', 'chat_inline') or starts_with(feature, 'chat_panel_') then 'user_initiated'
        when feature = 'copilot_cli' then 'cli'
        when feature = 'copilot_app' then 'app'
        else 'unknown'
    end as code_origin,

    user_initiated_interaction_count,
    code_generation_activity_count,
    code_acceptance_activity_count,
    loc_suggested_to_add_sum,
    loc_suggested_to_delete_sum,
    loc_added_sum,
    loc_deleted_sum,
from raw.user_day_feature
order by day, scope, user_id
