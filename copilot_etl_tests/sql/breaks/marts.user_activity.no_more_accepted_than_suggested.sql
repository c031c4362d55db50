update marts.user_activity set completions_accepted_28d = completions_suggested_28d + 1
