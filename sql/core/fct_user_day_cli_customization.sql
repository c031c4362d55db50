-- one row per scope, day, user, customization type and name
select
    reported.scope,
    reported.day,
    reported.user_id,
    reported.customization_type,
    reported.name,

    row_number() over (
        partition by reported.scope, reported.day, reported.user_id, reported.customization_type
        order by reported.interaction_count desc nulls last, reported.name asc
    ) as rank,

    reported.interaction_count,

    people.counts_in_all_organizations,
from raw.user_day_cli_customization as reported
inner join core.fct_user_day as people
    on
        reported.scope = people.scope
        and reported.day = people.day
        and reported.user_id = people.user_id
