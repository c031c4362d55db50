update marts.ai_credits_daily set day = day - 365
