update marts.idle_seats_by_bucket set seats = seats + 1
