-- one row per feature: those of GitHub's list, and those that it reported without being on it
with
reported as (
    select distinct feature from raw.user_day_feature where feature is not null
)

select
    coalesce(known.feature, reported.feature) as feature,

    coalesce(known.feature_label, reported.feature) as feature_label,
    coalesce(known.surface, 'unknown') as surface,
    coalesce(known.mode, 'unknown') as mode,

    coalesce(known.is_chat, false) as is_chat,
    coalesce(known.code_origin, 'unknown') as code_origin,
    known.feature is not null as is_known,
from seeds.feature as known
full join reported on known.feature = reported.feature
order by surface, feature
