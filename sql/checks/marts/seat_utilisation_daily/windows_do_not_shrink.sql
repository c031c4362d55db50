-- active_seats <= 7d <= 28d <= seats, and nobody is both seen and never active
from marts.seat_utilisation_daily
where
    active_seats > active_seats_7d
    or active_seats_7d > active_seats_28d
    or active_seats_28d > seen_seats_28d
    or seen_seats_28d + never_active_seats > seats
