update marts.feature_usage_daily set share_of_interactions = 0.9, share_of_generations = 0.9
