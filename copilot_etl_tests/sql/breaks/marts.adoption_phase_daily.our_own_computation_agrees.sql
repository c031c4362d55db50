update marts.adoption_phase_daily set comparable_users = 100, agreeing_users = 50
