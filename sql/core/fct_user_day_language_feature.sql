-- one row per scope, day, user, language and feature
select
    reported.scope,
    reported.day,
    reported.user_id,
    reported.language,
    reported.feature,

    coalesce(language_alias.language_canonical, reported.language) as language_canonical,
    coalesce(dim_feature.is_chat, false) as is_chat,
    coalesce(dim_feature.code_origin, 'unknown') as code_origin,

    reported.code_generation_activity_count,
    reported.code_acceptance_activity_count,
    reported.loc_suggested_to_add_sum,
    reported.loc_suggested_to_delete_sum,
    reported.loc_added_sum,
    reported.loc_deleted_sum,

    people.counts_in_all_organizations,
from raw.user_day_language_feature as reported
inner join core.fct_user_day as people
    on
        reported.scope = people.scope
        and reported.day = people.day
        and reported.user_id = people.user_id
left join seeds.language_alias as language_alias on lower(reported.language) = language_alias.language
left join core.dim_feature as dim_feature on reported.feature = dim_feature.feature
