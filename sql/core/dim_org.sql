-- one row per scope: an organization or an enterprise
with
named as (
    select
        scope,
        first(organization_id order by day desc) filter (where organization_id <> '') as organization_id,
        first(enterprise_id order by day desc) filter (where enterprise_id <> '') as enterprise_id,
    from (
        select scope, day, any_value(organization_id) as organization_id, any_value(enterprise_id) as enterprise_id
        from raw.user_day
        group by scope, day
    ) as by_day
    group by scope
),

looked_at as (
    select
        scope,
        min(day) filter (where loaded_at is not null) as first_loaded_day,
        max(day) filter (where loaded_at is not null) as last_loaded_day,
        count(*) filter (where loaded_at is not null) as days_loaded,
    from ops.report_days
    where report = 'users-1-day'
    group by scope
)

select
    looked_at.scope,

    if(starts_with(looked_at.scope, 'enterprise.'), 'enterprise', 'org') as scope_kind,
    named.organization_id,
    named.enterprise_id,

    looked_at.first_loaded_day,
    looked_at.last_loaded_day,
    looked_at.days_loaded,
from looked_at
left join named on looked_at.scope = named.scope
order by looked_at.scope
