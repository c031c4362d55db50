update marts.adoption_phase_daily set share_of_users = 0.9
