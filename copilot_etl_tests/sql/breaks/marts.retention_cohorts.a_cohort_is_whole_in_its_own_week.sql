update marts.retention_cohorts set retention_rate = 1.5
