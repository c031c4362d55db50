-- The editors of a user's day add up to its features without Copilot CLI and app.
-- severity: warn
-- days: all
select scope, day, user_id from core.fct_user_day_identity where not ides_match
