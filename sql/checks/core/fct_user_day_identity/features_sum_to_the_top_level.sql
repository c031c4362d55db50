-- The features of a user's day add up to its top-level counters, as far as GitHub sent any feature.
-- severity: warn
-- days: all
select scope, day, user_id from core.fct_user_day_identity where not features_match
