-- one row per scope, day, user and editor
select
    reported.scope,
    reported.day,
    reported.user_id,
    reported.ide,

    reported.user_initiated_interaction_count,
    reported.code_generation_activity_count,
    reported.code_acceptance_activity_count,
    reported.loc_suggested_to_add_sum,
    reported.loc_suggested_to_delete_sum,
    reported.loc_added_sum,
    reported.loc_deleted_sum,
    reported.ide_version,
    reported.ide_version_sampled_at,
    reported.plugin,
    reported.plugin_version,
    reported.plugin_version_sampled_at,

    people.counts_in_all_organizations,
from raw.user_day_ide as reported
inner join core.fct_user_day as people
    on
        reported.scope = people.scope
        and reported.day = people.day
        and reported.user_id = people.user_id
