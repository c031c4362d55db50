-- one row per scope, day, breakdown and key of it: what GitHub says of the scope by editor, feature, language or model
select
    scope,
    day,
    'ide' as breakdown,
    coalesce(ide, '') as first_key,
    '' as second_key,

    user_initiated_interaction_count,
    code_generation_activity_count,
    code_acceptance_activity_count,
    loc_suggested_to_add_sum,
    loc_suggested_to_delete_sum,
    loc_added_sum,
    loc_deleted_sum,
from raw.totals_day_ide
union all
select
    scope,
    day,
    'feature' as breakdown,
    coalesce(feature, '') as first_key,
    '' as second_key,
    user_initiated_interaction_count,
    code_generation_activity_count,
    code_acceptance_activity_count,
    loc_suggested_to_add_sum,
    loc_suggested_to_delete_sum,
    loc_added_sum,
    loc_deleted_sum,
from raw.totals_day_feature
union all
select
    scope,
    day,
    'language_feature' as breakdown,
    coalesce(language, '') as first_key,
    coalesce(feature, '') as second_key,
    null as user_initiated_interaction_count,
    code_generation_activity_count,
    code_acceptance_activity_count,
    loc_suggested_to_add_sum,
    loc_suggested_to_delete_sum,
    loc_added_sum,
    loc_deleted_sum,
from raw.totals_day_language_feature
union all
select
    scope,
    day,
    'language_model' as breakdown,
    coalesce(language, '') as first_key,
    coalesce(model, '') as second_key,
    null as user_initiated_interaction_count,
    code_generation_activity_count,
    code_acceptance_activity_count,
    loc_suggested_to_add_sum,
    loc_suggested_to_delete_sum,
    loc_added_sum,
    loc_deleted_sum,
from raw.totals_day_language_model
union all
select
    scope,
    day,
    'model_feature' as breakdown,
    coalesce(model, '') as first_key,
    coalesce(feature, '') as second_key,
    user_initiated_interaction_count,
    code_generation_activity_count,
    code_acceptance_activity_count,
    loc_suggested_to_add_sum,
    loc_suggested_to_delete_sum,
    loc_added_sum,
    loc_deleted_sum,
from raw.totals_day_model_feature
