-- one row per scope and person ever seen in it, as of the scope's latest loaded day
with
people as (
    select
        scope,
        user_id,
        as_of_day,
        user_login,
        first_active_day,
        last_active_day,
        last_engaged_day,
        days_idle,
    from marts.idle_users
    where first_active_day is not null
),

-- days to look at: joined by equality, so the days before them are not even read
last_90 as (
    select
        latest.scope,
        dates.date_day as day,
        latest.as_of_day - dates.date_day < 7 as is_in_7,
        latest.as_of_day - dates.date_day < 28 as is_in_28,
    from (select distinct scope, as_of_day from people) as latest
    inner join core.dim_date as dates on dates.date_day between latest.as_of_day - 89 and latest.as_of_day
),

last_28 as (
    select scope, day from last_90 where is_in_28
),

completions as (
    select scope, day, user_id, code_generation_activity_count, code_acceptance_activity_count
    from core.fct_user_day_feature
    where feature = 'code_completion'
    union all
    select
        '(all organizations)' as scope,
        day,
        user_id,
        code_generation_activity_count,
        code_acceptance_activity_count,
    from core.fct_user_day_feature
    where feature = 'code_completion' and counts_in_all_organizations
),

completions_28 as (
    select
        completions.scope,
        completions.user_id,
        sum(completions.code_generation_activity_count)::bigint as suggested,
        sum(completions.code_acceptance_activity_count)::bigint as accepted,
    from completions
    inner join last_28 on completions.scope = last_28.scope and completions.day = last_28.day
    group by completions.scope, completions.user_id
),

agents as (
    select scope, day, user_id from core.fct_user_day_third_party_agent where job_start_count > 0
    union all
    select '(all organizations)' as scope, day, user_id
    from core.fct_user_day_third_party_agent
    where job_start_count > 0 and counts_in_all_organizations
),

agents_28 as (
    select distinct agents.scope, agents.user_id
    from agents
    inner join last_28 on agents.scope = last_28.scope and agents.day = last_28.day
),

days as (
    select
        facts.scope,
        facts.user_id,
        count(*) filter (where last_90.is_in_7) as active_days_7d,
        count(*) filter (where last_90.is_in_28) as active_days_28d,
        count(*) as active_days_90d,
        count(*) filter (where facts.is_engaged and last_90.is_in_7) as engaged_days_7d,
        count(*) filter (where facts.is_engaged and last_90.is_in_28) as engaged_days_28d,
        count(*) filter (where facts.is_engaged) as engaged_days_90d,
        sum(facts.user_initiated_interaction_count) filter (where last_90.is_in_28) as interactions_28d,
        sum(facts.code_generation_activity_count) filter (where last_90.is_in_28) as generations_28d,
        sum(facts.loc_added_sum) filter (where last_90.is_in_28) as loc_added_28d,
        sum(facts.ai_credits_used) filter (where last_90.is_in_28) as ai_credits_used_28d,
        max_by(facts.adoption_phase_number, facts.day) as adoption_phase_number,
        bool_or(facts.used_chat) filter (where last_90.is_in_28) as used_chat,
        bool_or(facts.used_agent) filter (where last_90.is_in_28) as used_agent,
        bool_or(facts.used_vscode_agent) filter (where last_90.is_in_28) as used_vscode_agent,
        bool_or(facts.used_cli) filter (where last_90.is_in_28) as used_cli,
        bool_or(facts.used_copilot_app) filter (where last_90.is_in_28) as used_app,
        bool_or(facts.used_copilot_cloud_agent) filter (where last_90.is_in_28) as used_cloud_agent,
        bool_or(facts.used_copilot_code_review_active) filter (where last_90.is_in_28) as used_code_review,
    from core.fct_user_day_scoped as facts
    inner join last_90 on facts.scope = last_90.scope and facts.day = last_90.day
    group by facts.scope, facts.user_id
),

languages as (
    select scope, day, user_id, language_canonical, code_generation_activity_count
    from core.fct_user_day_language_feature
    union all
    select '(all organizations)' as scope, day, user_id, language_canonical, code_generation_activity_count
    from core.fct_user_day_language_feature
    where counts_in_all_organizations
),

language_sums as (
    select
        languages.scope,
        languages.user_id,
        languages.language_canonical as language,
        sum(languages.code_generation_activity_count) as generations,
    from languages
    inner join last_28 on languages.scope = last_28.scope and languages.day = last_28.day
    where languages.language_canonical not in ('unknown', 'others')
    group by languages.scope, languages.user_id, languages.language_canonical
),

top_languages as (
    select scope, user_id, first(language order by generations desc, language asc) as top_language_28d
    from language_sums
    where generations > 0
    group by scope, user_id
),

editors as (
    select scope, day, user_id, ide, code_generation_activity_count from core.fct_user_day_ide
    union all
    select '(all organizations)' as scope, day, user_id, ide, code_generation_activity_count
    from core.fct_user_day_ide
    where counts_in_all_organizations
),

editor_sums as (
    select
        editors.scope,
        editors.user_id,
        editors.ide,
        count(distinct editors.day) as days,
        coalesce(sum(editors.code_generation_activity_count), 0) as generations,
    from editors
    inner join last_28 on editors.scope = last_28.scope and editors.day = last_28.day
    where editors.ide not in ('unknown', 'others')
    group by editors.scope, editors.user_id, editors.ide
),

top_editors as (
    select scope, user_id, first(ide order by days desc, generations desc, ide asc) as top_ide_28d
    from editor_sums
    group by scope, user_id
),

models as (
    select
        scope,
        day,
        user_id,
        model_canonical,
        user_initiated_interaction_count,
        code_generation_activity_count,
    from core.fct_user_day_model_feature
    union all
    select
        '(all organizations)' as scope,
        day,
        user_id,
        model_canonical,
        user_initiated_interaction_count,
        code_generation_activity_count,
    from core.fct_user_day_model_feature
    where counts_in_all_organizations
),

model_sums as (
    select
        models.scope,
        models.user_id,
        models.model_canonical as model,
        coalesce(sum(models.user_initiated_interaction_count), 0) as interactions,
        coalesce(sum(models.code_generation_activity_count), 0) as generations,
    from models
    inner join last_28 on models.scope = last_28.scope and models.day = last_28.day
    where models.model_canonical not in ('unknown', 'others')
    group by models.scope, models.user_id, models.model_canonical
),

top_models as (
    select scope, user_id, first(model order by interactions desc, generations desc, model asc) as top_model_28d
    from model_sums
    where interactions > 0 or generations > 0
    group by scope, user_id
),

activity as (
    select
        people.scope,
        people.user_id,
        people.as_of_day,
        people.user_login,
        people.first_active_day,
        people.last_active_day,
        people.last_engaged_day,
        people.days_idle,
        days.adoption_phase_number,
        top_languages.top_language_28d,
        top_editors.top_ide_28d,
        top_models.top_model_28d,
        coalesce(days.active_days_7d, 0) as active_days_7d,
        coalesce(days.active_days_28d, 0) as active_days_28d,
        coalesce(days.active_days_90d, 0) as active_days_90d,
        coalesce(days.engaged_days_7d, 0) as engaged_days_7d,
        coalesce(days.engaged_days_28d, 0) as engaged_days_28d,
        coalesce(days.engaged_days_90d, 0) as engaged_days_90d,
        if(days.active_days_28d > 0, days.interactions_28d, 0) as interactions_28d,
        if(days.active_days_28d > 0, days.generations_28d, 0) as generations_28d,
        if(days.active_days_28d > 0, days.loc_added_28d, 0) as loc_added_28d,
        days.ai_credits_used_28d,
        coalesce(completions_28.suggested, 0) as completions_suggested_28d,
        coalesce(completions_28.accepted, 0) as completions_accepted_28d,
        completions_28.user_id is not null as used_completion,
        coalesce(days.used_chat, false) as used_chat,
        coalesce(days.used_agent, false) as used_agent,
        completions_28.user_id is not null
        or coalesce(days.used_chat, false)
        or coalesce(days.used_agent, false)
        or coalesce(days.used_vscode_agent, false) as used_editor,
        coalesce(days.used_cli, false) as used_cli,
        coalesce(days.used_app, false) as used_app,
        coalesce(days.used_cloud_agent, false) as used_cloud_agent,
        coalesce(days.used_code_review, false) as used_code_review,
        agents_28.user_id is not null as used_third_party_agent,
    from people
    left join days on people.scope = days.scope and people.user_id = days.user_id
    left join completions_28 on people.scope = completions_28.scope and people.user_id = completions_28.user_id
    left join agents_28 on people.scope = agents_28.scope and people.user_id = agents_28.user_id
    left join top_languages on people.scope = top_languages.scope and people.user_id = top_languages.user_id
    left join top_editors on people.scope = top_editors.scope and people.user_id = top_editors.user_id
    left join top_models on people.scope = top_models.scope and people.user_id = top_models.user_id
)

select
    scope,
    user_id,

    as_of_day,
    user_login,
    case
        when engaged_days_28d = 0 then 'inactive'
        when engaged_days_28d <= 4 then 'light'
        when engaged_days_28d <= 11 then 'moderate'
        else 'heavy'
    end as usage_tier,
    adoption_phase_number,
    top_language_28d,
    top_ide_28d,
    top_model_28d,
    nullif(
        concat_ws(
            ', ',
            if(used_editor, 'editor', null),
            if(used_cli, 'CLI', null),
            if(used_app, 'app', null),
            if(used_cloud_agent, 'cloud agent', null),
            if(used_code_review, 'code review', null),
            if(used_third_party_agent, 'third-party agent', null)
        ),
        ''
    ) as surface_names_28d,

    first_active_day,
    last_active_day,
    last_engaged_day,
    days_idle as days_since_last_active,
    active_days_7d,
    active_days_28d,
    active_days_90d,
    engaged_days_7d,
    engaged_days_28d,
    engaged_days_90d,
    interactions_28d::bigint as interactions_28d,
    generations_28d::bigint as generations_28d,
    loc_added_28d::bigint as loc_added_28d,
    completions_suggested_28d,
    completions_accepted_28d,
    completions_accepted_28d / nullif(completions_suggested_28d, 0) as acceptance_rate_28d,
    ai_credits_used_28d::decimal(18, 6) as ai_credits_used_28d,
    used_editor::bigint
    + used_cli::bigint
    + used_app::bigint
    + used_cloud_agent::bigint
    + used_code_review::bigint
    + used_third_party_agent::bigint as surfaces_28d,

    used_completion as used_completion_28d,
    used_chat as used_chat_28d,
    used_agent as used_agent_28d,
    used_cli as used_cli_28d,
    used_app as used_app_28d,
    used_cloud_agent as used_cloud_agent_28d,
    used_code_review as used_code_review_28d,
    used_third_party_agent as used_third_party_agent_28d,
from activity
order by scope, user_id
