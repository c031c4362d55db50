update marts.feature_adoption_funnel set users = users + 100000
