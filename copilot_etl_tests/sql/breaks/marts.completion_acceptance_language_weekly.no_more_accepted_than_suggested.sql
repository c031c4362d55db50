update marts.completion_acceptance_language_weekly set accepted = suggested + 1
