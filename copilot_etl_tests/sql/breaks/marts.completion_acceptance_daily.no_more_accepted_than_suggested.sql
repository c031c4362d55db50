update marts.completion_acceptance_daily set accepted = suggested + 1
