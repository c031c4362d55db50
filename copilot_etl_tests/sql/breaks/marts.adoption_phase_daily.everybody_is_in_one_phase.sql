update marts.adoption_phase_daily set users_recomputed = 1, users_agreeing = users + 1
