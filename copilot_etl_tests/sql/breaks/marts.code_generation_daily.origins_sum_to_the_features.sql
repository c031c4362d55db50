update marts.code_generation_daily set loc_added = loc_added + 1
