-- A breakdown names each key once in a record.
-- severity: warn
-- days: all
select scope, day, user_id from core.fct_user_day_identity where repeated_keys > 0
