update marts.seat_utilisation_daily set active_seats_7d = seats + 1
