update marts.adoption_phase_daily set users = 100, users_agreeing = 50
