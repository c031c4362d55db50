-- one row per dimension and raw value that no seed knows
with
reported as (
    select
        dimension,
        raw_value,
        min(day) as first_day,
        max(day) as last_day,
        count(*) as days,
        sum(breakdown_rows)::bigint as breakdown_rows,
    from core.fct_dimension_value_day
    group by dimension, raw_value
),

known as (
    select 'feature' as dimension, feature as raw_value from seeds.feature
    union all
    select 'language' as dimension, language as raw_value from seeds.language_alias
    union all
    select 'model' as dimension, model as raw_value from seeds.model_alias
)

select
    reported.dimension,
    reported.raw_value,

    reported.first_day,
    reported.last_day,
    reported.days,
    reported.breakdown_rows,
from reported
left join known
    on
        reported.dimension = known.dimension
        and case when reported.dimension = 'feature' then reported.raw_value else lower(reported.raw_value) end
        = known.raw_value
where known.raw_value is null
order by reported.breakdown_rows desc, reported.dimension asc, reported.raw_value asc
