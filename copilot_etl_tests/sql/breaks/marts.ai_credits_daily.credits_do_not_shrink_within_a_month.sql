update marts.ai_credits_daily set ai_credits_used_mtd = ai_credits_used - 1
