update marts.user_lifecycle_weekly set users = users + 1;
update marts.adoption_weekly set week_start_monday = (select min(week_start_monday) from marts.user_lifecycle_weekly) - 7
