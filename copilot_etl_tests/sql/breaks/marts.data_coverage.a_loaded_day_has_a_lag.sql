update marts.data_coverage set lag_hours = null
