-- Lines of all origins are the lines of all features.
with
origins as (
    select scope, day, sum(loc_added) as loc_added from marts.code_generation_daily group by scope, day
),

features as (
    select scope, day, sum(loc_added) as loc_added from marts.feature_usage_daily group by scope, day
)

select features.scope, features.day
from features
inner join origins on features.scope = origins.scope and features.day = origins.day
where coalesce(features.loc_added, 0) <> origins.loc_added
