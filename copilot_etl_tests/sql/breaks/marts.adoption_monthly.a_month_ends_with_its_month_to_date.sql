update marts.adoption_monthly set active_users = active_users + 1;
update marts.adoption_daily set day = last_day(day) where day = (select max(day) from marts.adoption_daily)
