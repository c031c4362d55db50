-- one row per scope, day and user that has a breakdown: whether its parts add up to its totals
with
features as (
    select
        scope,
        day,
        user_id,
        sum(user_initiated_interaction_count) as interactions,
        sum(code_generation_activity_count) as generations,
        sum(code_acceptance_activity_count) as acceptances,
        sum(loc_suggested_to_add_sum) as suggested,
        sum(loc_added_sum) as added,
        sum(loc_deleted_sum) as deleted,
        sum(code_generation_activity_count) filter (where feature not in ('copilot_cli', 'copilot_app'))
            as editor_generations,
        sum(loc_added_sum) filter (where feature not in ('copilot_cli', 'copilot_app')) as editor_added,
        sum(user_initiated_interaction_count) filter (where feature <> 'code_completion') as model_interactions,
        sum(code_generation_activity_count) filter (where feature <> 'code_completion') as model_generations,
        sum(loc_added_sum) filter (where feature <> 'code_completion') as model_added,
        count(*) - count(distinct feature) as repeats,
    from core.fct_user_day_feature
    group by scope, day, user_id
),

language_features as (
    select
        scope,
        day,
        user_id,
        sum(code_generation_activity_count) as generations,
        sum(code_acceptance_activity_count) as acceptances,
        sum(loc_suggested_to_add_sum) as suggested,
        sum(loc_added_sum) as added,
        sum(loc_deleted_sum) as deleted,
        count(*) - count(distinct row(language, feature)) as repeats,
    from core.fct_user_day_language_feature
    group by scope, day, user_id
),

ides as (
    select
        scope,
        day,
        user_id,
        sum(code_generation_activity_count) as generations,
        sum(loc_added_sum) as added,
        count(*) - count(distinct ide) as repeats,
    from core.fct_user_day_ide
    group by scope, day, user_id
),

model_features as (
    select
        scope,
        day,
        user_id,
        sum(user_initiated_interaction_count) as interactions,
        sum(code_generation_activity_count) as generations,
        sum(loc_added_sum) as added,
        count(*) - count(distinct row(model, feature)) as repeats,
    from core.fct_user_day_model_feature
    group by scope, day, user_id
),

language_models as (
    select
        scope,
        day,
        user_id,
        sum(code_generation_activity_count) as generations,
        sum(loc_added_sum) as added,
        count(*) - count(distinct row(language, model)) as repeats,
    from core.fct_user_day_language_model
    group by scope, day, user_id
)

select
    people.scope,
    people.day,
    people.user_id,

    case
        when features.user_id is not null
            then
                coalesce(features.interactions, 0) = coalesce(people.user_initiated_interaction_count, 0)
                and coalesce(features.generations, 0) = coalesce(people.code_generation_activity_count, 0)
                and coalesce(features.acceptances, 0) = coalesce(people.code_acceptance_activity_count, 0)
                and coalesce(features.suggested, 0) = coalesce(people.loc_suggested_to_add_sum, 0)
                and coalesce(features.added, 0) = coalesce(people.loc_added_sum, 0)
                and coalesce(features.deleted, 0) = coalesce(people.loc_deleted_sum, 0)
    end as features_match,
    case
        when language_features.user_id is not null
            then
                coalesce(language_features.generations, 0) = coalesce(people.code_generation_activity_count, 0)
                and coalesce(language_features.acceptances, 0) = coalesce(people.code_acceptance_activity_count, 0)
                and coalesce(language_features.suggested, 0) = coalesce(people.loc_suggested_to_add_sum, 0)
                and coalesce(language_features.added, 0) = coalesce(people.loc_added_sum, 0)
                and coalesce(language_features.deleted, 0) = coalesce(people.loc_deleted_sum, 0)
    end as language_features_match,
    case
        when ides.user_id is not null and features.user_id is not null
            then
                coalesce(ides.generations, 0) = coalesce(features.editor_generations, 0)
                and coalesce(ides.added, 0) = coalesce(features.editor_added, 0)
    end as ides_match,
    case
        when model_features.user_id is not null and features.user_id is not null
            then
                coalesce(model_features.interactions, 0) = coalesce(features.model_interactions, 0)
                and coalesce(model_features.generations, 0) = coalesce(features.model_generations, 0)
                and coalesce(model_features.added, 0) = coalesce(features.model_added, 0)
    end as model_features_match,
    case
        when language_models.user_id is not null and model_features.user_id is not null
            then
                coalesce(language_models.generations, 0) = coalesce(model_features.generations, 0)
                and coalesce(language_models.added, 0) = coalesce(model_features.added, 0)
    end as language_models_match,

    coalesce(features.repeats, 0)
    + coalesce(language_features.repeats, 0)
    + coalesce(ides.repeats, 0)
    + coalesce(model_features.repeats, 0)
    + coalesce(language_models.repeats, 0) as repeated_keys,
from core.fct_user_day as people
left join features
    on people.scope = features.scope and people.day = features.day and people.user_id = features.user_id
left join language_features
    on
        people.scope = language_features.scope
        and people.day = language_features.day
        and people.user_id = language_features.user_id
left join ides on people.scope = ides.scope and people.day = ides.day and people.user_id = ides.user_id
left join model_features
    on
        people.scope = model_features.scope
        and people.day = model_features.day
        and people.user_id = model_features.user_id
left join language_models
    on
        people.scope = language_models.scope
        and people.day = language_models.day
        and people.user_id = language_models.user_id
where
    features.user_id is not null
    or language_features.user_id is not null
    or ides.user_id is not null
    or model_features.user_id is not null
    or language_models.user_id is not null
