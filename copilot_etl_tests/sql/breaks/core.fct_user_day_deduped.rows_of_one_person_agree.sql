insert into core.fct_user_day select * replace ('labs' as scope, 77 as code_generation_activity_count) from core.fct_user_day
