update marts.ai_credits_org_month set ai_credits_used = ai_credits_used + 1
