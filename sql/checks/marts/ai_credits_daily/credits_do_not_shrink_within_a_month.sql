-- Month to date holds at least the day, its first day is the day itself, and the top tenth no more than all.
select scope, day
from marts.ai_credits_daily
where
    ai_credits_used_mtd < ai_credits_used
    or (dayofmonth(day) = 1 and ai_credits_used_mtd is distinct from ai_credits_used)
    or users_with_credits > active_users
    or ai_credits_of_top_decile > ai_credits_used
