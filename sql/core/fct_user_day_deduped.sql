-- one row per day and person over all organizations
select
    day,
    user_id,

    scope as counted_scope,
    organization_count,
    user_login,
    adoption_phase_number,

    user_initiated_interaction_count,
    code_generation_activity_count,
    code_acceptance_activity_count,
    loc_suggested_to_add_sum,
    loc_suggested_to_delete_sum,
    loc_added_sum,
    loc_deleted_sum,
    ai_credits_used,

    used_agent,
    used_chat,
    used_cli,
    used_copilot_cloud_agent,
    used_copilot_code_review_active,
    used_copilot_code_review_passive,
    used_copilot_app,
    used_vscode_agent,

    is_active,
    is_engaged,
    is_prompting,
    is_provisional,
from (
    select *, count(*) over (partition by day, user_id) as organization_count
    from core.fct_user_day
    where not starts_with(scope, 'enterprise.')
) as rows_of_organizations
where counts_in_all_organizations
