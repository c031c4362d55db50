-- one row per day, dimension and raw value that was reported
select
    reported.day,
    reported.dimension,
    reported.raw_value,

    count(*) as breakdown_rows,
from (
    select day, 'feature' as dimension, feature as raw_value from core.fct_user_day_feature
    union all
    select day, 'language' as dimension, language as raw_value from core.fct_user_day_language_feature
    union all
    select day, 'model' as dimension, model as raw_value from core.fct_user_day_model_feature
) as reported
where reported.raw_value is not null
group by reported.day, reported.dimension, reported.raw_value
